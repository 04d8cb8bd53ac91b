"""A run in all directions: shares by pair of languages, asymmetry, scripts, two runs.

A *direction* is the language of the edit and that of the question. A run has all of
them where it asks in every language about edits in every language, as ``evaluate
--directions all-all`` does. Intervals and tests are over edits (``statistics``).
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xkde.evaluation.results.compared import compared, values_beside
from xkde.evaluation.results.local_runs import (
    LocalRun,
    local_runs,
    propagation_runs,
)
from xkde.evaluation.results.rows import (
    GENERATED,
    SCORE,
    Mask,
    choices,
    values_of,
    where,
)
from xkde.evaluation.results.statistics import (
    PairedDifference,
    holm,
    paired_difference,
)
from xkde.evaluation.results.summary import GroupMean, means
from xkde.languages import language
from xkde.types import Probe

Direction = tuple[str, str]
Distance = Literal["same_language", "same_script", "other_script"]
DISTANCES: tuple[Distance, ...] = ("same_language", "same_script", "other_script")
ARROW = "→"


@dataclass(frozen=True)
class Asymmetry:
    """Edits in ``one`` asked in ``other``, less the same edits the other way round."""

    one: str
    other: str
    difference: PairedDifference
    corrected: float  # p by Holm, over all pairs of languages


@dataclass(frozen=True)
class DirectionChange:
    """What one run has in a direction and another has not."""

    direction: Direction
    difference: PairedDifference
    corrected: float  # p by Holm, over all directions


def is_all_directions(pairs: Collection[Direction]) -> bool:
    """Tell whether they are every pair of at least two languages, both ways."""
    sources, targets = ({pair[side] for pair in pairs} for side in (0, 1))
    is_square = sources == targets and len(sources) > 1
    return is_square and len(set(pairs)) == len(sources) ** 2


def runs_in_all_directions() -> list[LocalRun]:
    """Return the runs that have all directions, shipped ones first."""
    runs = (*propagation_runs(), *local_runs())
    return [run for run in runs if is_all_directions(_directions(run))]


def _directions(run: LocalRun) -> frozenset[Direction]:
    try:
        return _read_directions(run.stamp)
    except OSError:  # gone, or broken, since it was listed
        return frozenset()


@lru_cache(maxsize=256)
def _read_directions(stamp: tuple[tuple[str, int, int], ...]) -> frozenset[Direction]:
    """Return the directions in files as they were at a stamp."""
    columns = ["source", "target"]
    tables = [pq.read_table(file, columns=columns) for file, *_ in stamp]
    if not tables:
        return frozenset()
    pairs = pa.concat_tables(tables).group_by(columns).aggregate([])
    found = zip(*(pairs[name].to_pylist() for name in columns), strict=True)
    return frozenset(found)


def of_probe(rows: pd.DataFrame, probe: Probe = "reliability") -> Mask:
    """Return which rows are generated answers to a probe."""
    return where(rows, {"protocol": GENERATED, "probe": probe})


def direction_means(rows: pd.DataFrame, mask: Mask) -> dict[Direction, GroupMean]:
    """Return the share of right answers in every direction."""
    found = means(rows[mask], ["source", "target"])
    return {(its.group["source"], its.group["target"]): its for its in found}


def distance(source: str, target: str) -> Distance:
    """Return how far apart two languages are, as their scripts tell."""
    if source == target:
        return "same_language"
    is_same = language(source).script == language(target).script
    return "same_script" if is_same else "other_script"


def distance_means(rows: pd.DataFrame, mask: Mask) -> dict[Distance, GroupMean]:
    """Return the share of right answers by distance, each over edits."""
    its = rows[mask]
    pairs = zip(its["source"].astype(str), its["target"].astype(str), strict=True)
    far = its.assign(distance=[distance(*pair) for pair in pairs])
    by = {mean.group["distance"]: mean for mean in means(far, ["distance"])}
    return {name: by[name] for name in DISTANCES if name in by}


def asymmetries(rows: pd.DataFrame, mask: Mask) -> list[Asymmetry]:
    """Return every pair of languages both ways, the largest difference first.

    Compares the edits that have an answer in both directions.
    """
    its = rows[mask]
    value = pd.Series(values_of(its, SCORE))
    keys = [its[name].astype(str).to_numpy() for name in ("source", "target", "case")]
    by_cell = value.groupby(keys).mean().dropna()
    cells = {key: part.droplevel([0, 1]) for key, part in by_cell.groupby(level=[0, 1])}
    found: list[tuple[str, str, PairedDifference]] = []
    for one, other in combinations(choices(rows, "source"), 2):
        if (one, other) not in cells or (other, one) not in cells:
            continue
        both = pd.concat([cells[one, other], cells[other, one]], axis=1).dropna()
        if len(both):
            there, back = (both.iloc[:, side].to_numpy(float) for side in (0, 1))
            if back.mean() > there.mean():
                one, other, there, back = other, one, back, there
            found.append((one, other, paired_difference(there, back, both.index)))
    corrected = holm([difference.p for *_, difference in found])
    pairs = [Asymmetry(*its, p) for its, p in zip(found, corrected, strict=True)]
    return sorted(pairs, key=lambda its: -its.difference.value)


def changes(
    rows: pd.DataFrame, others: pd.DataFrame, mask: Mask
) -> dict[Direction, DirectionChange]:
    """Return a run less another in every direction, over questions that both asked."""
    beside = values_beside(rows, others, SCORE)
    names = rows["source"].astype(str) + ARROW + rows["target"].astype(str)
    by = rows.assign(direction=pd.Categorical(names))
    found = {}
    for its in compared(by, mask, values_of(rows, SCORE), beside, "direction"):
        source, target = str(its.group["direction"]).split(ARROW)
        found[source, target] = DirectionChange(
            (source, target), its.difference, its.corrected
        )
    return found
