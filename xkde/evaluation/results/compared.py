"""Two runs, or two protocols of one, question by question: differences and their tests.

Pairs are rows that ask the same of the same case. The test permutes edits
(``statistics``); Holm's correction holds for the lines of one table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from xkde.evaluation.results.rows import (
    PROTOCOLS,
    SCORE,
    Mask,
    Values,
    values_of,
    where,
)
from xkde.evaluation.results.statistics import (
    PairedDifference,
    holm,
    paired_difference,
)

SAME_QUESTION = ("case", "probe", "question", "source", "target", "protocol", "query",
                 "gold")  # fmt: skip
# An unedited run answers the same whichever case and language the edit has.
SAME_PLAIN_QUESTION = ("target", "protocol", "query", "gold")
NOWHERE = -1
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """The difference of one group of questions, and its p corrected by Holm."""

    group: dict[str, Any]
    difference: PairedDifference
    corrected: float


def matched(rows: pd.DataFrame, others: pd.DataFrame, is_plain: bool = False) -> Places:
    """Return for each row the place of the other run's row that asks the same.

    ``is_plain``: the other run asks without an edit.
    """
    names = list(SAME_PLAIN_QUESTION if is_plain else SAME_QUESTION)
    both = pd.DataFrame({name: _joined(rows[name], others[name]) for name in names})
    ids = _numbered(both, names)
    mine, theirs = ids[: len(rows)], ids[len(rows) :]
    place = np.full(ids.max(initial=0) + 1, NOWHERE)
    place[theirs[::-1]] = np.arange(len(theirs))[::-1]  # of equal ones the first
    return place[mine]


def _joined(mine: pd.Series, theirs: pd.Series) -> object:
    if isinstance(mine.dtype, pd.CategoricalDtype):
        return union_categoricals([mine, theirs])
    return np.concatenate([mine.to_numpy(), theirs.to_numpy()])


def _numbered(rows: pd.DataFrame, names: Sequence[str]) -> Places:
    """Return one number for each row, the same for rows with the same texts."""
    keys = rows.groupby(list(names), observed=True, sort=False, dropna=False)
    numbers: Places = keys.ngroup().to_numpy().astype(np.int64)
    return numbers


def compared(
    rows: pd.DataFrame,
    mask: Mask,
    first: Values,
    second: Values,
    by: str,
    *,
    tested: bool = True,
) -> list[Comparison]:
    """Compare two values of each row for each text of a column; both measured."""
    places = np.flatnonzero(mask & ~np.isnan(first) & ~np.isnan(second))
    texts, cases = rows[by].cat.codes.to_numpy(), rows["case"].cat.codes.to_numpy()
    differences = {
        rows[by].cat.categories[code]: paired_difference(
            first[its], second[its], cases[its], tested=tested
        )
        for code in np.unique(texts[places])
        for its in [places[texts[places] == code]]
    }
    corrected = holm([difference.p for difference in differences.values()])
    return [
        Comparison({by: text}, difference, p)
        for (text, difference), p in zip(differences.items(), corrected, strict=True)
    ]


def each_pair(
    frames: Sequence[pd.DataFrame], probe: str, measure: str = SCORE
) -> dict[tuple[int, int], Comparison]:
    """Compare every two runs on a probe's questions that both asked, the first minus.

    Keys are places in ``frames``; ``measure`` is a column of the rows. Holm's
    correction holds for all pairs; two runs without a question in common are left out.
    """
    found: dict[tuple[int, int], PairedDifference] = {}
    for one, other in combinations(range(len(frames)), 2):
        rows = frames[one]
        mine = values_of(rows, measure)
        beside = values_beside(rows, frames[other], measure)
        both = where(rows, {"probe": probe}) & ~np.isnan(mine) & ~np.isnan(beside)
        if both.any():
            found[one, other] = paired_difference(
                mine[both], beside[both], rows["case"][both].astype(str)
            )
    corrected = holm([its.p for its in found.values()])
    return {
        pair: Comparison({"probe": probe}, its, p)
        for (pair, its), p in zip(found.items(), corrected, strict=True)
    }


def values_beside(
    rows: pd.DataFrame, others: pd.DataFrame, measure: str, is_plain: bool = False
) -> Values:
    """Return the other run's value for each row's question; NaN where it has none."""
    places = matched(rows, others, is_plain)
    value = values_of(others, measure)
    return np.where(places >= 0, value[places], np.nan)


def other_protocol(rows: pd.DataFrame) -> Values:
    """Return the score that the same question has in a run's other protocol."""
    ids = _numbered(rows, ["case", "probe", "question", "source", "target"])
    score, protocol = values_of(rows, SCORE), rows["protocol"].to_numpy()
    found = np.full(len(rows), np.nan)
    for mine, other in permutations(PROTOCOLS):
        of_question = np.full(ids.max(initial=0) + 1, np.nan)
        of_question[ids[protocol == other]] = score[protocol == other]
        found[protocol == mine] = of_question[ids[protocol == mine]]
    return found
