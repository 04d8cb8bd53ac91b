"""A session's memory on the page: its desk, its words, its use for a question.

python -m pytest tests/pages/edit_and_ask/memory/test_page.py
"""

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from pages.edit_and_ask import answering, models
from pages.edit_and_ask import handlers as handle
from pages.edit_and_ask.answering import ask, verdict
from pages.edit_and_ask.answers import answers_html
from pages.edit_and_ask.examples import example
from pages.edit_and_ask.form import Auto
from pages.edit_and_ask.memory import page as memory
from pages.edit_and_ask.memory import retrieval
from pages.edit_and_ask.memory.html import bad_html, found_html, table_html
from pages.edit_and_ask.memory.retrieval import Use
from pages.edit_and_ask.memory.session import (
    MOST,
    PAGE,
    Desk,
    added,
    dropped,
    taken,
    turned,
    undone,
)
from pages.edit_and_ask.panes import recalled_words
from pages.shell.links import Form
from pages.shell.strings import INTERFACES, strings, tr
from xkde.engines.pool import Pool
from xkde.errors import InputError
from xkde.memory.conflicts import KINDS
from xkde.memory.files import REASONS, edits_of
from xkde.types import Edit, Query

EVIL = "<img src=x onerror=alert(1)>"
NOBODY: Any = SimpleNamespace(
    request=None, query_params={}, headers={}, session_hash="nobody"
)
JAPAN = Edit("What is the capital of Japan?", "Osaka", "en")
KYOTO = replace(JAPAN, answer="Kyoto")
ENGLISH = Query(JAPAN.question, "en")


def values_of(form: Form) -> list[Any]:
    return [getattr(form, name) for name in Form.__dataclass_fields__]


def event(deed: str, at: int) -> Any:
    return SimpleNamespace(deed=deed, at=at)


# ----------------------------------------------------------------------- the desk


def test_an_edit_is_taken_with_the_subject_that_atlas_knows() -> None:
    desk = taken(Desk(), JAPAN)
    assert desk.memory.edits[0].subject == "Japan"
    assert undone(desk).memory.edits == ()
    with pytest.raises(InputError):
        taken(desk, replace(JAPAN, answer=" "))


def test_changing_keeps_the_number_and_ends() -> None:
    desk = added(Desk(), [JAPAN, KYOTO])
    assert [each.kind for each in desk.conflicts] == ["two_answers"]
    changed = taken(replace(desk, changing=1), KYOTO)
    assert changed.changing == 0
    assert [each.edit.answer for each in changed.memory.entries] == ["Kyoto", "Kyoto"]
    assert [each.kind for each in changed.conflicts] == ["repeated"]
    assert dropped(changed, [1]).conflicts == ()


def test_a_thousand_rows_come_quickly_and_in_pages() -> None:
    rows = [
        {"question": f"Who leads T{i}ville?", "answer": f"P{i}", "language": "en"}
        for i in range(1000)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    started = time.process_time()
    desk = added(Desk(), edits_of(text).edits)
    page = table_html(desk, "en")
    assert time.process_time() - started < 5
    assert desk.pages == desk.page == 1000 // PAGE
    assert page.count('data-deed="drop"') == PAGE
    assert turned(desk, 99).page == desk.pages
    assert turned(desk, -1).shown[0].number == 1
    with pytest.raises(InputError, match="takes"):
        added(desk, [JAPAN] * MOST)


# ---------------------------------------------------------------------- the words


@pytest.mark.parametrize("say", INTERFACES)
def test_every_reason_and_conflict_has_words(say: Any) -> None:
    assert {f"conflict_{kind}" for kind in KINDS} <= strings()[say].keys()
    reasons = {f"bad_{reason}" for reason in REASONS if reason != "unusable"}
    assert reasons <= strings()[say].keys()
    text = 'nothing\n{"question": "Q"}\n[1]\n{"question":"Q","answer":"A"}\n'
    text = '{"question":"Q","answer":"A","language":"xx"}\n' + text
    bad = edits_of(text).bad
    assert len(bad) == 5
    page = bad_html(bad, say)
    assert tr("memory_bad", say, n=5) in page
    assert page.count("<li>") == 5


def test_what_people_write_stays_text() -> None:
    desk = added(Desk(), [Edit(EVIL, EVIL, "en", EVIL, EVIL)] * 2)
    bad = edits_of(f'{{"question": "{EVIL}"}}\n').bad
    asked = replace(
        SAID, recalled=retrieval.recalled(Use(desk.memory.edits, 0.1), [ENGLISH])
    )
    for page in (table_html(desk, "en"), bad_html(bad, "en"), found_html(asked, "en"),
                 answers_html(asked, "en")):  # fmt: skip
        assert "<img" not in page


SAID = answering.Asked(JAPAN, (ENGLISH,), {}, {"base": "one", "edited": "two"})


def test_what_was_recalled_is_shown_with_scores() -> None:
    use = Use(
        tuple(added(Desk(), [replace(JAPAN, subject="Japan")]).memory.edits), 0.75
    )
    one = replace(SAID, recalled=retrieval.recalled(use, [ENGLISH]))
    assert "Osaka" in recalled_words(one, 0, "en")
    assert "stated" in found_html(one, "en")
    none = replace(SAID, recalled=retrieval.recalled(
        replace(use, threshold=1.6), [ENGLISH]))  # fmt: skip
    assert recalled_words(none, 0, "en") == tr("recalled_none", "en")
    assert "below the threshold" in found_html(none, "en")
    assert recalled_words(SAID, 0, "en") == found_html(SAID, "en") == ""


# -------------------------------------------------------------------- the handlers


def test_handlers_add_change_drop_and_undo() -> None:
    form, auto = example("example_japan")
    desk = memory.keep(Desk(), auto, NOBODY, *values_of(form))[0]
    assert desk.memory.edits[0].answer == "Osaka"
    shown = memory.pressed(desk, auto, event("change", 1), NOBODY, *values_of(form))
    assert shown[0].changing == 1
    assert shown[-7:-4] == ["en", form.question, "Osaka"]
    other = replace(form, answer="Kyoto")
    desk = memory.keep(shown[0], auto, NOBODY, *values_of(other))[0]
    assert [edit.answer for edit in desk.memory.edits] == ["Kyoto"]
    desk = memory.pressed(desk, auto, event("drop", 1), NOBODY, *values_of(form))[0]
    assert desk.memory.edits == ()
    desk = memory.undo(desk, NOBODY)[0]
    assert [edit.answer for edit in desk.memory.edits] == ["Kyoto"]
    with pytest.raises(gr.Error, match="any more"):
        memory.pressed(desk, auto, event("change", 9), NOBODY, *values_of(form))


def test_a_file_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "edits.csv"
    path.write_text("question,answer\nWho?,Ann\nWhat?,\n", encoding="utf-8")
    shown = memory.read(Desk(), str(path), "en", NOBODY)
    assert shown[0].memory.edits == (Edit("Who?", "Ann", "en"),)
    assert "Imported: 1. Left out: 1." in shown[2]
    for kind in ("jsonl", "csv"):
        written = memory._writing(kind)(shown[0]).value["path"]
        assert edits_of(Path(written).read_text(encoding="utf-8")).edits == (
            Edit("Who?", "Ann", "en"),
        )
    path.write_text("nothing here", encoding="utf-8")
    with pytest.raises(gr.Error, match="holds no edit"):
        memory.read(Desk(), str(path), "en", NOBODY)


# ------------------------------------------------------------------- the question


@pytest.fixture
def pool(atlas_checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    fresh = Pool()
    for module in (answering, models):
        monkeypatch.setattr(module, "POOL", fresh)
    yield fresh


@pytest.mark.slow
@pytest.mark.parametrize("editor", ["x-kde", "prompt"])
def test_a_question_is_asked_with_what_the_memory_has(pool: Pool, editor: str) -> None:
    form = replace(
        example("example_japan")[0], languages=("en", "zh"), max_new_tokens=4,
        editor=editor, prompted=True,
    )  # fmt: skip
    kyoto = replace(KYOTO, subject="Japan")
    last = deque(ask(form, use=Use((kyoto,), 0.75)), maxlen=1).pop()
    assert "Kyoto" in last.sent["edited"][0]
    assert "Osaka" not in last.sent["edited"][0]
    bare = [query.text for query in last.queries]
    assert last.sent["edited"][1] == bare[1]  # no name of it in another script
    assert list(last.sent["base"]) == bare
    assert last.edit_of(0).answer == "Kyoto"
    assert last.edit_of(1).answer == "Osaka"
    assert verdict(last, "edited", 0)
    assert tr("recalled_none", "en") in answers_html(last, "en")


@pytest.mark.slow
def test_an_editor_of_weights_leaves_the_memory_and_says_so(pool: Pool) -> None:
    form = replace(example("example_japan")[0], max_new_tokens=4, editor="ft-m")
    desk = added(Desk(), [KYOTO])
    states = handle.run(NOBODY, Auto(), desk, True, 0.7, *values_of(form))
    shown = deque(states, maxlen=1).pop()
    assert "only editors in the prompt use the memory" in shown[1]
    assert "from the memory" not in shown[0]
