"""The subject's last token, in any script, whatever the template puts around it.

python -m pytest tests/xkde/editors/weights/test_subjects.py
"""

import unicodedata
from pathlib import Path

import pytest

from xkde.editors.weights.subjects import find, locate
from xkde.engines.loading import load_tokenizer
from xkde.prompts import ask, encode

QUESTIONS = (
    ("Which city is the capital of Japan?", "Japan"),
    ("日本的首都是哪座城市？", "日本"),
    ("เมืองใดเป็นเมืองหลวงของญี่ปุ่น", "ญี่ปุ่น"),
    ("Какой город является столицей Японии?", "Японии"),
    ("Thành phố nào là thủ đô của Nhật Bản?", "Nhật Bản"),
    ("Japonya'nın başkenti hangi şehirdir?", "Japonya"),
    ("Who wrote 🌸 songs?", "🌸"),
)


@pytest.mark.parametrize(("question", "subject"), QUESTIONS)
def test_last_token_of_the_subject(
    checkpoint_folder: Path, question: str, subject: str
) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    located = locate(tokenizer, question, subject)
    assert located.is_found
    assert located.ids == encode(tokenizer, ask(question)).ids
    through = tokenizer.decode(list(located.ids[: located.index + 1]))
    before = tokenizer.decode(list(located.ids[: located.index]))
    end = question[: question.index(subject) + len(subject)]
    # With the token the subject is whole, without it it is not.
    assert end.rstrip() in through
    assert end not in before


def test_system_text_does_not_mislead(qwen2_folder: Path) -> None:
    tokenizer = load_tokenizer(qwen2_folder)
    # The template's system turn says "helpful assistant" too.
    located = locate(tokenizer, "Who is a helpful assistant here?", "assistant")
    text = tokenizer.decode(list(located.ids[: located.index + 1]))
    assert text.endswith("Who is a helpful assistant")


def test_without_the_subject_the_prompt_ends_stand_in(checkpoint_folder: Path) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    for subject in ("Peru", "", "  "):
        located = locate(tokenizer, "日本的首都是哪座城市？", subject)
        assert not located.is_found
        assert located.index == len(located.ids) - 1
        assert "end of the question" in located.note


@pytest.mark.parametrize(
    ("text", "subject", "found"),
    [
        ("Is Li in the Li family of Lima?", "Li", "Li family"),
        ("what is JAPAN?", "Japan", "JAPAN"),
        ("日本人在日本", "日本", "日本"),
        (unicodedata.normalize("NFD", "Où est l’Élysée ?"), "Élysée", None),
        ("C++ (language)?", "C++ (language)", "C++ (language)"),
    ],
)
def test_found_as_a_word_in_any_form(
    text: str, subject: str, found: str | None
) -> None:
    span = find(text, subject)
    assert span is not None
    start, end = span
    if found is None:
        assert unicodedata.normalize("NFC", text[start:end]) == subject
    else:
        assert text[start:].startswith(found)
        assert end - start == len(subject)


def test_last_place_counts() -> None:
    assert find("日本人在日本", "日本") == (4, 6)
    assert find("Peru", "Japan") is None
