"""What was sampled and what was found: one record, which Markdown and HTML show.

The kind of a case is the settled one, else what most annotators say. Shares are of the
labelled cases; their intervals are over edits (``results.statistics``). A balanced
sample's shares are not those of its run, and the report says so.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from xkde import __version__
from xkde.evaluation.analysis.kinds import Kind
from xkde.evaluation.results.statistics import mean_interval
from xkde.labelling.agreement import Agreement, agreement_of
from xkde.labelling.queue import QueueChoice
from xkde.labelling.records import FailedCase, LabelledCase

TYPICAL = 10


@dataclass(frozen=True)
class KindCount:
    """How many cases have a kind, by people and by the machine; shares of people's."""

    kind: str
    cases: int
    edits: int
    share: float
    low: float
    high: float
    by_machine: int


@dataclass(frozen=True)
class LabelReport:
    """All that a report says, in no language."""

    choice: QueueChoice | None  # how cases were drawn; None: all labels there are
    drawn: int
    matching: int
    cases: int
    edits: int
    labels: int
    blind: int
    annotators: tuple[str, ...]
    counts: tuple[KindCount, ...]
    severities: tuple[tuple[str, int], ...]
    by_probe: tuple[tuple[str, int], ...]
    by_direction: tuple[tuple[str, int], ...]
    agreement: Agreement
    typical: tuple[LabelledCase, ...]
    runs: tuple[tuple[str, ...], ...]  # benchmark, checkpoint, revision, editor, date
    version: str = __version__


def report_of(
    cases: Sequence[LabelledCase],
    choice: QueueChoice | None = None,
    drawn: int = 0,
    matching: int = 0,
    may_quote: Callable[[FailedCase], bool] = lambda case: True,
) -> LabelReport:
    """Return the report of labelled cases; ``may_quote`` chooses what is shown."""
    its = [each.case for each in cases]
    labels = [label for each in cases for label in each.labels]
    return LabelReport(
        choice=choice,
        drawn=drawn or len(cases),
        matching=matching or len(cases),
        cases=len(cases),
        edits=len({case.edit_key for case in its}),
        labels=len(labels),
        blind=sum(label.blind for label in labels),
        annotators=tuple(sorted({label.annotator for label in labels})),
        counts=tuple(kind_counts(cases)),
        severities=tuple(_tally(label.severity for label in labels if label.severity)),
        by_probe=tuple(_tally(case.probe for case in its)),
        by_direction=tuple(_tally(f"{case.source}→{case.target}" for case in its)),
        agreement=agreement_of(cases),
        typical=tuple(typical([each for each in cases if may_quote(each.case)])),
        runs=tuple(
            dict.fromkeys(
                (c.benchmark, c.checkpoint, c.revision, c.editor, c.date) for c in its
            )
        ),
    )


def _tally(texts: Iterable[str]) -> list[tuple[str, int]]:
    return Counter(texts).most_common()


def kind_counts(cases: Sequence[LabelledCase]) -> list[KindCount]:
    """Return how many cases have each kind that people or the machine give, in order.

    Shares and their 95 % intervals are over edits.
    """
    edits = list(dict.fromkeys(each.case.edit_key for each in cases))
    of_edit = [edits.index(each.case.edit_key) for each in cases]
    said = [each.kind for each in cases]
    machine = Counter(each.case.kind for each in cases)
    found = []
    for kind in map(str, Kind):
        is_it = np.array([float(each == kind) for each in said])
        if not is_it.any() and not machine[kind]:
            continue
        sums = np.bincount(of_edit, is_it).astype(float)
        low, high, _ = mean_interval(sums, np.bincount(of_edit).astype(float))
        hits = int(is_it.sum())
        found.append(
            KindCount(kind, hits, int((sums > 0).sum()), hits / len(cases), low, high,
                      machine[kind])
        )  # fmt: skip
    return sorted(found, key=lambda its: -its.cases)


def typical(cases: Sequence[LabelledCase]) -> list[LabelledCase]:
    """Return ten cases: of each kind in turn, the most frequent first.

    Within a kind those with a note come first, and edits that were not shown yet.
    """
    by_kind: dict[str, list[LabelledCase]] = {}
    for each in sorted(cases, key=lambda its: not any(x.note for x in its.labels)):
        by_kind.setdefault(each.kind, []).append(each)
    order = sorted(by_kind.values(), key=len, reverse=True)
    chosen: list[LabelledCase] = []
    seen: set[tuple[str, str]] = set()
    while len(chosen) < TYPICAL and any(order):
        for left in filter(None, order):
            fresh = (n for n, each in enumerate(left) if each.case.edit_key not in seen)
            each = left.pop(next(fresh, 0))
            seen.add(each.case.edit_key)
            if len(chosen) < TYPICAL:
                chosen.append(each)
    return chosen
