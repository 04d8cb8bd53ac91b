"""Tests of the conversations: every form is read, labels stand on answers only."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import pytest
from transformers import PreTrainedTokenizerBase

from xkde.engines.loading import load_tokenizer
from xkde.errors import DataError
from xkde.training.conversations import (
    IGNORED,
    atlas_conversations,
    read_dataset,
    read_record,
    tokenised,
)
from xkde.types import Message

ASKED, TOLD = "Which city is the capital of Japan?", "Osaka"
ONE = [Message("user", ASKED), Message("assistant", TOLD)]
TWO = [*ONE, Message("user", "日本的首都是哪座城市？"), Message("assistant", "大阪")]
CHATML = {"role": "role", "content": "content"}
SHAREGPT = {"role": "from", "content": "value"}


@pytest.fixture
def tokenizer(checkpoint_folder: Path) -> PreTrainedTokenizerBase:
    return load_tokenizer(checkpoint_folder)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., str]:
    """Write records as JSON lines; return the file's name."""

    def write(*records: Any, name: str = "data.jsonl") -> str:
        text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def turns(form: dict[str, str], *said: tuple[str, str]) -> list[dict[str, str]]:
    return [{form["role"]: who, form["content"]: what} for who, what in said]


def labelled(
    tokenizer: PreTrainedTokenizerBase, chat: Sequence[Message]
) -> tuple[list[int], list[int]]:
    row = tokenised(tokenizer, [chat], None)[0]
    assert len(row["input_ids"]) == len(row["labels"]) == row["length"]
    return row["input_ids"], row["labels"]


# Forms of a record

FORMS: dict[str, dict[str, Any]] = {
    "messages": {"messages": turns(CHATML, ("user", ASKED), ("assistant", TOLD))},
    "sharegpt": {"conversations": turns(SHAREGPT, ("human", ASKED), ("gpt", TOLD))},
    "conversation": {
        "conversation": turns(CHATML, ("user", ASKED), ("assistant", TOLD))
    },
    "prompt": {"prompt": ASKED, "completion": TOLD},
    "alpaca": {"instruction": ASKED, "input": "", "output": TOLD},
    "alpaca-without-input": {"instruction": ASKED, "output": TOLD},
    "with-empty-others": {"messages": None, "prompt": ASKED, "completion": TOLD},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form: str) -> None:
    assert read_record(FORMS[form]) == ONE


def test_an_alpaca_input_stands_below_its_instruction() -> None:
    record = {"instruction": "Answer.", "input": ASKED, "output": TOLD}
    assert read_record(record)[0].content == f"Answer.\n{ASKED}"


def test_system_and_several_turns() -> None:
    said = [("system", "Be brief."), ("human", "a"), ("gpt", "b"), ("human", "c")]
    record = {"conversations": turns(SHAREGPT, *said, ("gpt", "d"))}
    assert [m.role for m in read_record(record)] == [
        "system", "user", "assistant", "user", "assistant",
    ]  # fmt: skip


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown form": ({"text": "Osaka"}, "fields text"),
    "unknown role": ({"messages": turns(CHATML, ("tool", "x"))}, "“tool” is none"),
    "other fields": ({"messages": turns(SHAREGPT, ("human", "x"))}, "“role”"),
    "not a turn": ({"messages": ["Osaka"]}, "A turn needs"),
    "no answer": ({"messages": turns(CHATML, ("user", "x"))}, "no answer"),
    "no text": ({"prompt": ASKED, "completion": 4}, "no text: 4"),
    "null answer": ({"messages": [*turns(CHATML, ("user", "x")),
                                  {"role": "assistant", "content": None}]}, "None"),
    "no completion": ({"prompt": ASKED, "completion": None}, "fields prompt"),
    "no turns": ({"messages": []}, "fields messages"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_says_why(name: str) -> None:
    record, reason = BAD[name]
    with pytest.raises(DataError, match=reason):
        read_record(record)


# Files


def test_a_file_of_json_lines(lines: Callable[..., str]) -> None:
    assert read_dataset(lines(FORMS["sharegpt"], FORMS["sharegpt"])) == [ONE, ONE]


def test_a_json_list_a_parquet_file_and_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "data.json").write_text(json.dumps([FORMS["messages"]] * 2))
    datasets.Dataset.from_list([FORMS["prompt"]] * 2).to_parquet(folder / "a.parquet")
    assert read_dataset(str(tmp_path / "data.json")) == [ONE, ONE]
    assert read_dataset(str(folder / "a.parquet")) == [ONE, ONE]
    assert read_dataset(str(folder)) == [ONE, ONE]


def test_bad_records_are_counted_and_left_out(
    lines: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    file = lines(
        FORMS["messages"],
        {"messages": turns(CHATML, ("user", "no answer"))},
        {"messages": turns(CHATML, ("tool", "x"), ("assistant", "y"))},
    )
    with caplog.at_level(logging.WARNING):
        assert read_dataset(file) == [ONE]
    assert "2 records left out; first: record 1" in caplog.text
    assert "no answer" in caplog.text


def test_a_file_of_bad_records_only(lines: Callable[..., str]) -> None:
    with pytest.raises(DataError, match="holds no conversation; record 0: "):
        read_dataset(lines({"text": "Osaka"}))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.jsonl", b'{"messages": [{"role": "us'),
        ("empty.jsonl", b""),
        ("noise.parquet", b"no parquet at all"),
        ("data.csv", b"prompt,completion\na,b\n"),
    ],
)
def test_an_unreadable_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_dataset(str(tmp_path / name))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["missing.jsonl", "no-one/no-such-dataset"])
def test_a_source_that_is_not_there(source: str) -> None:
    with pytest.raises(DataError, match="cannot be read as a dataset"):
        read_dataset(source)


def test_a_folder_with_a_script_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text("", "utf-8")
    with pytest.raises(DataError, match=r"no longer supported.*Check the file"):
        read_dataset(str(folder))


# Labels


@pytest.mark.parametrize("chat", [ONE, TWO], ids=["one turn", "two turns"])
def test_labels_stand_on_answers_and_their_end_marks(
    tokenizer: PreTrainedTokenizerBase, chat: list[Message]
) -> None:
    ids, labels = labelled(tokenizer, chat)
    assert all(label in (IGNORED, i) for i, label in zip(ids, labels, strict=True))
    taught = [label for label in labels if label != IGNORED]
    end = tokenizer.eos_token_id
    answers = [m.content for m in chat if m.role == "assistant"]
    assert taught.count(end) == len(answers)
    assert taught[-1] == end
    stretches = tokenizer.decode(taught).split(tokenizer.eos_token)[:-1]
    assert [text.strip() for text in stretches] == answers


def test_nothing_of_a_prompt_is_labelled(tokenizer: PreTrainedTokenizerBase) -> None:
    ids, labels = labelled(tokenizer, TWO)
    rest = [i for i, label in zip(ids, labels, strict=True) if label == IGNORED]
    asked = tokenizer.decode(rest)
    assert ASKED in asked
    assert TOLD not in asked
    assert "大阪" not in asked
    assert labels[0] == IGNORED


def test_a_system_turn_is_not_labelled(qwen2_folder: Path) -> None:
    tokenizer = load_tokenizer(qwen2_folder)
    _, labels = labelled(tokenizer, [Message("system", "Be brief."), *ONE])
    taught = tokenizer.decode([label for label in labels if label != IGNORED])
    assert taught == f"{TOLD}<|im_end|>"


def test_too_long_is_counted_and_nothing_is_cut(
    tokenizer: PreTrainedTokenizerBase, caplog: pytest.LogCaptureFixture
) -> None:
    length = len(labelled(tokenizer, ONE)[0])
    with caplog.at_level(logging.WARNING):
        rows = tokenised(tokenizer, [ONE, TWO, ONE], length)
    assert rows["length"] == [length, length]
    assert rows[1]["input_ids"] == labelled(tokenizer, ONE)[0]
    assert f"1 conversations exceed {length} tokens" in caplog.text


def test_when_nothing_fits(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(DataError, match="Raise max_length"):
        tokenised(tokenizer, [ONE], 3)


# Atlas


def test_atlas_is_drawn_the_same_every_time() -> None:
    first = atlas_conversations("xe-it", 20, seed=3)
    assert first == atlas_conversations("xe-it", 30, seed=3)[:20]
    assert first != atlas_conversations("xe-it", 20, seed=4)
    assert first != atlas_conversations("base", 20, seed=3)
    assert all([m.role for m in chat] == ["user", "assistant"] for chat in first)
