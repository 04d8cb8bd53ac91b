"""``analyse``: kinds, slices, and how far edits carry from language to language."""

import json
from collections.abc import Container
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.helpers.result_samples import row
from xkde.__main__ import main
from xkde.evaluation.results.rows import table_of
from xkde.evaluation.results.statistics import wilson_interval

EDITS = 10


def run_of(file: Path, wrong: Container[str] = ()) -> str:
    """Make a run of ten edits in and between German, English and Chinese."""
    codes = ("de", "en", "zh")
    rows = [
        row(case=f"c/{n}", source=a, target=b, exact=f"{a}-{b}" not in wrong)
        for n in range(EDITS) for a in codes for b in codes
    ]  # fmt: skip
    pq.write_table(table_of(rows), file)
    return str(file)


def test_directions_by_distance_and_both_ways(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path / "one.parquet", {"zh-en"})
    assert main(["analyse", run, "--directions", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)[run]
    shares = {far: its["mean"] for far, its in found["shares"].items()}
    # English and German share a script: one of four directions to another one is wrong.
    assert shares == {
        "all": pytest.approx(8 / 9), "same_language": 1, "same_script": 1,
        "other_script": 0.75,
    }  # fmt: skip
    assert found["shares"]["same_language"]["low"] == pytest.approx(
        wilson_interval(EDITS, EDITS)[0]
    )
    assert found["pairs_tested"] == 3
    [two_ways] = found["two_ways"]
    assert (two_ways["one"], two_ways["other"], two_ways["value"]) == ("en", "zh", 1)
    assert two_ways["corrected"] == pytest.approx(3 * 2 / 2**EDITS)  # Holm over three


def test_two_runs_differ_in_so_many_directions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    better = run_of(tmp_path / "better.parquet")
    worse = run_of(tmp_path / "worse.parquet", {"zh-en", "zh-de"})
    assert main(["analyse", better, worse, "--directions"]) == 0
    out = capsys.readouterr().out
    assert "surely better in 2 of 9 directions, worse in 0." in out
    assert f"{better}: of 3 pairs of languages" in out
    assert "none surely differs by the way" in out
    assert main(["analyse", better, "--directions", "--probe", "locality"]) == 1
    assert "no generated answers to that probe" in capsys.readouterr().err


def test_kinds_of_a_run_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path / "one.parquet", {"zh-en"})
    assert main(["analyse", run, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    [kinds] = found["kinds"]
    assert kinds["reliability"]["right"] == 8 * EDITS
    assert sum(kinds["reliability"].values()) == 9 * EDITS
    assert main(["analyse", run, run, run]) == 1
    assert "one run, or two" in capsys.readouterr().err
