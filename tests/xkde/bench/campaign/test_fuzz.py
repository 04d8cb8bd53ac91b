"""Damaged files end in a table or a sentence; what would not is found."""

import json
from pathlib import Path

import pytest

from xkde.__main__ import command_parser, main
from xkde.bench.campaign.damage import as_lines, damaged
from xkde.bench.campaign.fuzz import fuzz, fuzz_commands, outcome, readers
from xkde.errors import DataError

COUNT = 300


def test_every_reader_says_a_sentence_or_reads() -> None:
    counts = fuzz(COUNT, seed="ci")
    assert sum(count.inputs for count in counts) >= COUNT
    assert {count.reader for count in counts} == set(readers())
    assert [failure for count in counts for failure in count.failures] == []
    assert sum(count.sentences for count in counts) > COUNT // 5


@pytest.mark.slow
def test_many_more() -> None:
    failures = [f for count in fuzz(3000, seed="ci slow") for f in count.failures]
    assert failures == []


def test_an_input_can_be_had_again() -> None:
    rows = ({"a": "b", "c": 1}, {"a": "d", "c": 2})
    first = dict(damaged(rows, as_lines, range(20), "s"))
    assert dict(damaged(rows, as_lines, iter([7]), "s")) == {7: first[7]}
    assert len(set(first.values())) > 15


def test_what_goes_wrong_is_found() -> None:
    def fails(path: Path) -> None:
        raise KeyError(path.suffix)

    def says_too_much(path: Path) -> None:
        raise DataError("a" * 9999)

    assert outcome(fails, b"", ".json").startswith("KeyError at test_fuzz.py:")
    assert outcome(says_too_much, b"", ".json") == "9999 characters"
    assert outcome(Path.read_bytes, b"", ".json") == ""


def test_the_command_line_never_ends_in_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    count = fuzz_commands(main, lambda name: command_parser(name)[0], 60, "ci")
    assert count.failures == ()
    assert 0 < count.accepted < count.inputs


def test_a_command_that_breaks_is_found() -> None:
    def broken(words: list[str]) -> int:
        raise ZeroDivisionError

    count = fuzz_commands(broken, lambda name: command_parser(name)[0], 3)
    assert len(count.failures) == 3
    assert "ZeroDivisionError" in count.failures[0].why


def test_the_command_prints_what_became_of_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    assert main(["campaign", "fuzz", "--count", "15", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert {count["reader"] for count in counts} == {*readers(), "command line"}
    assert main(["campaign", "kills", "--jobs", "nonsense"]) == 1
    assert "is no job" in capsys.readouterr().err
