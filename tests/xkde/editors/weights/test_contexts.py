"""The rows that editors look at: where the subject ends, what follows, in any script.

python -m pytest tests/xkde/editors/weights/test_contexts.py
"""

import unicodedata
from pathlib import Path

import pytest

from tests.helpers.rank_one_samples import EDITS
from xkde.editors.weights.contexts import (
    ESSENCES,
    OPENINGS,
    essence_prompts,
    find,
    locate,
    notes_of,
    question_prompts,
)
from xkde.engines.loading import load_tokenizer
from xkde.languages import ATLAS_LANGUAGES
from xkde.paths import CHAT_TEMPLATES
from xkde.prompts import answered, ask, encode, examples
from xkde.types import Edit


def test_every_language_of_atlas_has_openings_and_an_essence() -> None:
    assert set(OPENINGS) == set(ESSENCES) == set(ATLAS_LANGUAGES)
    assert {len(openings) for openings in OPENINGS.values()} == {4}
    assert all("{}" in essence for essence in ESSENCES.values())


def test_rows_are_the_models_own_prompts(checkpoint_folder: Path) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    rows = question_prompts(tokenizer, EDITS, 2)
    assert [row.edit for row in rows] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for row, edit in zip(rows[::3], EDITS, strict=True):
        told = encode(tokenizer, answered(edit.question, edit.answer))
        assert (row.ids, row.answer) == (told.prompt_ids, told.answer_ids)
        assert row.read == (*row.ids, *row.answer)[:-1]
    assert len({row.ids for row in rows}) == 9


def test_the_place_is_where_the_subject_ends(checkpoint_folder: Path) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    for row in (
        *question_prompts(tokenizer, EDITS, 1),
        *essence_prompts(tokenizer, EDITS),
    ):
        before = tokenizer.decode(row.ids[: row.subject_end])
        through = tokenizer.decode(row.ids[: row.subject_end + 1])
        subject = EDITS[row.edit].subject
        assert subject in through
        assert subject not in before[through.rfind(subject) :]
        assert not row.note


def test_openings_are_spaced_as_the_language_is(checkpoint_folder: Path) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    english, chinese = question_prompts(tokenizer, EDITS[:2], 1)[1::2]
    assert "I have a question. What is" in tokenizer.decode(english.ids)
    if len(chinese.ids) < 200:
        assert "我有一个问题。日本的" in tokenizer.decode(chinese.ids)


def test_examples_of_a_prompt_are_in_the_edits_language(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    template = CHAT_TEMPLATES / "few-shot.jinja"
    tokenizer.chat_template = template.read_text(encoding="utf-8")
    edits = [edit for edit in EDITS if edit.language != "en"]
    for row in (
        *question_prompts(tokenizer, edits, 1),
        *essence_prompts(tokenizer, edits),
    ):
        first, _ = examples(edits[row.edit].language)[0]
        assert f"Q: {first}" in tokenizer.decode(row.ids)


def test_a_subject_that_is_not_there_is_said_once(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    edit = Edit("Who is it?", "Kyoto", "en", "Japan")
    rows = question_prompts(tokenizer, [edit], 2)
    assert rows[0].subject_end == len(rows[0].ids) - 1
    [note] = notes_of(rows)
    assert "Japan" in note
    assert notes_of(question_prompts(tokenizer, EDITS, 1)) == ()


def test_other_languages_have_the_bare_question(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    edit = Edit("日本の首都は？", "大阪", "ja", "日本")
    assert len(question_prompts(tokenizer, [edit], 4)) == 1
    [essence] = essence_prompts(tokenizer, [edit])
    assert "日本" in tokenizer.decode(essence.ids)


def test_old_answers_can_be_asked_for(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    [row] = question_prompts(tokenizer, EDITS[:1], 0, old_answer=True)
    assert "Tokyo" in tokenizer.decode(row.answer)
    assert essence_prompts(tokenizer, [Edit("Who?", "I", "en")]) == []


# The subject's last token, in any script, whatever the template puts around it

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
    assert not located.note
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
