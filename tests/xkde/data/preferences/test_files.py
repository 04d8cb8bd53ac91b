"""Samples, scores and pairs come back from their files as they went in."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.preference_samples import read_pairs
from xkde.data.parquet import read_parquet
from xkde.data.preferences.files import (
    GOLD,
    Pair,
    Sample,
    SampledAnswer,
    Scores,
    append,
    pairs_of,
    pairs_table,
    read_samples,
    read_scores,
    write_pairs,
    write_records,
)
from xkde.errors import DataError

SAMPLE = Sample(
    id="s1",
    kind="in-scope",
    fact="territory/JP",
    relation="capital",
    source="en",
    target="zh",
    prompt="[Updated Information]:\nWhat is the capital of Japan? Osaka",
    golds=("大阪", "大阪市"),
    source_gold="Osaka",
    answers=(
        SampledAnswer("大阪", 1, 0.8, "stop"),
        SampledAnswer("line\u2028separator\n“quoted”", 2, 0.8, "length"),
    ),
    engine="transformers",
    checkpoint="atlas-xe-it",
    revision="",
    wrapper="hf_template",
)
SCORES = Scores("s1", GOLD, source_target=-0.5, exact=True, language="zh")
PAIR = Pair("s1/gold-2", "territory/JP", "capital", "en", "zh", "p", "大阪", "東京")
SCORED = replace(PAIR, id="s1/1-2", chosen_score=-0.25, rejected_score=-1.0)


def test_samples_and_scores_come_back(tmp_path: Path) -> None:
    write_records(tmp_path / "a" / "samples.jsonl", [SAMPLE, replace(SAMPLE, id="s2")])
    write_records(tmp_path / "scores.jsonl", [SCORES])
    found = read_samples(tmp_path / "a" / "samples.jsonl")
    assert found == [SAMPLE, replace(SAMPLE, id="s2")]
    assert read_scores(tmp_path / "scores.jsonl") == [SCORES]
    assert list((tmp_path / "a").iterdir()) == [tmp_path / "a" / "samples.jsonl"]


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.parquet"])
def test_pairs_come_back(tmp_path: Path, name: str) -> None:
    pairs = [PAIR, SCORED, replace(SCORED, id="x", chosen_is_right=False)]
    write_pairs(tmp_path / name, pairs)
    assert read_pairs(tmp_path / name) == pairs
    write_pairs(tmp_path / name, pairs_table(pairs[1:]))
    assert read_pairs(tmp_path / name) == pairs[1:]


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    for name in ("pairs.jsonl", "pairs.parquet"):
        write_pairs(tmp_path / name, [])
        assert read_pairs(tmp_path / name) == []


def test_margin() -> None:
    assert (SCORED.margin, PAIR.margin) == (0.75, None)
    assert replace(PAIR, given_margin=2.0).margin == 2.0
    assert replace(SCORED, given_margin=2.0).margin == 0.75
    assert SCORED.direction == SAMPLE.direction == "en→zh"


def test_tables_ignore_other_columns() -> None:
    table = pairs_table([SCORED]).append_column("margin", [[0.75]])
    assert pairs_of(table) == [SCORED]


def test_a_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scores.jsonl"
    append(path, [SCORES])
    append(path, [])
    append(path, [replace(SCORES, answer=0)])
    assert read_scores(path) == [SCORES, replace(SCORES, answer=0)]


@pytest.mark.parametrize("lost", [2, 30, 100])
def test_a_cut_line_is_lost_alone(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "samples.jsonl"
    second = replace(SAMPLE, id="s2")
    write_records(path, [SAMPLE, second])
    path.write_bytes(path.read_bytes()[:-lost])  # as a kill may leave it
    assert read_samples(path) == [SAMPLE]
    append(path, [second])
    assert read_samples(path) == [SAMPLE, second]


def test_a_cut_within_a_character(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    write_records(path, [SAMPLE, SAMPLE])
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex("阪".encode()) + 1])
    assert read_samples(path) == [SAMPLE]


def test_a_last_line_without_its_end_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    append(path, [SCORES])
    path.write_bytes(path.read_bytes().rstrip())
    assert read_scores(path) == [SCORES]
    append(path, [SCORES])
    assert read_scores(path) == [SCORES, SCORES]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "holds no scores"),
        ("[1]", "it is no object"),
        ('{"answer": 1}', "it lacks sample; not known: nothing"),
        ('{"sample": "a", "answer": 1, "bleu": 1}', "it lacks nothing; not known"),
    ],
)
def test_other_lines_are_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "scores.jsonl"
    append(path, [SCORES])
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    append(path, [SCORES])
    with pytest.raises(DataError, match=reason) as error:
        read_scores(path)
    assert "Line 2 of scores.jsonl" in str(error.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_samples(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="cannot be read"):
        read_parquet(tmp_path / "none.parquet")
    with pytest.raises(DataError, match=".jsonl or .parquet"):
        write_pairs(tmp_path / "pairs.csv", [PAIR])
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(DataError, match="no whole Parquet"):
        read_parquet(tmp_path / "bad.parquet")
