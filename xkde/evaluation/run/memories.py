"""Edits of a memory stated with each question of a run, instead of the edit itself.

The cases' edits are put into memories of so many, in the cases' order. A question is
sent with the nearest edits of its own case's memory, at most three and none below the
encoder's threshold; which of them it is about is for the model to see. A memory of one
edit shows what the threshold alone does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from xkde.evaluation.run.questions import Question, edit_of
from xkde.memory.index import Encoder, build_index
from xkde.memory.retrieval import recall
from xkde.types import Case, Edit, Query

Stated = Mapping[tuple[tuple[str, str], Query], tuple[Edit, ...]]


@dataclass(frozen=True)
class MemoryOfRun:
    """How many edits a memory of a run has, and how they are found."""

    edits: int
    encoder: str
    threshold: float
    weight: float

    def as_settings(self) -> dict[str, object]:
        """Return what a run's settings record."""
        return {"memory": asdict(self)}


def stated_edits(
    cases: Sequence[Case],
    asked: Sequence[Question],
    encoder: Encoder,
    memory: MemoryOfRun,
) -> Stated:
    """Return the edits that are stated with each question, () for none."""
    place = {case.id: number // memory.edits for number, case in enumerate(cases)}
    groups: dict[tuple[int, str], list[Question]] = {}
    for question in asked:
        groups.setdefault((place[question.case.id], question.source), []).append(
            question
        )
    stated: dict[tuple[tuple[str, str], Query], tuple[Edit, ...]] = {}
    for (number, source), of_group in groups.items():
        edits = [
            case.edits[source]
            for case in cases
            if place[case.id] == number and source in case.edits
        ]
        index = build_index(edits, encoder)
        queries = [Query(one.item.question, one.target) for one in of_group]
        recalled = recall(index, queries, memory.threshold, memory.weight)
        for question, query, each in zip(of_group, queries, recalled, strict=True):
            stated[edit_of(question), query] = each.stated
    return stated
