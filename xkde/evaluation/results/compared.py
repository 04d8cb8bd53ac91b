"""Two runs, or two protocols of one, question by question: differences and their tests.

Pairs are rows that ask the same of the same case. Where each case gives one yes or no
the test is McNemar's; else it permutes the cases' means, since answers about one edit
go together. Holm's correction holds for the lines of one table.

Run its tests: ``python -m pytest tests/xkde/evaluation/results/test_compared.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xkde.evaluation.results.columns import (
    NO_TEXT,
    Mask,
    Rows,
    Values,
    case_interval,
    combined,
    group_of,
)
from xkde.evaluation.results.statistics import holm, mcnemar, permutation_test

ASKED = ("case", "probe", "target", "protocol", "query", "gold")
PLAIN = ("target", "protocol", "query", "gold")  # of a question without its edit
NOWHERE = -1
ROUNDS = 10_000  # of a permutation test: p down to 1 in 10,001
Places = NDArray[np.int64]
Test = Literal["mcnemar", "permutation"]


@dataclass(frozen=True)
class Line:
    """One comparison: means over the same ``n`` questions of ``cases`` cases."""

    group: dict[str, Any]
    n: int
    cases: int
    first: float
    second: float
    low: float  # of first minus second
    high: float
    only_first: int  # questions that only the first has right
    only_second: int
    test: Test
    p: float
    corrected: float

    @property
    def value(self) -> float:
        """First minus second."""
        return self.first - self.second


def matched(
    rows: Rows, others: Rows, *, names: Sequence[str] = ASKED, source: bool = True
) -> Places:
    """Return for each row the place of the other run's row that asks the same.

    ``source``: the edit's language counts, too; an unedited run has none that matters.
    """
    names = (*names, "source") if source else names
    mine = _question(rows) if "case" in names else np.zeros(len(rows), np.int64)
    theirs = _question(others) if "case" in names else np.zeros(len(others), np.int64)
    for name in names:
        known = {text: code for code, text in enumerate(rows.values[name])}
        table = [known.get(text, NO_TEXT) for text in others.values[name]] + [NO_TEXT]
        size = len(known) + 1
        code = np.asarray(table)[others.codes[name]]  # -1 takes the last
        mine = mine * size + rows.codes[name] + 1
        theirs = np.where((theirs < 0) | (code < 0), -1, theirs * size + code + 1)
        mine, theirs = _small(mine, theirs)
    order = np.argsort(theirs, kind="stable")
    at = np.searchsorted(theirs[order], mine)
    at = order[np.minimum(at, len(order) - 1)]
    return np.where(theirs[at] == mine, at, NOWHERE)


def _question(rows: Rows) -> NDArray[np.int64]:
    return rows.table["question"].to_numpy().astype(np.int64)


def _small(mine: Places, theirs: Places) -> tuple[Places, Places]:
    """Number keys anew, so that many columns fit into 64 bits."""
    known, small = np.unique(mine, return_inverse=True)
    at = np.minimum(np.searchsorted(known, theirs), len(known) - 1)
    return small.astype(np.int64), np.where(known[at] == theirs, at, NOWHERE)


def compared(
    rows: Rows,
    mask: Mask,
    first: Values,
    second: Values,
    by: Sequence[str],
    *,
    tested: bool = True,
) -> list[Line]:
    """Compare two values of each row, group by group; both must be measured."""
    at = np.flatnonzero(mask & ~np.isnan(first) & ~np.isnan(second))
    if not len(at):
        return []
    group = combined(rows, by)[at]
    keys, start = np.unique(group, return_index=True)
    lines = [
        _line(group_of(rows, by, int(at[one])), rows.codes["case"][its],
              first[its], second[its], tested)
        for key, one in zip(keys, start, strict=True)
        for its in [at[group == key]]
    ]  # fmt: skip
    corrected = holm([line.p for line in lines])
    return [
        replace(line, corrected=p) for line, p in zip(lines, corrected, strict=True)
    ]


def _line(
    group: dict[str, Any],
    case: NDArray[np.int32],
    first: Values,
    second: Values,
    tested: bool,
) -> Line:
    _, of_case = np.unique(case, return_inverse=True)
    counts = np.bincount(of_case).astype(float)
    gaps = np.bincount(of_case, first - second)
    low, high = case_interval(gaps, counts)
    yes_no = bool(np.isin([first, second], (0.0, 1.0)).all())
    test: Test = "mcnemar" if yes_no and counts.max() == 1 else "permutation"
    p = 1.0
    if tested and test == "mcnemar":
        p = mcnemar((first == 1).tolist(), (second == 1).tolist()).p
    elif tested:
        p = permutation_test((gaps / counts).tolist(), [0.0] * len(gaps), rounds=ROUNDS)
    return Line(
        group, len(case), len(counts), float(first.mean()), float(second.mean()),
        low, high, int(((first == 1) & (second < 1)).sum()),
        int(((second == 1) & (first < 1)).sum()), test, p, p,
    )  # fmt: skip


def values_beside(
    rows: Rows, others: Rows, value: Values, is_plain: bool = False
) -> Values:
    """Return the other run's value for each row's question; NaN where it has none."""
    places = matched(rows, others, source=not is_plain)
    return np.where(places >= 0, value[places], np.nan)


def other_protocol(rows: Rows, value: Values) -> Values:
    """Return the value that the same question has in a run's other protocol."""
    keys = combined(rows, ["case", "probe", "source", "target"])
    keys = keys * 1_000 + _question(rows)
    names = rows.values["protocol"]
    found = np.full(len(rows), np.nan)
    for mine in range(len(names)):
        for other in set(range(len(names))) - {mine}:
            here = np.flatnonzero(rows.codes["protocol"] == mine)
            there = np.flatnonzero(rows.codes["protocol"] == other)
            if not len(there):
                continue
            order = there[np.argsort(keys[there], kind="stable")]
            at = np.searchsorted(keys[order], keys[here])
            at = order[np.minimum(at, len(order) - 1)]
            found[here] = np.where(keys[at] == keys[here], value[at], np.nan)
    return found
