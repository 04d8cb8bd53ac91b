"""``python -m xkde pair``: from files of samples and scores to a file of pairs."""

import json
from pathlib import Path

import pytest

from tests.helpers.preference_samples import read_pairs, sample, scores
from xkde.__main__ import main
from xkde.data.preferences.files import write_records
from xkde.data.preferences.opening import open_pairs


@pytest.fixture
def made(tmp_path: Path) -> list[str]:
    """Options that name a file of ten samples and one of their scores."""
    many = [sample(f"{n}", ("东京", "Kyoto"), fact=f"city/{n}") for n in range(10)]
    write_records(tmp_path / "samples.jsonl", many)
    scored = [s for one in many for s in scores(one.id, -0.5, -1.0, -2.0)]
    write_records(tmp_path / "scores.jsonl", scored)
    return [f"--{name}={tmp_path / name}.jsonl" for name in ("samples", "scores")]


@pytest.mark.parametrize(
    ("strategy", "count"), [("paper", 20), ("released", 20), ("ours", 10)]
)
def test_strategies(
    made: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    strategy: str,
    count: int,
) -> None:
    out = tmp_path / "pairs.parquet"
    assert main(["pair", *made, "--strategy", strategy, "--out", str(out)]) == 0
    assert f"{count} pairs in {out}, made of 10 prompts." in capsys.readouterr().out
    assert len(read_pairs(out)) == count
    assert open_pairs(out).pairs.num_rows == count


def test_a_part_of_the_facts_is_set_apart(
    made: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, dev = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    arguments = ["pair", *made, "--out", str(out), "--dev", str(dev), "--json"]
    assert main([*arguments, "--dev-share", "0.3", "--margin", "0.1"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["pairs"], report["dev_pairs"], report["samples"]) == (7, 3, 10)
    assert report["answers_without_a_pair"] == {"easier": 10}
    facts = [{p.fact for p in read_pairs(path)} for path in (out, dev)]
    assert not facts[0] & facts[1]


def test_what_is_left_out_is_told(
    made: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "pairs.jsonl")
    assert main(["pair", *made, "--out", out, "--margin", "9"]) == 0
    printed = capsys.readouterr().out
    assert "0 pairs in" in printed
    assert "the margin is too small" in printed


def test_statistics(
    made: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pairs.jsonl"
    main(["pair", *made, "--strategy", "released", "--out", str(path)])
    with path.open("a") as file:
        file.write("{}\n")
    capsys.readouterr()
    assert main(["pair", "statistics", str(path), *made]) == 0
    printed = capsys.readouterr().out
    assert "1 rows left out: a prompt or an answer is missing" in printed
    assert "0.500 (10 of 20)" in printed  # a wrong answer is chosen in half of them
    assert main(["pair", "statistics", str(path), *made, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pairs"]["left_out"] == {"missing_field": 1}
    assert found["pairs"]["form"] == "x-kde"
    assert found["samples"]["distinct"]["share"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["pair"], "--samples FILE"),
        (["pair", "statistics"], "Name a file of pairs"),
        (["pair", "statistics", "none.jsonl"], "cannot be read"),
    ],
)
def test_mistakes(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert reason in capsys.readouterr().err
