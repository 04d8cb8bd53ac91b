"""Runs in all directions: shares, distance of script, asymmetry and differences."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.helpers.result_samples import row
from xkde import paths
from xkde.evaluation.analysis.directions import (
    asymmetries,
    changes,
    direction_means,
    distance,
    distance_means,
    is_all_directions,
    of_probe,
    runs_in_all_directions,
)
from xkde.evaluation.results.rows import frame_of, table_of

LANGUAGES = ("en", "de", "zh")


def rows(right: dict[tuple[str, str], str]) -> pd.DataFrame:
    """Return rows: "110" are three edits, the first two of them right."""
    return frame_of(
        table_of(
            row(case=f"c/{n}", source=source, target=target, exact=mark == "1")
            for (source, target), marks in right.items()
            for n, mark in enumerate(marks)
        )
    )


FIRST = {
    ("en", "en"): "1111", ("en", "de"): "1110", ("en", "zh"): "1100",
    ("de", "en"): "1111", ("de", "de"): "1111", ("de", "zh"): "0000",
    ("zh", "en"): "0000", ("zh", "de"): "0000", ("zh", "zh"): "1111",
}  # fmt: skip


def test_all_directions_are_every_pair_both_ways() -> None:
    assert is_all_directions(list(FIRST))
    assert not is_all_directions([pair for pair in FIRST if pair != ("zh", "de")])
    assert not is_all_directions([("en", "en")])
    assert not is_all_directions([("en", "zh"), ("en", "en")])
    assert not is_all_directions([])


def test_shares_by_direction_and_by_distance() -> None:
    found = rows(FIRST)
    mask = of_probe(found)
    shares = direction_means(found, mask)
    assert len(shares) == 9
    assert (shares["en", "de"].mean, shares["en", "de"].edits) == (0.75, 4)
    low, high = shares["en", "zh"].low, shares["en", "zh"].high
    assert low is not None and high is not None and low < 0.5 < high
    assert [distance(*pair) for pair in (("en", "en"), ("en", "de"), ("de", "zh"))] == [
        "same_language", "same_script", "other_script",
    ]  # fmt: skip
    far = distance_means(found, mask)
    assert [its.mean for its in far.values()] == [1.0, 7 / 8, 2 / 16]
    assert [its.n for its in far.values()] == [12, 8, 16]
    assert {its.edits for its in far.values()} == {4}  # an edit counts once


def test_asymmetry_compares_the_same_edits() -> None:
    found = rows(FIRST)
    first, *others = asymmetries(found, of_probe(found))
    assert (first.one, first.other) == ("en", "zh")
    assert (first.difference.first, first.difference.second) == (0.5, 0.0)
    # two edits differ, both one way: p = 2 · (1/2)² = 1/2, and Holm's is at most 1
    assert (first.difference.p, first.corrected) == (0.5, 1.0)
    assert [its.difference.value for its in others] == [0.25, 0.0]
    assert (others[0].one, others[0].other) == ("de", "en")  # the better way first


def test_the_difference_of_two_runs_by_direction() -> None:
    first = rows({**FIRST, ("en", "de"): "1" * 8})
    second = rows({**FIRST, ("en", "de"): "0" * 8})
    found = changes(first, second, of_probe(first))
    changed = found["en", "de"].difference
    assert (changed.value, changed.only_first, changed.edits) == (1.0, 8, 8)
    assert changed.p == pytest.approx(2 / 2**8)
    assert found["en", "de"].corrected == pytest.approx(9 * 2 / 2**8)
    assert all(its.difference.value == 0 for its in found.values()
               if its.direction != ("en", "de"))  # fmt: skip


def test_only_runs_in_all_directions_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    monkeypatch.setattr(paths, "runs", lambda: tmp_path / "runs")
    (tmp_path / "propagation").mkdir()
    table = table_of(row(source=a, target=b) for a, b in FIRST)
    pq.write_table(table, tmp_path / "propagation" / "whole.parquet")
    pq.write_table(table.slice(0, 3), tmp_path / "propagation" / "part.parquet")
    (tmp_path / "propagation" / "broken.parquet").write_bytes(b"PAR1")
    keys = [run.key for run in runs_in_all_directions()]
    assert [key for key in keys if "propagation" in key] == [
        "shipped/propagation/whole"
    ]
