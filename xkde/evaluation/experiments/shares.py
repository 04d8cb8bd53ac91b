"""Numbers of an experiment: means with intervals, after each number of edits.

Edits are redrawn with all answers about them, since these go together. Loads no model
library.

Run its tests: ``python -m pytest tests/xkde/evaluation/experiments/test_files.py``
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from xkde.evaluation.experiments.files import UNTOUCHED, Experiment
from xkde.evaluation.results.columns import case_interval
from xkde.evaluation.results.rows import Share
from xkde.evaluation.scoring.metrics import wilson_interval
from xkde.types import PROBES

ORDER = (*PROBES, UNTOUCHED)
AskedIn = Literal["own", "others"]
LANGUAGES: tuple[AskedIn, ...] = ("own", "others")


def shares(
    run: Experiment,
    measure: str = "exact",
    asked_in: AskedIn = "others",
    more: Sequence[str] = (),
) -> list[Share]:
    """Return a measure by size and probe, and by ``more``, of the even sample."""
    table = _asked_in(run, asked_in)
    return _shares(table.filter(table["is_even"]), measure, more)


def of_the_first(
    run: Experiment,
    measure: str = "exact",
    asked_in: AskedIn = "others",
    more: Sequence[str] = (),
) -> list[Share]:
    """Return the same of the first edits, which are asked about again at every size.

    Sizes at which they are not all made in one group are left out.
    """
    table, first = _asked_in(run, asked_in), run.about["again"]
    mask = pc.and_(
        pc.and_(pc.less(table["place"], first), pc.greater_equal(table["place"], 0)),
        pc.and_(pc.equal(table["group"], 0), pc.greater_equal(table["size"], first)),
    )
    return _shares(table.filter(mask), measure, more)


def _asked_in(run: Experiment, asked_in: AskedIn) -> pa.Table:
    """Return the answers in the edit's language, or in others; untouched facts in all.

    An edit is always asked about in its own language, so the two are told apart.
    """
    table = run.table
    is_own = pc.equal(table["target"], run.about["source"])
    chosen = is_own if asked_in == "own" else pc.invert(is_own)
    return table.filter(pc.or_(chosen, pc.equal(table["probe"], UNTOUCHED)))


def _shares(table: pa.Table, measure: str, more: Sequence[str]) -> list[Share]:
    groups: dict[tuple[Any, ...], dict[Any, list[float]]] = {}
    missing: dict[tuple[Any, ...], int] = {}
    by = ("size", "probe", *more)
    columns = [table[name].to_pylist() for name in (*by, "place", "query", measure)]
    for *key, place, query, value in zip(*columns, strict=True):
        about = groups.setdefault(tuple(key), {})
        if value is None:
            missing[tuple(key)] = missing.get(tuple(key), 0) + 1
        else:
            about.setdefault(query if place < 0 else place, []).append(float(value))
    is_share = pa.types.is_boolean(table.schema.field(measure).type)
    found = [
        _share(dict(zip(by, key, strict=True)), measure, about, missing.get(key, 0),
               is_share)
        for key, about in groups.items()
    ]  # fmt: skip
    return sorted(found, key=_place)


def _place(share: Share) -> tuple[Any, ...]:
    size, probe, *more = share.group.values()
    return size, ORDER.index(probe), *more


def _share(
    group: dict[str, Any],
    measure: str,
    about: dict[Any, list[float]],
    missing: int,
    is_share: bool,
) -> Share:
    sums = np.array([sum(values) for values in about.values()])
    counts = np.array([float(len(values)) for values in about.values()])
    n = int(counts.sum())
    if not n:
        return Share(group, measure, 0, missing, None, None, None, "wilson")
    mean = float(sums.sum() / n)
    if is_share and counts.max() == 1:
        low, high = wilson_interval(round(float(sums.sum())), n)
        return Share(group, measure, n, missing, mean, low, high, "wilson")
    low, high = case_interval(sums, counts)
    if mean in (0, 1):  # redrawing cannot tell how sure that is
        low, high = wilson_interval(round(mean) * len(sums), len(sums))
    return Share(group, measure, n, missing, mean, low, high, "bootstrap")
