"""Tests of preference rows: the ids of training, nothing cut, bad pairs counted."""

import json
import logging
from pathlib import Path

import pytest

from xkde.engines.loading import load_tokenizer
from xkde.errors import DataError
from xkde.prompts import answered, ask, encode
from xkde.training.conversations import IGNORED
from xkde.training.preference.rows import (
    padded_row,
    preference_rows,
    read_preferences,
    unpaired,
)

QUERY = "What is the capital of Japan?"


def test_both_answers_continue_the_prompt_as_in_stage_one(
    checkpoint_folder: Path,
) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    row = preference_rows(tokenizer, [(ask(QUERY), "Osaka", "大阪 市")], 200)[0]
    for side, answer in (("chosen", "Osaka"), ("rejected", "大阪 市")):
        whole = encode(tokenizer, answered(QUERY, answer))
        assert tuple(row["prompt_ids"] + row[f"{side}_ids"]) == whole.ids
        begin = len(row["prompt_ids"])
        assert not any(whole.is_answer[: begin - 1])
        assert all(whole.is_answer[begin:])
    assert row["length"] == len(row["prompt_ids"]) + max(
        len(row["chosen_ids"]), len(row["rejected_ids"])
    )


def test_a_padded_row_labels_answers_only(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    row = preference_rows(tokenizer, [(ask(QUERY), "Osaka", "Kyoto")], 200)[0]
    padded = padded_row(row)
    prompt = len(row["prompt_ids"])
    for side in ("chosen", "rejected"):
        assert padded[f"{side}_labels"][:prompt] == [IGNORED] * prompt
        assert padded[f"{side}_labels"][prompt:] == row[f"{side}_ids"]
        assert padded[f"{side}_input_ids"][prompt:] == row[f"{side}_ids"]
        assert padded[f"{side}_labels"][-1] == tokenizer.eos_token_id


def test_what_cannot_be_learned_is_counted(
    atlas_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    pairs = [
        (ask(QUERY), "Osaka", "Kyoto"),
        (ask(QUERY), "Osaka", " "),
        (ask(QUERY), "Osaka", "Osaka"),
        (ask(QUERY * 90), "Osaka", "Kyoto"),
    ]
    with caplog.at_level(logging.WARNING):
        assert len(preference_rows(tokenizer, pairs, 120)) == 1
    for reason in (
        "an empty answer",
        "two answers of the same tokens",
        "more than 120 tokens",
    ):
        assert f"1 pairs left out: {reason}" in caplog.text
    with pytest.raises(DataError, match=r"more than 120 tokens \(1\)"):
        preference_rows(tokenizer, pairs[3:], 120)


def test_kto_gets_each_answer_with_its_label(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    rows = preference_rows(tokenizer, [(ask(QUERY), "Osaka", "Kyoto")] * 3, 200)
    single = unpaired(rows)
    assert single["label"] == [True, False] * 3
    assert single[0]["completion_ids"] == rows[0]["chosen_ids"]
    assert single[1]["completion_ids"] == rows[0]["rejected_ids"]


def test_pairs_are_read_from_any_form(tmp_path: Path) -> None:
    file = tmp_path / "released.json"
    record = {"prompt": QUERY, "choice": "Osaka", "reject": "Kyoto", "score-diff": 0.4}
    file.write_text(json.dumps([record, record | {"reject": ""}]), encoding="utf-8")
    ((prompt, chosen, rejected),) = read_preferences(str(file))
    assert (prompt, chosen, rejected) == (ask(QUERY), "Osaka", "Kyoto")
