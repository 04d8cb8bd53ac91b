"""Means of groups of rows with their intervals, and a run's main numbers.

Teacher-forced: token accuracy; generated: exact match. For locality also the agreement
with the same model without the edit, as the paper measures it, and with the base, and
how right these were; and a judge's word, where one was asked. A probe that the
benchmark lacks is there as not measured. All intervals redraw edits (``statistics``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from xkde.errors import InputError
from xkde.evaluation.results.rows import (
    GENERATED,
    MEASURES,
    SCORE,
    SCORES,
    Values,
    frame_of,
    values_of,
    where,
)
from xkde.evaluation.results.statistics import (
    Method,
    holm,
    mean_interval,
    paired_difference,
)
from xkde.types import PROBES

ALL = "all"  # directions taken together
# Locality's ways: unchanged against the same model without the edit, against the base,
# and whether it was right before, and in the base.
LOCALITY = ("unchanged", "unchanged_from_base")
WITHOUT = ("before", "base")
JUDGED = "judged"
MEASURE_WORDS = {  # as they are printed
    "token_accuracy": "token accuracy",
    "token_accuracy_before": "the same without the edit",
    "token_accuracy_base": "the same of the base",
    "exact": "exact match",
    "exact_before": "the same without the edit",
    "exact_base": "the same of the base",
    "unchanged": "unchanged by the edit",
    "unchanged_from_base": "as the base answers",
    "judged": "right, says the judge",
}


@dataclass(frozen=True)
class GroupMean:
    """The mean of a measure over a group of rows, with its 95 % interval over edits.

    ``missing`` rows of the group were not measured and are in no number.
    """

    group: dict[str, Any]
    measure: str
    n: int
    edits: int
    missing: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    interval: Method = "wilson"

    @property
    def words(self) -> str:
        """Return "0.506 [0.492–0.520]", or that nothing was measured."""
        if self.mean is None:
            return "not measured"
        return f"{self.mean:.3f} [{self.low:.3f}–{self.high:.3f}]"


def mean_of(
    group: dict[str, object], measure: str, sums: Values, counts: Values, missing: int
) -> GroupMean:
    """Return a group's mean by what each edit's answers add up to; both (edits,)."""
    sums, counts = sums[counts > 0], counts[counts > 0]
    n = int(counts.sum())
    if not n:
        return GroupMean(group, measure, 0, 0, missing)
    low, high, method = mean_interval(sums, counts)
    mean = float(sums.sum() / n)
    return GroupMean(group, measure, n, len(sums), missing, mean, low, high, method)


def means(
    rows: pd.DataFrame, by: Sequence[str], measure: str = SCORE, edit: str = "case"
) -> list[GroupMean]:
    """Return a measure's mean for each group of rows, in order of appearance.

    ``edit`` is the column that tells which edit a row is about. Raises InputError for
    columns that rows do not have, or that are no measure.
    """
    unknown = [name for name in (*by, measure) if name not in rows.columns]
    if unknown or measure not in (SCORE, *MEASURES) or measure in by:
        raise InputError(
            f"Results have no measure “{measure}” by {', '.join(by) or 'nothing'}. "
            f"Measures are {', '.join(MEASURES)}; groups are any other columns."
        )
    if not len(rows):
        return []
    value = values_of(rows, measure)
    known = ~np.isnan(value)
    group = np.zeros(len(rows), dtype=np.int64)
    if by:
        keys = rows.groupby(list(by), observed=True, sort=False, dropna=False)
        group = keys.ngroup().to_numpy()
    missing = np.bincount(group[~known], minlength=group.max() + 1)
    codes, edits = pd.factorize(rows[edit])
    pairs, place = np.unique(group * (len(edits) + 1) + codes, return_inverse=True)
    sums: Values = np.bincount(place, np.where(known, value, 0.0)).astype(float)
    counts: Values = np.bincount(place, known).astype(float)
    ends = np.searchsorted(pairs // (len(edits) + 1), np.arange(group.max() + 2))
    firsts = rows[list(by)].iloc[np.unique(group, return_index=True)[1]]
    texts = firsts.astype(object).to_dict("records")
    return [
        mean_of(
            texts[k] if by else {},
            measure,
            sums[ends[k] : ends[k + 1]],
            counts[ends[k] : ends[k + 1]],
            int(missing[k]),
        )
        for k in range(len(missing))
    ]


@dataclass(frozen=True)
class SummaryLine:
    """One number of a run over all its cases, and over the clean ones."""

    source: str
    target: str
    protocol: str
    probe: str
    measure: str
    whole: GroupMean
    clean: GroupMean


def summary(table: pa.Table, by_direction: bool = True) -> list[SummaryLine]:
    """Return the main numbers: for each direction, or for all of them together."""
    every = frame_of(table)
    by = ["protocol", "probe"]
    if by_direction:
        by = ["source", "target", *by]
    lines: list[SummaryLine] = []
    for protocol, score in SCORES.items():
        rows = every[where(every, {"protocol": protocol})]
        measures = (score, *(f"{score}_{name}" for name in WITHOUT), *LOCALITY, JUDGED)
        for measure in measures:
            clean = {
                tuple(mean.group.values()): mean
                for mean in means(rows[where(rows, {}, clean=True)], by, measure)
            }
            lines += [
                _line(mean, clean.get(tuple(mean.group.values())))
                for mean in means(rows, by, measure)
                if measure == score or _is_worth_a_line(mean)
            ]
        lines += _absent(rows, by, score)
    return sorted(lines, key=_order)


def _is_worth_a_line(mean: GroupMean) -> bool:
    """Tell whether a further measure is printed: it was measured, and is of use."""
    return bool(mean.n) and (
        mean.measure == JUDGED or mean.group["probe"] == "locality"
    )


def _absent(rows: pd.DataFrame, by: Sequence[str], score: str) -> list[SummaryLine]:
    """Return a line without number for each probe that nothing was asked of."""
    others = [name for name in by if name != "probe"]
    asked: dict[tuple[str, ...], set[str]] = {}
    for group in rows[list(by)].drop_duplicates().astype(str).to_dict("records"):
        asked.setdefault(tuple(group[n] for n in others), set()).add(group["probe"])
    return [
        _line(GroupMean({**dict(zip(others, key, strict=True)), "probe": probe},
                        score, 0, 0, 0), None)
        for key, there in asked.items()
        for probe in PROBES
        if probe not in there
    ]  # fmt: skip


def _line(whole: GroupMean, clean: GroupMean | None) -> SummaryLine:
    group = whole.group
    return SummaryLine(
        group.get("source", ALL),
        group.get("target", ALL),
        group["protocol"],
        group["probe"],
        whole.measure,
        whole,
        clean or GroupMean(group, whole.measure, 0, 0, 0),
    )


def _order(line: SummaryLine) -> tuple[object, ...]:
    return (
        line.source,
        line.target,
        line.protocol,
        [*PROBES, line.probe].index(line.probe),
        list(MEASURE_WORDS).index(line.measure),
    )


@dataclass(frozen=True)
class LocalityChange:
    """How right answers that an edit must not touch were before it, and are after."""

    compared_with: str  # "before": the same model without the edit; "base"
    n: int
    only_then: int  # right without the edit alone: what it broke
    only_now: int
    p: float  # of the permutation test over edits, by Holm for both


def locality_changes(table: pa.Table) -> list[LocalityChange]:
    """Return the changes of exact match on locality, over all directions."""
    every = frame_of(table)
    rows = every[where(every, {"protocol": GENERATED, "probe": "locality"})]
    changes = {}
    for name in WITHOUT:
        then, now = values_of(rows, f"exact_{name}"), values_of(rows, "exact")
        both = ~np.isnan(then) & ~np.isnan(now)
        if both.any():
            changes[name] = paired_difference(then[both], now[both], rows["case"][both])
    corrected = holm([found.p for found in changes.values()])
    return [
        LocalityChange(name, found.n, found.only_first, found.only_second, p)
        for (name, found), p in zip(changes.items(), corrected, strict=True)
    ]
