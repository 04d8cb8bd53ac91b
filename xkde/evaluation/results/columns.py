"""Rows of results as columns to filter and to add up: numpy, no loop over rows.

Texts are held once each: ``values`` has a column's texts, ``codes`` which of them each
row has. Knows no file and no page.

Run its tests: ``python -m pytest tests/xkde/evaluation/results/test_columns.py``
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from xkde.evaluation.results.rows import GENERATED, MEASURES, ROUNDS, Share
from xkde.evaluation.results.statistics import SEED
from xkde.evaluation.results.summary import SCORES
from xkde.evaluation.scoring.metrics import wilson_interval

Codes = NDArray[np.int32]
Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
NO_TEXT = -1  # the code of what is null


@dataclass(frozen=True)
class Rows:
    """The rows of one run; not measured is NaN in ``measures``."""

    table: pa.Table
    values: dict[str, list[str]]
    codes: dict[str, Codes]
    measures: dict[str, Values]
    clean: Mask
    ranks: dict[str, Values] = field(default_factory=dict)  # filled when first sorted

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def where(self, wanted: Mapping[str, str], clean: bool = False) -> Mask:
        """Return which rows have these texts; an empty one is any."""
        mask = self.clean.copy() if clean else np.ones(len(self), dtype=bool)
        for name, text in wanted.items():
            if text:
                mask &= self.codes[name] == self.code(name, text)
        return mask

    def code(self, name: str, text: str) -> int:
        """Return a text's code in a column; one that no row has where it is nowhere."""
        found = self.values[name]
        return found.index(text) if text in found else len(found)

    def choices(self, name: str) -> list[str]:
        """Return a column's texts, in order of appearance."""
        return [text for text in self.values[name] if text]

    @property
    def score(self) -> Values:
        """The main score of each row: exact match, or token accuracy."""
        found = np.full(len(self), np.nan)
        for protocol, measure in SCORES.items():
            mask = self.where({"protocol": protocol})
            found[mask] = self.measures[measure][mask]
        return found


def rows_of(tables: Sequence[pa.Table]) -> Rows:
    """Build rows of tables with the columns of ``results.SCHEMA``."""
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    values, codes, measures = {}, {}, {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_string(column.type):
            column = column.dictionary_encode()
        if pa.types.is_dictionary(column.type):
            values[name] = [text or "" for text in column.dictionary.to_pylist()]
            codes[name] = column.indices.fill_null(NO_TEXT).to_numpy()
        elif name in MEASURES:
            number = column.cast(pa.float64())
            measures[name] = number.fill_null(float("nan")).to_numpy()
    clean = table["clean"].combine_chunks().to_numpy(zero_copy_only=False)
    return Rows(table, values, codes, measures, clean)


def numbers(rows: Rows, mask: Mask, by: Sequence[str], measure: str) -> list[Share]:
    """Return a measure's mean and interval for each group of rows.

    Wilson's interval where each case gives one yes or no; else cases are redrawn with
    all their rows, since answers about one edit go together.
    """
    at = np.flatnonzero(mask)
    if not len(at):
        return []
    value = (rows.score if measure == "score" else rows.measures[measure])[at]
    groups, group = np.unique(combined(rows, by)[at], return_inverse=True)
    cases = len(rows.values["case"])
    cell = group * cases + rows.codes["case"][at]
    known = ~np.isnan(value)
    shape, size = (len(groups), cases), len(groups) * cases
    sums = np.bincount(cell[known], value[known], size).reshape(shape)
    counts = np.bincount(cell[known], minlength=size).reshape(shape)
    missing = np.bincount(group[~known], minlength=len(groups))
    in_part = np.bincount(group[~_is_yes_no(rows, measure)[at]], minlength=len(groups))
    first = at[np.unique(group, return_index=True)[1]]
    return [
        _number(group_of(rows, by, int(row)), measure, sums[k], counts[k],
                int(missing[k]), not in_part[k])
        for k, row in enumerate(first)
    ]  # fmt: skip


def combined(rows: Rows, by: Sequence[str]) -> NDArray[np.int64]:
    """Return one number for each row that tells its group apart."""
    found = np.zeros(len(rows), dtype=np.int64)
    for name in by:
        found = found * (len(rows.values[name]) + 1) + rows.codes[name] + 1
    return found


def group_of(rows: Rows, by: Sequence[str], row: int) -> dict[str, Any]:
    """Return what a row's group has in common."""
    return {name: rows.values[name][rows.codes[name][row]] for name in by}


def _is_yes_no(rows: Rows, measure: str) -> Mask:
    """Return which rows are right or wrong, and nothing between."""
    if measure == "score":
        return rows.where({"protocol": GENERATED})
    is_so = pa.types.is_boolean(rows.table.schema.field(measure).type)
    return np.full(len(rows), is_so)


def _number(
    group: dict[str, Any],
    measure: str,
    sums: Values,
    counts: NDArray[np.int64],
    missing: int,
    is_share: bool,
) -> Share:
    n = int(counts.sum())
    if not n:
        return Share(group, measure, 0, missing, None, None, None, "wilson")
    mean = float(sums.sum() / n)
    if is_share and counts.max() == 1:
        low, high = wilson_interval(round(float(sums.sum())), n)
        return Share(group, measure, n, missing, mean, low, high, "wilson")
    there = counts > 0
    low, high = case_interval(sums[there], counts[there])
    if mean in (0, 1):  # redrawing cannot tell how sure that is
        cases = int(there.sum())
        low, high = wilson_interval(round(mean) * cases, cases)
    return Share(group, measure, n, missing, mean, low, high, "bootstrap")


def case_interval(sums: Values, counts: Values) -> tuple[float, float]:
    """Return the 95 % percentile interval of a mean over redrawn cases."""
    weights = _redrawn(len(sums))
    means = (weights @ sums) / (weights @ counts)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


@lru_cache(maxsize=32)
def _redrawn(cases: int) -> Values:
    """Return how often each case is drawn, in each round."""
    random = np.random.default_rng(SEED)
    drawn = random.multinomial(cases, np.full(cases, 1 / cases), size=ROUNDS)
    return drawn.astype(np.float64)
