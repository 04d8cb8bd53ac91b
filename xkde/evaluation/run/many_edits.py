"""Many edits with one editor, at once or one after another, and what comes of them.

After each number of edits, the *size*, it asks the probes of an even sample of them and
of the first ones again, and facts that no edit is about, by both protocols. Of small
sizes several groups of edits are made, so that enough are asked about at every size.
Which edits are made together and which of them are asked about follows from the
settings alone. A run continues where it was stopped. Prints nothing.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from xkde.data.atlas.benchmark import ManyEdits, fact_item
from xkde.data.atlas.world import atlas
from xkde.editors import sequential
from xkde.editors.editor import Applied, Editor
from xkde.editors.registry import make
from xkde.editors.sequential import SequentialEdits
from xkde.editors.weights import deltas
from xkde.engines.transformers import TransformersEngine
from xkde.evaluation.results.experiments import (
    UNTOUCHED,
    Answered,
    ExperimentSettings,
    finish,
    open_folder,
    rows_in,
    write_size,
)
from xkde.evaluation.run.protocols import (
    TeacherForcedAnswer,
    generations,
    teacher_forced,
)
from xkde.evaluation.run.runner import versions
from xkde.evaluation.scoring.answers import exact_match, is_unchanged
from xkde.languages import ATLAS_LANGUAGES
from xkde.locks import held
from xkde.memory.index import MemoryIndex, build_index
from xkde.memory.retrieval import Calibration, recall
from xkde.types import PROBES, AskedPrompt, Edit, Generation, ProbeItem, Query

Progress = Callable[[int, int, int], None]  # size, groups that are done, of how many
Found = Mapping[Query, tuple[Edit, ...]]  # what a memory retrieves
Before = Mapping[tuple[str, int, str, str], str]  # probe, place, target, query
# The generated answer, and the teacher-forced reading of the right one
ProbeAnswer = tuple[Generation | None, TeacherForcedAnswer | None]
STAYS = ("locality", UNTOUCHED)


@dataclass(frozen=True)
class ExperimentMemory:
    """How an editor in the prompt finds the edits that concern a query."""

    every: MemoryIndex  # of all edits of the run
    k: int  # at most, in one prompt
    calibration: Calibration


@dataclass(frozen=True)
class ExperimentJob:
    """One run under way."""

    engine: TransformersEngine
    settings: ExperimentSettings
    given: Mapping[str, object]  # the editor's settings
    many: ManyEdits
    memory: ExperimentMemory | None = None
    batch_size: int = 64

    @cached_property
    def edits(self) -> list[Edit]:
        """All edits, in the order in which they are made."""
        return [case.edits[self.settings.source] for case in self.many.cases]


@dataclass(frozen=True)
class AskedQuestion:
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
) -> list[AskedQuestion]:
    """Return what is asked after a group of edits: of its edits, and of other facts."""
    made_together = groups(size, settings)
    even = even_places(size or max(settings.sizes), settings)
    places = sorted(asked_places(size, settings))
    if size:
        places = [place for place in places if place in made_together[group]]
    found = [
        AskedQuestion(
            place, place in even, many.splits[place], probe, target, item[target]
        )
        for place in places
        for probe in PROBES
        if (item := many.cases[place].probes.get(probe)) is not None
        for target in languages_of(place, settings)
    ]
    world = atlas()
    for number in range(group, settings.facts, len(made_together)):
        fact = many.untouched[number % len(many.untouched)]
        code = ATLAS_LANGUAGES[number % len(ATLAS_LANGUAGES)]
        item_ = fact_item(world, fact, code, number // len(many.untouched) % 3)
        found.append(
            AskedQuestion(-1, True, world.split[fact[0]], UNTOUCHED, code, item_)
        )
    return found


def ask(
    at_work: Applied,
    asked: Sequence[AskedQuestion],
    settings: ExperimentSettings,
    batch_size: int = 64,
) -> list[ProbeAnswer]:
    """Ask questions by both protocols while edits are at work; in the given order."""
    routed = [at_work.route(one.query) for one in asked]
    found: list[ProbeAnswer] = [(None, None)] * len(asked)
    engines = {id(each.engine): each.engine for each in routed}
    for engine in engines.values():
        places = [i for i, each in enumerate(routed) if each.engine is engine]
        prompts = [
            AskedPrompt(
                routed[i].messages[-1].content, asked[i].item.answer, asked[i].target
            )
            for i in places
        ]
        generated = generations(
            engine,
            prompts,
            max_new_tokens=settings.max_new_tokens,
            batch_size=batch_size,
        )
        read = teacher_forced(engine, prompts, batch_size=batch_size)
        for place, answer, reading in zip(places, generated, read, strict=True):
            found[place] = (answer, reading)
    return found


def with_edits(
    settings: ExperimentSettings, many: ManyEdits, memory: str = ""
) -> ExperimentSettings:
    """Return the settings with what tells these edits and their memory from others."""
    return replace(settings, edits_sha256=many.sha256, memory=memory)


def run(job: ExperimentJob, folder: Path, on_progress: Progress | None = None) -> Path:
    """Measure every size that is not there yet; return the file of all answers."""
    settings = job.settings
    with held(folder), deltas.alone(job.engine.model):
        done = open_folder(folder, settings)
        left = [size for size in (0, *sorted(set(settings.sizes))) if size not in done]
        # What goes on from one size to the next.
        sequence: SequentialEdits | None = None
        try:
            for size in left:
                rows: list[Answered] = []
                parts = groups(size, settings)
                before = _answers_without(folder) if size else {}
                for number, places in enumerate(parts):
                    asked = questions_about(job.many, settings, size, number)
                    sequence, found = _edited(
                        job, size, places, asked, folder, sequence
                    )
                    answers = _answers(job, size, sequence, asked)
                    rows += [
                        _row(job, size, number, one, answer, sequence, found, before)
                        for one, answer in zip(asked, answers, strict=True)
                    ]
                    sequence = _after(job, size, sequence)
                    if on_progress is not None:
                        on_progress(size, number + 1, len(parts))
                if sequence is not None:
                    sequential.save(folder, sequence)
                write_size(folder, size, rows)
        finally:
            if sequence is not None:
                sequential.revert_all(sequence, job.engine)
        more = {"date": datetime.now(UTC).date().isoformat()}
        return finish(
            folder, settings, {**more, "versions": versions(job.engine, settings)}
        )


def _goes_on(settings: ExperimentSettings, size: int) -> bool:
    """Tell whether the next size takes up the edits of this one."""
    return settings.kind == "sequential" and size >= settings.tested


def _edited(
    job: ExperimentJob,
    size: int,
    places: range,
    asked: Sequence[AskedQuestion],
    folder: Path,
    sequence: SequentialEdits | None,
) -> tuple[SequentialEdits, Found | None]:
    """Put a group's edits to work; return them, and what a memory finds of them."""
    edits = [job.edits[place] for place in places]
    if not edits:
        return SequentialEdits(), None
    found = _found(job, edits, asked)
    editor = _editor(job, found)
    if sequence is None:
        sequence = SequentialEdits()
        if _goes_on(job.settings, size):
            sequence = sequential.load(folder, editor, job.engine, job.edits)
    at_once = job.settings.kind == "batch"
    more = edits[sequence.tried :]
    if more:
        sequence = sequential.apply_more(sequence, editor, job.engine, more, at_once)
    return sequence, found


def _after(
    job: ExperimentJob, size: int, sequence: SequentialEdits
) -> SequentialEdits | None:
    """Take a group's edits out again, unless the next size takes them up.

    What stands in prompts is never taken up: a memory finds among other edits then.
    """
    changed = sequence.applied is not None and bool(sequence.applied.delta)
    if _goes_on(job.settings, size) and changed:
        return sequence
    sequential.revert_all(sequence, job.engine)
    return None


def _editor(job: ExperimentJob, found: Found | None) -> Editor:
    given = dict(job.given)
    if found is not None:
        given["retrieve"] = found.__getitem__
    return make(job.settings.editor, given)


def _found(
    job: ExperimentJob, edits: Sequence[Edit], asked: Sequence[AskedQuestion]
) -> Found | None:
    """Return the edits that a memory of these finds for each query."""
    memory = job.memory
    if memory is None:
        return None
    index = build_index(edits, memory.every.encoder, before=memory.every)
    queries = list(dict.fromkeys(one.query for one in asked))
    recalled = recall(index, queries, memory.calibration, memory.k)
    return {
        query: tuple(each.edit for each in of_query.passed)
        for query, of_query in zip(queries, recalled, strict=True)
    }


def _answers(
    job: ExperimentJob,
    size: int,
    sequence: SequentialEdits,
    asked: Sequence[AskedQuestion],
) -> Sequence[ProbeAnswer]:
    """Ask; nothing where the editor would make none of the edits."""
    if size and sequence.applied is None:
        return [(None, None)] * len(asked)
    edited = sequential.edited_model(sequence, job.engine)
    return ask(edited, asked, job.settings, job.batch_size)


def _row(
    job: ExperimentJob,
    size: int,
    group: int,
    one: AskedQuestion,
    answers: ProbeAnswer,
    sequence: SequentialEdits,
    found: Found | None,
    before: Before,
) -> Answered:
    answer, reading = answers
    text = answer.text if answer is not None else None
    then = before.get(_key(one.probe, one.place, one.target, one.item.question))
    stays = one.probe in STAYS and text is not None and then is not None
    return Answered(
        size=size,
        group=group,
        place=one.place,
        is_even=one.is_even,
        split=one.split,
        probe=one.probe,
        relation=one.item.relation,
        target=one.target,
        query=one.item.question,
        gold=one.item.answer,
        answer=text,
        exact=None if text is None else exact_match(text, one.item.answer),
        token_accuracy=reading.accuracy if reading is not None else None,
        unchanged=float(is_unchanged(str(then), str(text))) if stays else None,
        retrieved=_is_retrieved(job, one, found),
        refused=len(sequence.refused),
        seconds=sequence.seconds,
        peak_mb=sequence.peak_mb,
        notes=" ".join(sequence.notes),
    )


def _is_retrieved(
    job: ExperimentJob, one: AskedQuestion, found: Found | None
) -> bool | None:
    """Tell whether the prompt held the question's own edit; of no edit, any at all."""
    if found is None:
        return None
    these = found[one.query]
    return bool(these) if one.place < 0 else job.edits[one.place] in these


def _key(probe: str, place: int, target: str, query: str) -> tuple[str, int, str, str]:
    return probe, place, target, query


def _answers_without(folder: Path) -> Before:
    """Return what was answered before any edit."""
    table = rows_in(folder)
    names = ("size", "probe", "place", "target", "query", "answer")
    columns = [table[name].to_pylist() for name in names]
    return {
        _key(*key): answer
        for size, *key, answer in zip(*columns, strict=True)
        if size == 0 and answer is not None
    }
