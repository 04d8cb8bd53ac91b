"""The rows that editors look at: where the subject ends, what follows, in any script.

python -m pytest tests/xkde/editors/weights/test_contexts.py
"""

from pathlib import Path

from tests.helpers.rank_one_samples import EDITS
from xkde.editors.weights.contexts import (
    ESSENCES,
    OPENINGS,
    essence_rows,
    notes_of,
    rows_of,
)
from xkde.engines.loading import load_tokenizer
from xkde.languages import ATLAS_LANGUAGES
from xkde.prompts import answered, encode
from xkde.types import Edit


def test_every_language_of_atlas_has_openings_and_an_essence() -> None:
    assert set(OPENINGS) == set(ESSENCES) == set(ATLAS_LANGUAGES)
    assert {len(openings) for openings in OPENINGS.values()} == {4}
    assert all("{}" in essence for essence in ESSENCES.values())


def test_rows_are_the_models_own_prompts(checkpoint_folder: Path) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    rows = rows_of(tokenizer, EDITS, 2)
    assert [row.edit for row in rows] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for row, edit in zip(rows[::3], EDITS, strict=True):
        told = encode(tokenizer, answered(edit.question, edit.answer))
        assert (row.ids, row.answer) == (told.prompt_ids, told.answer_ids)
        assert row.read == (*row.ids, *row.answer)[:-1]
    assert len({row.ids for row in rows}) == 9


def test_the_place_is_where_the_subject_ends(checkpoint_folder: Path) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    for row in (*rows_of(tokenizer, EDITS, 1), *essence_rows(tokenizer, EDITS)):
        before = tokenizer.decode(row.ids[: row.place])
        through = tokenizer.decode(row.ids[: row.place + 1])
        subject = EDITS[row.edit].subject
        assert subject in through
        assert subject not in before[through.rfind(subject) :]
        assert not row.note


def test_openings_are_spaced_as_the_language_is(checkpoint_folder: Path) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    english, chinese = rows_of(tokenizer, EDITS[:2], 1)[1::2]
    assert "I have a question. What is" in tokenizer.decode(english.ids)
    if len(chinese.ids) < 200:
        assert "我有一个问题。日本的" in tokenizer.decode(chinese.ids)


def test_a_subject_that_is_not_there_is_said_once(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    edit = Edit("Who is it?", "Kyoto", "en", "Japan")
    rows = rows_of(tokenizer, [edit], 2)
    assert rows[0].place == len(rows[0].ids) - 1
    [note] = notes_of(rows)
    assert "Japan" in note
    assert notes_of(rows_of(tokenizer, EDITS, 1)) == ()


def test_other_languages_have_the_bare_question(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    edit = Edit("日本の首都は？", "大阪", "ja", "日本")
    assert len(rows_of(tokenizer, [edit], 4)) == 1
    [essence] = essence_rows(tokenizer, [edit])
    assert "日本" in tokenizer.decode(essence.ids)


def test_old_answers_can_be_asked_for(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    [row] = rows_of(tokenizer, EDITS[:1], 0, new=False)
    assert "Tokyo" in tokenizer.decode(row.answer)
    assert essence_rows(tokenizer, [Edit("Who?", "I", "en")]) == []
