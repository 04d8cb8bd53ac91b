"""Any file of pairs opens: every form, every container, and bad rows are counted."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.preference_samples import pair
from xkde.data.preferences.files import PAIR_SCHEMA, pairs_of, write_pairs
from xkde.data.preferences.opening import (
    REASONS,
    OpenedPairs,
    code_of,
    open_pairs,
    open_rows,
    target_of,
)
from xkde.errors import DataError
from xkde.prompts import edit_prompt
from xkde.types import Edit

PROMPT = edit_prompt(
    [Edit("What is the capital of Japan?", "Osaka", "en")], "日本首都？", "Chinese"
)
TEXTS = [
    {"prompt": PROMPT, "chosen": "大阪", "rejected": "东京"},
    {"prompt": "Capital of Japan?", "chosen": "Osaka", "rejected": "Kyoto"},
]


def turn(content: str, role: str = "assistant") -> dict[str, str]:
    return {"role": role, "content": content}


def written(path: Path, rows: list[Any]) -> Path:
    """Write rows in the form that the file's name tells."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1), "utf-8")
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


def texts(opened: OpenedPairs) -> list[tuple[str, str, str]]:
    return [(p.prompt, p.chosen, p.rejected) for p in pairs_of(opened.pairs)]


NAMES = ("pairs.jsonl", "pairs.json", "pairs.parquet", "no-suffix")


@pytest.mark.parametrize("name", NAMES)
def test_texts_in_every_container(tmp_path: Path, name: str) -> None:
    opened = open_pairs(written(tmp_path / name, TEXTS))
    assert texts(opened) == [tuple(row.values()) for row in TEXTS]
    assert (opened.form, opened.left_out) == ("text", {})
    assert opened.pairs.schema.equals(PAIR_SCHEMA)
    first, second = pairs_of(opened.pairs)
    assert (first.target, second.target) == ("zh", "")  # as the prompt says
    assert (first.chosen_language, second.chosen_language) == ("zh", "en")
    assert first.margin is None
    assert first.chosen_is_right is None
    assert first.id != second.id


@pytest.mark.parametrize("name", NAMES)
def test_chats_with_the_prompt_apart(tmp_path: Path, name: str) -> None:
    rows = [
        {
            "prompt": [turn(row["prompt"], "user")],
            "chosen": [turn(row["chosen"])],
            "rejected": [turn(row["rejected"])],
        }
        for row in TEXTS
    ]
    opened = open_pairs(written(tmp_path / name, rows))
    assert opened.form == "chat"
    assert texts(opened) == [tuple(row.values()) for row in TEXTS]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("told", [True, False])
def test_chats_that_hold_the_prompt(tmp_path: Path, name: str, told: bool) -> None:
    rows = [
        {
            "prompt": row["prompt"] if told else None,
            "chosen": [turn(row["prompt"], "user"), turn(row["chosen"])],
            "rejected": [turn(row["prompt"], "user"), turn(row["rejected"])],
        }
        for row in TEXTS
    ]
    opened = open_pairs(written(tmp_path / name, rows))
    assert texts(opened) == [tuple(row.values()) for row in TEXTS]


def test_chats_of_several_turns() -> None:
    before = [turn("Be brief.", "system"), turn("Capital?", "user")]
    rows = [{"chosen": [*before, turn("a b")], "rejected": [*before, turn("c")]}]
    opened = open_rows(rows)
    assert texts(opened) == [("system: Be brief.\n\nuser: Capital?", "a b", "c")]


def test_texts_that_hold_the_prompt() -> None:
    start = "\n\nHuman: The capital?\n\nAssistant: "
    opened = open_rows([{"chosen": start + "Tokyo", "rejected": start + "Toronto"}])
    assert texts(opened) == [(start, "Tokyo", "Toronto")]


@pytest.mark.parametrize("name", NAMES)
def test_the_released_form(tmp_path: Path, name: str) -> None:
    rows = [
        {"prompt": PROMPT, "choice": "大阪", "reject": "东京", "score-diff": 0.25},
        {"prompt": PROMPT, "choice": "大阪", "reject": "京都", "score-diff": 1},
    ]
    opened = open_pairs(written(tmp_path / name, rows))
    assert opened.form == "released"
    assert [p.margin for p in pairs_of(opened.pairs)] == [0.25, 1.0]


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.parquet"])
def test_our_own(tmp_path: Path, name: str) -> None:
    pairs = [
        pair("1", chosen_origin="gold"),
        pair("2", chosen_score=None, given_margin=2.0, strategy="released"),
    ]
    write_pairs(tmp_path / name, pairs)
    opened = open_pairs(tmp_path / name)
    assert (opened.form, opened.left_out) == ("x-kde", {})
    assert pairs_of(opened.pairs) == pairs


def test_forms_may_be_mixed_and_fields_ours() -> None:
    rows = [
        {**TEXTS[1], "id": 7, "source": "cz", "target": "du", "score_chosen": 8.5},
        {"prompt": "p", "choice": "a", "reject": "b", "score-diff": 0.5, "id": ""},
        {"prompt": "p", "chosen": [turn("a")], "rejected": [turn("c")], "fact": 3},
    ]
    one, two, three = pairs_of(open_rows(rows).pairs)
    assert (one.id, one.source, one.target, one.chosen_score) == ("7", "cs", "nl", 8.5)
    assert (two.id, two.margin, three.id, three.fact) == ("row 2", 0.5, "row 3", "")
    assert (three.chosen, three.rejected) == ("a", "c")


def test_what_is_right_is_in_the_target_language() -> None:
    rows = [
        {**TEXTS[1], "target": "zh", "chosen_is_right": right} for right in (1, True)
    ]
    one, two = pairs_of(open_rows(rows).pairs)
    assert (one.chosen_is_right, one.chosen_language) == (None, "en")
    assert (two.chosen_is_right, two.chosen_language) == (True, "zh")


def test_bad_rows_are_counted_and_the_rest_opens(tmp_path: Path) -> None:
    good = {"prompt": "p", "chosen": "a", "rejected": "b"}
    bad = [
        (["no object"], "not_an_object"),
        (3, "not_an_object"),
        ({"prompt": "p", "chosen": "a"}, "missing_field"),
        ({**good, "rejected": 3}, "missing_field"),
        ({**good, "prompt": 3}, "missing_field"),
        ({**good, "chosen": [{"role": "assistant"}]}, "missing_field"),
        ({**good, "chosen": ["a"]}, "missing_field"),
        ({**good, "chosen": " \n"}, "empty_answer"),
        ({**good, "chosen": [turn("")]}, "empty_answer"),
        ({**good, "rejected": "a "}, "same_answers"),
        ({"chosen": "a", "rejected": "a"}, "same_answers"),
        ({**good, "id": "1"}, "duplicate_id"),
    ]
    rows: list[Any] = [{**good, "id": "1"}, *(row for row, _ in bad), good]
    content = "\n".join(json.dumps(row) for row in rows)
    path = tmp_path / "pairs.jsonl"
    path.write_text(content + '\n{"prompt": nothing}\n\n{"prompt": "p", "ch', "utf-8")
    opened = open_pairs(path)
    assert [p.id for p in pairs_of(opened.pairs)] == ["1", "line 14"]
    reasons = [reason for _, reason in bad] + ["not_json", "cut_line"]
    assert opened.left_out == {r: reasons.count(r) for r in set(reasons)}
    assert set(opened.left_out) == set(REASONS)
    assert opened.places["not_an_object"] == "line 2"
    assert opened.places["missing_field"] == "line 4"
    assert (opened.places["not_json"], opened.places["cut_line"]) == (
        "line 15",
        "line 17",
    )
    assert open_rows(rows).left_out == {
        r: n for r, n in opened.left_out.items() if r not in ("not_json", "cut_line")
    }


def test_half_a_character_is_mended() -> None:
    rows = [{"prompt": "p", "chosen": "a\ud83d", "rejected": "\ud83d\ude00"}]
    assert texts(open_rows(rows)) == [("p", "a\ufffd", "😀")]


def test_numbers_that_are_none() -> None:
    rows = [
        {**TEXTS[0], "chosen_score": value, "rejected_score": 1}
        for value in (float("nan"), float("inf"), "1", True, None)
    ]
    assert {p.margin for p in pairs_of(open_rows(rows).pairs)} == {None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"[]", "it is empty"),
        (b"[1]", "it is no object with fields"),
        (b"[{", "begins as a JSON list"),
        (b"\x00\x01", "the last line was cut off"),
        (b"PAR1 and no more", "no whole Parquet"),
        (b'{"prompt": "p"}', "missing .*line 1"),
    ],
)
def test_files_without_a_pair(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "pairs").write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_pairs(tmp_path / "pairs")
    with pytest.raises(DataError, match="cannot be read"):
        open_pairs(tmp_path)


def test_codes_and_targets() -> None:
    assert [code_of(c) for c in ("zh", "cz", "du", "english", "")] == [
        "zh",
        "cs",
        "nl",
        "",
        "",
    ]
    assert target_of(PROMPT) == target_of(f"[INST]{PROMPT} [/INST] ") == "zh"
    assert target_of(PROMPT.replace("Chinese", "Klingon")) == ""
    assert target_of("What is the capital?") == ""
