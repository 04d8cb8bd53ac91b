"""Rows of results: read again as written; masks, scores and rules by hand."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.measured_samples import forced, table
from tests.helpers.result_samples import ROW, row
from xkde.errors import DataError
from xkde.evaluation.results.rows import (
    MEASURES,
    SCHEMA,
    Result,
    choices,
    frame_of,
    load_results,
    records_of,
    table_of,
    values_of,
    where,
)


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [ROW, row(case="b", exact=None, f1=None, answer=None, finish="too_long")]
    pq.write_table(table_of(rows), tmp_path / "one.parquet")
    read = load_results([tmp_path / "one.parquet", str(tmp_path / "one.parquet")])
    assert [Result(**each) for each in read.to_pylist()] == rows * 2
    assert read.schema == SCHEMA
    assert SCHEMA.names == [field.name for field in fields(Result)]


def test_measures_are_what_is_measured() -> None:
    assert (
        *("exact", "exact_before", "exact_base", "alias", "lenient", "f1", "contains"),
        *("in_target", "in_source", "copied", "judged", "token_accuracy"),
        *("token_accuracy_before", "token_accuracy_base", "unchanged"),
        *("unchanged_from_base", "edit_seconds", "edit_peak_mb"),
    ) == MEASURES


ROWS = table(
    row(case="a", target="zh", exact=True),
    row(case="b", target="zh", exact=False, answer="Tokyo"),
    row(case="c", target="zh", exact=None, answer=None, clean=False),
    row(case="a", target="th", exact=True),
    row(case="b", target="th", exact=True, probe="locality"),
    forced(case="a", token_accuracy=0.5),
)


def test_masks() -> None:
    assert where(ROWS, {}).sum() == 6
    assert where(ROWS, {"target": "zh", "protocol": "generated"}).tolist() == [
        True, True, True, False, False, False,
    ]  # fmt: skip
    assert where(ROWS, {"target": "zh"}, clean=True).sum() == 3
    assert where(ROWS, {"target": "xx"}).sum() == 0
    assert where(ROWS, {"target": ""}).sum() == 6
    assert choices(ROWS, "target") == ["zh", "th"]


def test_the_main_score_is_that_of_the_protocol() -> None:
    score = values_of(ROWS, "score")
    assert np.array_equal(score, [1, 0, np.nan, 1, 1, 0.5], equal_nan=True)


def test_parts_become_one() -> None:
    parts = [table_of([row(case="a")]), table_of([row(case="b", target="th")])]
    rows = frame_of(pa.concat_tables(parts))
    assert rows["case"].tolist() == ["a", "b"]
    assert where(rows, {"target": "th"}).tolist() == [False, True]


def test_records_have_none_for_what_was_not_measured() -> None:
    records = records_of(ROWS)
    assert records[2] == vars(row(case="c", exact=None, answer=None, clean=False)) | {
        "score": None, "rule": "unmeasured",
    }  # fmt: skip
    assert (records[1]["exact"], records[5]["token_accuracy"]) == (False, 0.5)


WRONG = {"exact": False, "alias": False, "lenient": False, "contains": False, "f1": 0.0}


def test_every_answer_has_the_strictest_rule_that_it_meets() -> None:
    rows = table(
        row(),
        row(**(WRONG | {"alias": True, "lenient": True})),
        row(**(WRONG | {"lenient": True})),
        row(**(WRONG | {"contains": True, "f1": 0.5})),
        row(**(WRONG | {"f1": 0.4})),
        row(**WRONG),
        row(**dict.fromkeys(WRONG), answer=None),
        forced(),
        forced(token_accuracy=0.5),
        forced(token_accuracy=0.0),
        forced(token_accuracy=None, answer=None),
    )
    assert rows["rule"].tolist() == [
        "exact", "alias", "year", "contains", "part", "none", "unmeasured",
        "all_tokens", "some_tokens", "no_token", "unmeasured",
    ]  # fmt: skip


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
