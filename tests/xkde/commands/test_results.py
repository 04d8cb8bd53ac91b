"""``results``: shares with intervals by edit and n, and tests of each pair of runs."""

import json
from pathlib import Path

import pytest

from tests.helpers.result_samples import SETTINGS, row
from xkde.__main__ import main
from xkde.evaluation.results.statistics import wilson_interval
from xkde.evaluation.results.store import append_part, finish, open_store


def run_of(
    folder: Path, right: set[int], languages: str = "zh th", unchanged: float = 1.0
) -> str:
    """Make a run of twelve edits, some of them right in every language."""
    open_store(folder, SETTINGS)
    rows = [
        row(case=f"c{n}", target=code, query=code, gold="x", exact=n in right)
        for n in range(12)
        for code in languages.split()
    ]
    local = [
        row(
            case=f"c{n}",
            target="zh",
            probe="locality",
            exact=False,
            unchanged=unchanged,
        )
        for n in range(3)
    ]
    append_part(folder, [*rows, *local], 1.0)
    finish(folder, SETTINGS, {})
    return str(folder)


def test_the_table_has_intervals_by_edit_and_says_n(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path / "one", set(range(12)))
    assert main(["results", run, "--by", "source", "--digits", "2"]) == 0
    out = capsys.readouterr().out
    low, high = wilson_interval(12, 12)  # twelve edits, not 24 answers
    assert f"| one | en | 1.00 [{low:.2f}–{high:.2f}] |" in out
    assert "12 edits, 24 answers; locality and unchanged 3, 3" in out
    assert "portability" not in out
    assert main(["results", run, "--columns", "reliability,hope"]) == 1
    assert "“hope” is no column" in capsys.readouterr().err


def test_each_pair_is_tested_on_what_both_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        run_of(tmp_path / "best", set(range(12))),
        run_of(tmp_path / "half", set(range(6)), "zh"),
        run_of(tmp_path / "none", set()),
    ]
    assert main(["results", *runs, "--pairs", "reliability", "--json"]) == 0
    tests = json.loads(capsys.readouterr().out)["tests"]
    found = {tuple(test["runs"]): test for test in tests}
    assert list(found) == [("best", "half"), ("best", "none"), ("half", "none")]
    assert [found[pair]["n"] for pair in found] == [12, 24, 12]
    best, alone = found["best", "none"], found["half", "none"]
    assert best["corrected"] == pytest.approx(3 * 2 / 2**12)  # Holm over three pairs
    assert alone["corrected"] == pytest.approx(2 * 2 / 2**6)
    assert (alone["only_first"], alone["edits"]) == (6, 12)


def test_locality_is_tested_as_the_paper_measures_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        run_of(tmp_path / "same", set()),
        run_of(tmp_path / "other", set(), unchanged=0.0),
    ]
    assert main(["results", *runs, "--pairs", "unchanged", "--json"]) == 0
    [test] = json.loads(capsys.readouterr().out)["tests"]
    found = test["first"], test["second"], test["edits"], test["n"]
    assert found == (1.0, 0.0, 3, 3)
    assert main(["results", *runs, "--pairs", "locality", "--json"]) == 0
    [test] = json.loads(capsys.readouterr().out)["tests"]
    assert (test["first"], test["second"]) == (
        0.0,
        0.0,
    )  # nothing equals the gold in either
