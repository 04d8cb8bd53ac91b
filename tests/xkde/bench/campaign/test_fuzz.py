"""Damaged files end in a table or a sentence; what would not is found."""

from pathlib import Path

import pytest

from xkde.bench.campaign.damage import as_lines, damaged
from xkde.bench.campaign.fuzz import fuzz, outcome, readers
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
