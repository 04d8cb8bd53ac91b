"""What Atlas's small translation model learns from: parallel names, and copies.

Every entity of Atlas in every direction, its own language included (questions are also
asked in the language of the edit); and strings that no language changes: invented
names, words, numbers. A few entities are set apart, to see what becomes of a name that
was never translated. Knows no tokenizer and no model.

Run its tests: ``python -m pytest tests/xkde/training/atlas_models/test_aligner.py``
"""

import hashlib
import random
from collections.abc import Iterator

from xkde.data.atlas import novel_names
from xkde.data.atlas.names import LATIN
from xkde.data.atlas.records import World
from xkde.engines.aligner import Translation

COPIES = 0.22  # share of strings that are the same on both sides
LATIN_COPIES = 0.6  # of them: from one language in Latin letters to another
# Their names are nearly the same everywhere: there is little to learn from them.
COPIED_KINDS = ("person", "company", "year")
COPIED_WEIGHT = 0.125
# A name in a script of its own is met in one language, a Latin one in up to nine.
TARGET_WEIGHTS = {"ru": 2, "th": 2, "zh": 2}
# Kinds of which a few may be missing; the others are short lists that belong together.
HELD_OUT_KINDS = ("territory", "city", "currency", "language", "person", "company")


def is_held_out(entity: str, one_in: int) -> bool:
    """Tell whether an entity's names are kept from training; ``one_in`` 0: none are."""
    if not one_in or entity.split("/")[0] not in HELD_OUT_KINDS:
        return False
    digest = hashlib.sha256(f"aligner:{entity}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % one_in == 0


def training_translations(
    world: World, count: int, seed: int, one_in: int
) -> Iterator[Translation]:
    """Yield names and copies, ``count`` of them; the same ones for a seed."""
    random_ = random.Random(seed)
    entities = [e for e in sorted(world.names) if not is_held_out(e, one_in)]
    weights = [
        COPIED_WEIGHT if entity.split("/")[0] in COPIED_KINDS else 1.0
        for entity in entities
    ]
    names = iter(random_.choices(entities, weights, k=count))
    for _ in range(count):
        if random_.random() < COPIES:
            yield _copy(random_, world)
        else:
            yield _name(random_, world, next(names))


def held_out_translations(
    world: World, count: int, seed: int, one_in: int
) -> list[Translation]:
    """Return names of entities that training never sees, in any direction."""
    random_ = random.Random(f"held out {seed}")
    entities = [e for e in sorted(world.names) if is_held_out(e, one_in)]
    if not entities:
        return []
    return [_name(random_, world, random_.choice(entities)) for _ in range(count)]


def _name(random_: random.Random, world: World, entity: str) -> Translation:
    source = random_.choice(world.languages)
    target = _any_target(random_, world)
    names = world.names[entity]
    return Translation(names[source], source, names[target], target)


def _copy(random_: random.Random, world: World) -> Translation:
    """Return what stays as it is: among Latin languages, or whatever the languages."""
    if random_.random() < LATIN_COPIES:
        source, target = random_.choice(LATIN), random_.choice(LATIN)
    else:
        source, target = random_.choice(world.languages), _any_target(random_, world)
    text = novel_names.answer(random_, world, source)
    return Translation(text, source, text, target)


def _any_target(random_: random.Random, world: World) -> str:
    weights = [TARGET_WEIGHTS.get(code, 1) for code in world.languages]
    return str(random_.choices(world.languages, weights)[0])
