"""Many edits with one editor, at once or one after another, and what comes of them.

After each number of edits, the *size*, it asks the probes of an even sample of them and
of the first ones again, and facts that no edit is about, by both protocols. Of small
sizes several groups of edits are made, so that enough are asked about at every size. A
run goes on where it was stopped. Prints nothing.

Run its tests: ``python -m pytest tests/xkde/evaluation/experiments/test_many_edits.py``
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from xkde.data.atlas.benchmark import ManyEdits
from xkde.editors import sequential
from xkde.editors.editor import Editor
from xkde.editors.registry import make
from xkde.editors.sequential import SequentialEdits
from xkde.editors.weights import deltas
from xkde.evaluation.experiments.files import (
    UNTOUCHED,
    Answered,
    ExperimentSettings,
    finish,
    open_folder,
    rows_in,
    write_size,
)
from xkde.evaluation.experiments.questions import (
    Asked,
    ProbeAnswer,
    ask,
    groups,
    questions_about,
)
from xkde.evaluation.run.runner import versions
from xkde.evaluation.scoring.locality import is_unchanged
from xkde.evaluation.scoring.metrics import exact_match
from xkde.memory.index import MemoryIndex, build_index
from xkde.memory.retrieval import retrieve_all
from xkde.types import Edit, Query

Progress = Callable[[int, int, int], None]  # size, groups that are done, of how many
Found = Mapping[Query, tuple[Edit, ...]]  # what a memory retrieves
Before = Mapping[tuple[str, int, str, str], str]  # probe, place, target, query
STAYS = ("locality", UNTOUCHED)


@dataclass(frozen=True)
class Memory:
    """How an editor in the prompt finds the edits that concern a query."""

    every: MemoryIndex  # of all edits of the run
    k: int
    threshold: float
    weight: float


@dataclass(frozen=True)
class Job:
    """One run under way."""

    engine: Any
    settings: ExperimentSettings
    given: Mapping[str, Any]  # the editor's settings
    many: ManyEdits
    memory: Memory | None = None
    batch_size: int = 64

    @cached_property
    def edits(self) -> list[Edit]:
        """All edits, in the order in which they are made."""
        return [case.edits[self.settings.source] for case in self.many.cases]


def with_edits(
    settings: ExperimentSettings, many: ManyEdits, memory: str = ""
) -> ExperimentSettings:
    """Return the settings with what tells these edits and their memory from others."""
    return replace(settings, edits_sha256=many.sha256, memory=memory)


def run(job: Job, folder: Path, on_progress: Progress | None = None) -> Path:
    """Measure every size that is not there yet; return the file of all answers."""
    settings = job.settings
    done = open_folder(folder, settings)
    left = [size for size in (0, *sorted(set(settings.sizes))) if size not in done]
    with deltas.alone(job.engine.model):
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
                    told = _told(job, size, sequence, asked)
                    rows += [
                        _row(job, size, number, one, answer, sequence, found, before)
                        for one, answer in zip(asked, told, strict=True)
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
    job: Job,
    size: int,
    places: range,
    asked: Sequence[Asked],
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


def _after(job: Job, size: int, sequence: SequentialEdits) -> SequentialEdits | None:
    """Take a group's edits out again, unless the next size takes them up.

    What stands in prompts is never taken up: a memory finds among other edits then.
    """
    changed = sequence.applied is not None and bool(sequence.applied.delta)
    if _goes_on(job.settings, size) and changed:
        return sequence
    sequential.revert_all(sequence, job.engine)
    return None


def _editor(job: Job, found: Found | None) -> Editor:
    given = dict(job.given)
    if found is not None:
        given["retrieve"] = found.__getitem__
    return make(job.settings.editor, given)


def _found(job: Job, edits: Sequence[Edit], asked: Sequence[Asked]) -> Found | None:
    """Return the edits that a memory of these finds for each query."""
    memory = job.memory
    if memory is None:
        return None
    index = build_index(edits, memory.every.encoder, before=memory.every)
    queries = list(dict.fromkeys(one.query for one in asked))
    told = retrieve_all(index, queries, memory.k, memory.threshold, memory.weight)
    return {
        query: tuple(retrieved.edit for retrieved in these)
        for query, these in zip(queries, told, strict=True)
    }


def _told(
    job: Job, size: int, sequence: SequentialEdits, asked: Sequence[Asked]
) -> Sequence[ProbeAnswer]:
    """Ask; nothing where the editor would make none of the edits."""
    if size and sequence.applied is None:
        return [(None, None)] * len(asked)
    edited = sequential.edited_model(sequence, job.engine)
    return ask(edited, asked, job.settings, job.batch_size)


def _row(
    job: Job,
    size: int,
    group: int,
    one: Asked,
    told: ProbeAnswer,
    sequence: SequentialEdits,
    found: Found | None,
    before: Before,
) -> Answered:
    answer, reading = told
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


def _is_retrieved(job: Job, one: Asked, found: Found | None) -> bool | None:
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
