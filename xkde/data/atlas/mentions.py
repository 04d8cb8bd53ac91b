"""Whether a text names something: the one decision, for answers, pairs and metrics.

A name within another name is not it: 都柏林 (Dublin) does not name 柏林 (Berlin), nor
"Papua New Guinea" Guinea. Which names are part of others is known from all of Atlas's
names, in all of its languages.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from xkde.data.atlas.names import aliases_of
from xkde.data.atlas.world import atlas
from xkde.text import mentions, normalise, stands_at

Plain = Callable[[str], str]

# Words that end as a name begins: 首都柏林 is the capital Berlin, not 都柏林, Dublin.
BEFORE_NAMES = ("首都",)


def names_entity(
    text: str, name: str, others: Iterable[str] = (), plain: Plain = normalise
) -> bool:
    """Tell whether a text names what ``name`` is the name of.

    ``others`` are names that Atlas may not have and that ``name`` may be a part of;
    ``plain`` is how texts are compared (``unaccented``: without accents).

    >>> names_entity("Papua New Guinea", "Guinea")
    False
    """
    within, sought = plain(text), plain(name)
    if not sought or sought not in within:
        return False
    if within == sought:
        return True
    longer = (*_longer_names(plain).get(sought, ()), *others, *BEFORE_NAMES)
    return mentions(text, name, longer, plain)


@lru_cache(maxsize=4)
def _longer_names(plain: Plain) -> dict[str, tuple[str, ...]]:
    """Return, for each name that is part of names of something else, those names."""
    known = _named(plain)
    longer: dict[str, list[str]] = {}
    for name in sorted(known):
        cuts = range(len(name) + 1)
        for part in {name[i:j] for i in cuts for j in cuts[i + 1 :]} & known.keys():
            if not known[part] & known[name] and _holds(name, part):
                longer.setdefault(part, []).append(name)
    return {part: tuple(found) for part, found in longer.items()}


def _named(plain: Plain) -> dict[str, set[tuple[str, str]]]:
    """Return what each name and alias names, with the language that says so."""
    known: dict[str, set[tuple[str, str]]] = {}
    for entity, table in atlas().names.items():
        for code, name in table.items():
            for each in (name, *aliases_of(name, code)):
                known.setdefault(plain(each), set()).add((entity, code))
    return known


def _holds(name: str, part: str) -> bool:
    return any(stands_at(name, part, at) for at in range(len(name)))
