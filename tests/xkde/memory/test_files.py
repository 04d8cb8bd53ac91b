"""Edits in files: what is written is read again, bad rows are named and left out."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from xkde.errors import DataError
from xkde.memory.files import (
    REASONS,
    as_csv,
    as_jsonl,
    edits_of,
    read_edits,
    write_edits,
)
from xkde.types import Edit

EDITS = (
    Edit("What is the capital of Japan?", "Osaka", "en", "Japan", "Tokyo", ("Ōsaka",)),
    Edit("日本的货币是什么？", "欧元", "zh", "日本"),
    Edit(
        'Who said “no”, "yes"; or\nnothing?', "Nobody, really", "en", aliases=("N", "O")
    ),
)


@pytest.mark.parametrize("name", ["edits.jsonl", "edits.csv", "EDITS.CSV"])
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / name
    write_edits(EDITS, path)
    read = read_edits(path)
    assert read.edits == EDITS
    assert read.bad == ()
    assert [p.name for p in path.parent.iterdir()] == [name]  # nothing left aside


def test_a_json_list_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    rows = [json.loads(line) for line in as_jsonl(EDITS).splitlines()]
    path.write_text("\ufeff" + json.dumps(rows), encoding="utf-8")
    assert read_edits(path).edits == EDITS


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_of_csv(separator: str) -> None:
    text = separator.join(["Question", "ANSWER", "language"]) + "\n"
    text += separator.join(["Where is Peru?", "Asia", "en"]) + "\n\n"
    assert edits_of(text).edits == (Edit("Where is Peru?", "Asia", "en"),)


def test_other_names_for_the_fields() -> None:
    rows = [
        {"src": "Where is Peru?", "alt": "Asia", "lang": "du", "old": "America"},
        {"prompt": "Where is Peru?", "target_new": ["Asia", "in Asia"]},
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    assert edits_of(text, language="tr").edits == (
        Edit("Where is Peru?", "Asia", "nl", old_answer="America"),
        Edit("Where is Peru?", "Asia", "tr"),
    )


def test_bad_rows_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    good = {"question": "Where is Peru?", "answer": "Asia", "language": "en"}
    lines = [
        json.dumps(good),
        "{broken",
        "",
        "[1]",
        json.dumps(good | {"answer": None}),
        json.dumps(good | {"language": ""}),
        json.dumps(good | {"language": "xx"}),
        json.dumps(good | {"answer": 7}),
        json.dumps(good | {"question": "Where? [Query]:"}),
        json.dumps(good),
    ]
    path = tmp_path / "edits.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    read = read_edits(path)
    assert len(read.edits) == 2
    assert [(row.line, row.reason) for row in read.bad] == [
        (2, "not_json"),
        (4, "not_an_object"),
        (5, "missing_field"),
        (6, "no_language"),
        (7, "unusable"),
        (8, "missing_field"),
        (9, "unusable"),
    ]
    assert read.counts["missing_field"] == 2
    assert all(row.why and row.remedy for row in read.bad)
    assert "xx" in read.bad[4].why
    assert {row.reason for row in read.bad} <= set(REASONS)
    assert [row.line for row in read.bad] == [2, 4, 5, 6, 7, 8, 9]
    assert read.bad[0].content == "{broken"


@pytest.mark.parametrize("head", ["q" * 140_000, '"question,' + "a" * 140_000])
def test_a_head_that_csv_cannot_hold_is_said_in_words(head: str) -> None:
    with pytest.raises(DataError, match="Line 1 cannot be read as CSV"):
        edits_of(head + "\nWhere is Peru?,Asia\n")


def test_lines_of_csv_with_line_breaks_in_cells() -> None:
    text = as_csv(EDITS) + "Where is Peru?,Asia,\n" + "a,b,en,d,e,f,too,many\n"
    read = edits_of(text)
    assert read.edits == EDITS
    # The third edit's question takes two lines: 1 + 1 + 1 + 2 come before.
    assert [(row.line, row.reason) for row in read.bad] == [
        (6, "no_language"),
        (7, "too_many_cells"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no edit"),
        (b"{broken", "line 1: it is no JSON"),
        (b"[1, 2", "begins as a JSON list"),
        (b"\xff\xfe\x00", "not written in UTF-8"),
        (b"question,answer,language\n", "holds no edit"),
        (b'question,answer,language\n"' + b"x" * 200_000, "quotation mark"),
    ],
)
def test_files_without_edits(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "edits.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason):
        read_edits(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_edits(tmp_path / "nothing.jsonl")


FORMULAS = ('=HYPERLINK("http://evil","x")', "+1+1", "-2", "@SUM(1)", "'=1", "'", "a=b")


def test_a_formula_is_a_text_in_csv_and_comes_back() -> None:
    edits = tuple(replace(EDITS[0], answer=each, old_answer=each) for each in FORMULAS)
    text = as_csv(edits)
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    assert edits_of(text).edits == edits
