"""Rows of results: read again as written; shares and intervals by hand.

python -m pytest tests/xkde/evaluation/results/test_rows.py
"""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.result_samples import ROW, row
from xkde.errors import DataError, InputError
from xkde.evaluation.results.rows import (
    MEASURES,
    SCHEMA,
    Result,
    aggregate,
    load_results,
    table_of,
)
from xkde.evaluation.results.statistics import paired_bootstrap
from xkde.evaluation.scoring.metrics import wilson_interval


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [ROW, row(case="b", exact=None, f1=None, answer=None, finish="too_long")]
    pq.write_table(table_of(rows), tmp_path / "one.parquet")
    table = load_results([tmp_path / "one.parquet", str(tmp_path / "one.parquet")])
    assert [Result(**each) for each in table.to_pylist()] == rows * 2
    assert table.schema == SCHEMA
    assert SCHEMA.names == [field.name for field in fields(Result)]


def test_measures_are_what_is_measured() -> None:
    assert (
        *("exact", "exact_before", "exact_base", "alias", "lenient", "f1", "contains"),
        *("in_target", "in_source", "copied", "judged", "token_accuracy"),
        *("token_accuracy_before", "token_accuracy_base", "unchanged"),
        *("unchanged_from_base", "edit_seconds", "edit_peak_mb"),
    ) == MEASURES


def test_shares_by_hand() -> None:
    rows = [
        row(case="1", target="zh", exact=True),
        row(case="2", target="zh", exact=False),
        row(case="3", target="zh", exact=True),
        row(case="4", target="zh", exact=None),
        row(case="5", target="de", exact=False),
    ]
    chinese, german = aggregate(table_of(rows), ["source", "target"], "exact")
    assert chinese.group == {"source": "en", "target": "zh"}
    assert (chinese.n, chinese.missing) == (3, 1)
    assert chinese.mean == pytest.approx(2 / 3)
    assert (chinese.low, chinese.high) == wilson_interval(2, 3)
    assert (german.n, german.mean, german.interval) == (1, 0.0, "wilson")
    (whole,) = aggregate(table_of(rows), [], "exact")
    assert (whole.n, whole.missing, whole.mean) == (4, 1, 0.5)


def test_not_measured_is_not_zero() -> None:
    rows = [row(exact=None), row(case="2", exact=None)]
    (share,) = aggregate(table_of(rows), ["probe"], "exact")
    assert (share.n, share.missing) == (0, 2)
    assert (share.mean, share.low, share.high) == (None, None, None)
    assert aggregate(table_of([]), ["probe"], "exact") == []


def test_bootstrap_is_that_of_single_rows() -> None:
    values = np.random.default_rng(0).choice([0, 0.25, 0.5, 1], 300).tolist()
    rows = [row(case=str(i), f1=value) for i, value in enumerate(values)]
    (share,) = aggregate(table_of(rows), [], "f1", rounds=4000)
    single = paired_bootstrap(values, [0.0] * len(values), rounds=4000)
    assert share.interval == "bootstrap"
    assert share.mean == pytest.approx(single.value)
    assert share.low == pytest.approx(single.low, abs=0.004)
    assert share.high == pytest.approx(single.high, abs=0.004)
    assert aggregate(table_of(rows), [], "f1", rounds=4000) == [share]
    (flat,) = aggregate(table_of([row(f1=0.5)] * 9), [], "f1")
    assert (flat.low, flat.mean, flat.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("by", "measure"),
    [(["nothing"], "exact"), ([], "answer"), (["exact"], "exact"), ([], "clean")],
)
def test_other_columns_are_refused(by: list[str], measure: str) -> None:
    with pytest.raises(InputError, match="token_accuracy"):
        aggregate(table_of([ROW]), by, measure)


def test_files_that_hold_no_results(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no results in"):
        load_results([tmp_path])
    with pytest.raises(DataError, match="no results in"):
        load_results([tmp_path / "nowhere"])
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"run": ["x"]}), other)
    with pytest.raises(DataError, match="lacks benchmark, case"):
        load_results([other])
    whole = tmp_path / "whole.parquet"
    pq.write_table(table_of([ROW] * 50), whole)
    half = tmp_path / "half.parquet"
    half.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(DataError, match="no whole Parquet file"):
        load_results([whole, half])
