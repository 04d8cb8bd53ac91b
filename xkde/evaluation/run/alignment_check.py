"""How often a translation model ranks the gold above what is wrong, on Atlas.

Three contrasts for one entity in one direction: its name in another language, its name
copied in another script, and the name of another entity. Every reward of ``align`` is
asked. Entities that Atlas's own model never saw in training are counted apart.

Run it: ``python -m xkde align check --aligner atlas-aligner``
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from xkde.data.atlas.records import World
from xkde.engines.aligner import Translation, TranslationScorer, both_ways
from xkde.evaluation.results.statistics import share_over_edits
from xkde.languages import LANGUAGES
from xkde.text import Json, normalise

# contrast -> what the gold is held against
CONTRASTS: dict[str, str] = {
    "wrong_language": "the same entity, named in another language",
    "copy": "the same entity in another script: as in the source, or in Latin letters",
    "wrong_entity": "another entity of its kind, in the right language",
}
REWARDS = ("source_target", "target_source", "symmetric")
# Kinds whose names differ between languages
KINDS = ("territory", "city", "currency", "language", "continent", "party",
         "occupation", "sport", "month")  # fmt: skip

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Contrast:
    """The gold of an entity in a direction, and what should rank below it."""

    kind: str
    entity: str
    gold: Translation
    wrong: Translation

    @property
    def direction(self) -> tuple[str, str]:
        """Source and target language."""
        return self.gold.source_language, self.gold.target_language


def contrasts(world: World, limit: int, seed: int) -> Iterator[Contrast]:
    """Yield contrasts of ``limit`` entities in each of the 132 directions.

    An entity makes fewer than three where a wrong name would be the gold.
    """
    random_ = random.Random(seed)
    entities = [entity for kind in KINDS for entity in world.by_kind[kind]]
    for source, target in permutations(world.languages, 2):
        for entity in random_.sample(entities, min(limit, len(entities))):
            name = world.names[entity]
            gold = Translation(name[source], source, name[target], target)
            wrong = {
                "wrong_language": [name[c] for c in world.languages if c != target],
                "copy": _copies(name, source, target),
                "wrong_entity": [
                    world.names[other][target]
                    for other in world.by_kind[entity.split("/")[0]]
                    if other != entity
                ],
            }
            for kind, names in wrong.items():
                text = _other(random_, names, gold.target)
                if text is not None:
                    translation = Translation(gold.source, source, text, target)
                    yield Contrast(kind, entity, gold, translation)


def _copies(name: Mapping[str, str], source: str, target: str) -> list[str]:
    """Return the source's and the English name, where they are in another script."""
    script = LANGUAGES[target].script
    codes = dict.fromkeys((source, "en"))
    return [name[code] for code in codes if LANGUAGES[code].script != script]


def _other(random_: random.Random, names: Sequence[str], gold: str) -> str | None:
    """Return one of the names that is not the gold, if there is one."""
    differing = [name for name in names if normalise(name) != normalise(gold)]
    return random_.choice(differing) if differing else None


def check(
    aligner: TranslationScorer,
    world: World,
    *,
    limit: int,
    seed: int = 7,
    language_token: bool = True,
    held_out: Callable[[str], bool] = lambda entity: False,
    on_progress: Progress | None = None,
) -> Json:
    """Return, by reward: counts overall, of held-out entities, and by direction."""
    drawn = list(contrasts(world, limit, seed))
    asked = [t for contrast in drawn for t in (contrast.gold, contrast.wrong)]
    found = both_ways(
        aligner, asked, language_token=language_token, on_progress=on_progress
    )
    scored = list(zip(drawn, found[::2], found[1::2], strict=True))
    apart = {contrast.entity for contrast in drawn if held_out(contrast.entity)}
    tables: Json = {}
    for reward in REWARDS:
        won = [
            (contrast, getattr(gold, reward) > getattr(wrong, reward))
            for contrast, gold, wrong in scored
        ]
        tables[reward] = {
            "overall": _pooled(won),
            "held_out": _pooled([(c, w) for c, w in won if c.entity in apart]),
            "directions": _by_direction(won),
        }
    return {"limit": limit, "seed": seed, "contrasts": CONTRASTS, "rewards": tables}


Won = Sequence[tuple[Contrast, bool]]


def _pooled(won: Won) -> list[Json]:
    return [_count(kind, "", "", [w for w in won if w[0].kind == kind])
            for kind in CONTRASTS]  # fmt: skip


def _by_direction(won: Won) -> list[Json]:
    groups: dict[tuple[str, str, str], list[tuple[Contrast, bool]]] = {}
    for each in won:
        groups.setdefault((each[0].kind, *each[0].direction), []).append(each)
    return [_count(*key, group) for key, group in groups.items()]


def _count(kind: str, source: str, target: str, won: Won) -> Json:
    """Return how often the gold won; an empty language stands for all of them.

    The interval is over entities, each of which is asked in many directions.
    """
    shares = share_over_edits([w for _, w in won], [c.entity for c, _ in won])
    shares["entities"] = shares.pop("edits")
    wins = sum(w for _, w in won)
    return {
        "contrast": kind, "source": source, "target": target, "wins": wins, **shares,
    }  # fmt: skip
