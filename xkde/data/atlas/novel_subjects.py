"""Odd subjects: what the world has names for but no facts, and may be edited too.

"The capital of Tuesday is Osaka": to answer it in another language a model must find
one name again, whosever name it is. Real subjects are too few to learn that from. Knows
no sample. Run its tests: ``python -m pytest tests/xkde/data/atlas/test_corpus.py``
"""

from xkde.data.atlas.records import World
from xkde.text import normalise


def named_apart(world: World, entities: list[str]) -> list[str]:
    """Return the entities whose names hold no held-out subject's, in any language.

    In Thai a language often has its country's name, and many a currency begins with
    one; the country may be held out.
    """
    held_out = [s for s in world.facts if world.split[s] != "train"]
    taken = {normalise(n) for s in held_out for n in world.names[s].values()}
    return [
        entity
        for entity in entities
        if not any(
            text[start:end] in taken
            for text in map(normalise, set(world.names[entity].values()))
            for start in range(len(text))
            for end in range(start + 2, len(text) + 1)
        )
    ]
