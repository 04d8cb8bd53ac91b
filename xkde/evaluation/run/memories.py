"""Edits of a memory stated with each question of a run, instead of the edit itself.

The cases' edits are put into memories of so many, in the cases' order; edits of another
benchmark fill what is short. A question is sent with the nearest edits of its own
case's memory, at most three and none below the encoder's threshold; which of them it is
about is for the model to see. A memory of one edit shows what the threshold alone does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from xkde.errors import InputError
from xkde.evaluation.run.questions import Question, edit_of
from xkde.memory.index import Encoder, build_index
from xkde.memory.retrieval import LARGE, Calibration, recall
from xkde.text import normalise
from xkde.types import Case, Edit, Query

Stated = Mapping[tuple[tuple[str, str], Query], tuple[Edit, ...]]


@dataclass(frozen=True)
class MemoryOfRun:
    """How many edits a memory of a run has, and how they are found.

    ``others`` are edits that no case asks about, ``source`` says where they are from.
    """

    edits: int
    encoder: str
    calibration: Calibration
    others: tuple[Edit, ...] = ()
    source: str = ""

    def as_settings(self) -> dict[str, object]:
        """Return what a run's settings record."""
        recorded: dict[str, object] = {
            "edits": self.edits,
            "encoder": self.encoder,
            "threshold": self.calibration.threshold,
            "weight": self.calibration.weight,
        }
        # Left out where it decides nothing: an earlier run can go on.
        if self.calibration.outlier and self.edits >= LARGE:
            recorded["outlier"] = self.calibration.outlier
        if self.source:
            recorded["others"] = self.source
        return {"memory": recorded}


def stated_edits(
    cases: Sequence[Case],
    asked: Sequence[Question],
    encoder: Encoder,
    memory: MemoryOfRun,
) -> Stated:
    """Return the edits that are stated with each question, () for none.

    Raises InputError where all edits together do not fill one memory.
    """
    place = {case.id: number // memory.edits for number, case in enumerate(cases)}
    groups: dict[tuple[int, str], list[Question]] = {}
    for question in asked:
        groups.setdefault((place[question.case.id], question.source), []).append(
            question
        )
    stated: dict[tuple[tuple[str, str], Query], tuple[Edit, ...]] = {}
    for (number, source), of_group in groups.items():
        own = [
            case.edits[source]
            for case in cases
            if place[case.id] == number and source in case.edits
        ]
        # The last group may be small: edits of the other cases complete its memory.
        others = [
            case.edits[source]
            for case in cases
            if place[case.id] != number and source in case.edits
        ]
        edits = _filled(own, (*memory.others, *others), memory.edits, source)
        if len(edits) < memory.edits:
            raise InputError(
                f"A memory of {memory.edits:,} edits needs "
                f"{memory.edits - len(edits):,} more than these cases have. Name a "
                "benchmark with others: --memory-others FILE"
            )
        index = build_index(edits, encoder)
        queries = [Query(one.item.question, one.target) for one in of_group]
        recalled = recall(index, queries, memory.calibration)
        for question, query, each in zip(of_group, queries, recalled, strict=True):
            stated[edit_of(question), query] = each.stated
    return stated


def _filled(
    own: Sequence[Edit], others: Sequence[Edit], size: int, source: str
) -> list[Edit]:
    """Return a memory's own edits, and others of other questions up to its size."""
    asked = {normalise(edit.question) for edit in own}
    fitting: Iterable[Edit] = (
        edit
        for edit in others
        if edit.language == source and normalise(edit.question) not in asked
    )
    return [*own, *islice(fitting, max(0, size - len(own)))]
