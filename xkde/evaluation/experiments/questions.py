"""What an experiment with many edits asks after each size, and how it is asked.

Which edits are made together and which of them are asked about follows from the
settings alone. Knows no editor and no file.

Run its tests: ``python -m pytest tests/xkde/evaluation/experiments/test_many_edits.py``
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xkde.data.atlas.benchmark import ManyEdits, fact_item
from xkde.data.atlas.world import atlas
from xkde.editors.editor import Applied
from xkde.evaluation.experiments.files import UNTOUCHED, ExperimentSettings
from xkde.evaluation.run.protocols import (
    TeacherForcedAnswer,
    generations,
    teacher_forced,
)
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import PROBES, Generation, ProbeItem, Query

ProbeAnswer = tuple[Generation | None, TeacherForcedAnswer | None]


@dataclass(frozen=True)
class Asked:
    """One question; ``place`` is its edit's, -1 where it is about none."""

    place: int
    is_even: bool
    split: str
    probe: str
    target: str
    item: ProbeItem

    @property
    def query(self) -> Query:
        """The question as an editor is asked it."""
        return Query(self.item.question, self.target)


def groups(size: int, settings: ExperimentSettings) -> list[range]:
    """Return the edits that are made together, by place: several groups of few edits.

    So that as many edits are asked about at every size.
    """
    if size == 0:
        return [range(0)]
    count = -(-settings.tested // size) if size < settings.tested else 1
    return [range(group * size, (group + 1) * size) for group in range(count)]


def needed(settings: ExperimentSettings) -> int:
    """Return how many edits a run makes, over all sizes and groups."""
    return max(groups(size, settings)[-1].stop for size in settings.sizes)


def even_places(size: int, settings: ExperimentSettings) -> set[int]:
    """Return which of so many edits are in the even sample."""
    if size < settings.tested:
        return set(range(groups(size, settings)[-1].stop))
    return {number * size // settings.tested for number in range(settings.tested)}


def asked_places(size: int, settings: ExperimentSettings) -> set[int]:
    """Return which edits are asked about after a size; of size 0 all that ever are."""
    if size == 0:
        every = (asked_places(each, settings) for each in settings.sizes)
        return set().union(*every)
    return even_places(size, settings) | set(range(min(size, settings.again)))


def languages_of(place: int, settings: ExperimentSettings) -> list[str]:
    """Return the languages in which an edit is asked about: its own, others drawn."""
    others = [code for code in ATLAS_LANGUAGES if code != settings.source]
    random_ = random.Random(f"{settings.seed}:{place}")
    count = min(settings.languages_per_edit - 1, len(others))
    return [settings.source, *random_.sample(others, count)]


def questions_about(
    many: ManyEdits, settings: ExperimentSettings, size: int, group: int
) -> list[Asked]:
    """Return what is asked after a group of edits: of its edits, and of other facts."""
    told = groups(size, settings)
    even = even_places(size or max(settings.sizes), settings)
    places = sorted(asked_places(size, settings))
    if size:
        places = [place for place in places if place in told[group]]
    found = [
        Asked(place, place in even, many.splits[place], probe, target, item[target])
        for place in places
        for probe in PROBES
        if (item := many.cases[place].probes.get(probe)) is not None
        for target in languages_of(place, settings)
    ]
    world = atlas()
    for number in range(group, settings.facts, len(told)):
        fact = many.untouched[number % len(many.untouched)]
        code = ATLAS_LANGUAGES[number % len(ATLAS_LANGUAGES)]
        item_ = fact_item(world, fact, code, number // len(many.untouched) % 3)
        found.append(Asked(-1, True, world.split[fact[0]], UNTOUCHED, code, item_))
    return found


def ask(
    at_work: Applied,
    asked: Sequence[Asked],
    settings: ExperimentSettings,
    batch_size: int = 64,
) -> list[ProbeAnswer]:
    """Ask questions by both protocols while edits are at work; in the given order."""
    routed = [at_work.route(one.query) for one in asked]
    found: list[ProbeAnswer] = [(None, None)] * len(asked)
    engines: dict[int, Any] = {id(each.engine): each.engine for each in routed}
    for engine in engines.values():
        places = [i for i, each in enumerate(routed) if each.engine is engine]
        prompts = [routed[i].messages[-1].content for i in places]
        told = generations(
            engine,
            prompts,
            max_new_tokens=settings.max_new_tokens,
            batch_size=batch_size,
        )
        pairs = [
            (prompt, asked[i].item.answer)
            for i, prompt in zip(places, prompts, strict=True)
        ]
        read = teacher_forced(engine, pairs, batch_size=batch_size)
        for place, *both in zip(places, told, read, strict=True):
            found[place] = (both[0], both[1])
    return found
