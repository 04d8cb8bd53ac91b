"""A session's memory on the page: its session, its words, its use for a question."""

import base64
import json
import time
import zlib
from collections import deque
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import pytest

from pages.edit_and_ask import answering, memory
from pages.edit_and_ask import handlers as handle
from pages.edit_and_ask.answering import verdict
from pages.edit_and_ask.answers import answers_html, recalled_words, summary
from pages.edit_and_ask.form import example, values_of
from pages.edit_and_ask.memory import (
    MOST,
    PAGE,
    MemorySession,
    on_page,
    recalled,
    recalled_html,
    status_html,
    table_html,
    undone,
    with_edit,
    with_edits,
    without,
)
from pages.edit_and_ask.memory_link import LinkedMemory, read_memory, write_memory
from pages.shell.links import Form
from pages.shell.prefill import Prefilled, understand
from pages.shell.strings import INTERFACES, strings, tr
from tests.helpers.requests import NOBODY
from xkde.asking.session import AskState, PaneAnswers
from xkde.engines.pool import Pool
from xkde.errors import InputError
from xkde.memory.edits import KINDS
from xkde.memory.files import REASONS, edits_of
from xkde.memory.retrieval import LARGE, Calibration
from xkde.types import Edit, Generation, Query

EVIL = "<img src=x onerror=alert(1)>"
JAPAN = Edit("What is the capital of Japan?", "Osaka", "en")
KYOTO = replace(JAPAN, answer="Kyoto")
ENGLISH = Query(JAPAN.question, "en")


def event(deed: str, at: int) -> Any:
    return SimpleNamespace(deed=deed, at=at)


# ----------------------------------------------------------------------- the session


def test_an_edit_is_taken_with_the_subject_that_atlas_knows() -> None:
    session = with_edit(MemorySession(), JAPAN)
    assert session.memory.edits[0].subject == "Japan"
    assert undone(session).memory.edits == ()
    with pytest.raises(InputError):
        with_edit(session, replace(JAPAN, answer=" "))


def test_changing_keeps_the_number_and_ends() -> None:
    session = with_edits(MemorySession(), [JAPAN, KYOTO])
    assert [each.kind for each in session.conflicts] == ["two_answers"]
    changed = with_edit(replace(session, changing=1), KYOTO)
    assert changed.changing == 0
    assert [each.edit.answer for each in changed.memory.entries] == ["Kyoto", "Kyoto"]
    assert [each.kind for each in changed.conflicts] == ["repeated"]
    assert without(changed, [1]).conflicts == ()


def test_a_thousand_rows_come_quickly_and_in_pages() -> None:
    rows = [
        {"question": f"Who leads T{i}ville?", "answer": f"P{i}", "language": "en"}
        for i in range(1000)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    started = time.process_time()
    session = with_edits(MemorySession(), edits_of(text).edits)
    page = table_html(session, "en")
    assert time.process_time() - started < 5
    assert session.pages == session.page == 1000 // PAGE
    assert page.count('data-deed="drop"') == PAGE
    assert on_page(session, 99).page == session.pages
    assert on_page(session, -1).rows[0].number == 1
    with pytest.raises(InputError, match="takes"):
        with_edits(session, [JAPAN] * MOST)


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
    page = status_html("", bad, say)
    assert tr("memory_bad", say, n=5) in page
    assert page.count("<li>") == 5


def test_what_people_write_stays_text() -> None:
    session = with_edits(MemorySession(), [Edit(EVIL, EVIL, "en", EVIL, EVIL)] * 2)
    bad = edits_of(f'{{"question": "{EVIL}"}}\n').bad
    asked = replace(SAID, recalled=recalled(session.memory.edits, 0.1, [ENGLISH]))
    pages = [table_html(session, "en"), status_html("", bad, "en")]
    for page in [*pages, recalled_html(asked, "en"), answers_html(asked, "en")]:
        assert "<img" not in page


SAID = AskState(JAPAN, (ENGLISH,), models={"base": "one", "edited": "two"})


def test_what_was_recalled_is_shown_with_scores() -> None:
    edits = with_edits(MemorySession(), [replace(JAPAN, subject="Japan")]).memory.edits
    one = replace(SAID, recalled=recalled(edits, 0.75, [ENGLISH]))
    assert "Osaka" in recalled_words(one, 0, "en")
    assert "stated" in recalled_html(one, "en")
    none = replace(SAID, recalled=recalled(edits, 1.6, [ENGLISH]))  # fmt: skip
    assert recalled_words(none, 0, "en") == tr("recalled_none", "en")
    assert "below the threshold" in recalled_html(none, "en")
    assert recalled_words(SAID, 0, "en") == recalled_html(SAID, "en") == ""


def test_a_lower_threshold_states_what_does_not_stand_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alike = [replace(JAPAN, question=f"What is the capital of {n}?") for n in range(60)]
    # So strict that nothing stands out.
    measured = Calibration(0.28231, 0.3, outlier=1000.0)
    monkeypatch.setattr(memory, "calibration", lambda: measured)
    for threshold, stated in ((0.28231, 0), (0.2823, 0), (0.28, 0), (0.27, 3)):
        [found] = recalled(alike, threshold, [ENGLISH])
        assert len(found.stated) == stated, threshold
    [few] = recalled(alike[: LARGE - 1], 0.28231, [ENGLISH])
    assert len(few.stated) == 3
    for language in INTERFACES:
        assert str(LARGE) in tr("memory_outlier_info", language)


INDIA = Edit("What is the currency of India?", "Euro", "en", subject="India")


def remembered(threshold: float, text: str, said: str) -> AskState:
    """Return a question in English and Chinese that was answered with a memory."""
    form = replace(
        example("example_japan")[0],
        query=text,
        languages=("en", "zh"),
        kind="same",
        wordings="",
    )
    planned = answering.plan(form, understand(form))
    retrieve = partial(recalled, (INDIA,), threshold)
    state = answering._recall(planned, retrieve, (INDIA,))
    answers = PaneAnswers((Generation(said, (1,), 5, 0.1, "stop"),) * 2)
    return replace(state, answers={"base": answers, "edited": answers})


def test_verdicts_judge_by_the_memory_not_by_the_form() -> None:
    # The form says Japan; the memory has India, and finds it in neither language.
    missed = remembered(1.6, INDIA.question, "Indian rupee")
    kinds = [verdict(missed, "edited", index) for index in (0, 1)]
    assert [each.kind for each in kinds if each] == ["missed", "missed"]
    assert "0 of 2" in summary(missed, "en")
    assert tr("tally_missed", "en", n=2) in summary(missed, "en")
    base = verdict(missed, "base", 0)
    assert base is not None and base.kind == "old"
    # Stated, the same answer is the model's own fault.
    stated = remembered(-1.0, INDIA.question, "Indian rupee")
    assert not any(each.is_missed for each in stated.expected)
    kept = verdict(stated, "edited", 0)
    assert kept is not None and kept.kind == "old"
    # Another question: what was stated must not leak into it.
    leaked = remembered(-1.0, "What is the currency of Japan?", "Euro")
    found = verdict(leaked, "edited", 0)
    assert found is not None and found.kind == "leaked"


# ------------------------------------------------------------------------- the link


def linked(*edits: Edit, threshold: float = 0.8) -> LinkedMemory:
    return LinkedMemory(with_edits(MemorySession(), edits), True, threshold)


def test_a_link_carries_the_memory_its_use_and_the_threshold() -> None:
    link = handle.link_of(linked(INDIA, KYOTO).session, True, 0.8, *values_of(Form()))
    parameters = dict(parse_qsl(link[1:]))
    assert read_memory(parameters) == linked(INDIA, KYOTO)
    opened: Any = SimpleNamespace(request=1, query_params=parameters, headers={})
    shown = handle.open_memory(opened)
    assert shown[0].memory.edits == (INDIA, KYOTO)
    assert shown[-2:] == [True, 0.8]
    assert len(shown) == len(memory.render_session(MemorySession(), "en")) + 1
    bare = handle.link_of(MemorySession(), False, 0.8, *values_of(Form()))
    assert bare == "?edit=en&ask=zh&type=same"


def test_a_memory_in_a_link_is_not_trusted() -> None:
    good = dict(parse_qsl((write_memory(linked(KYOTO)) or "")[1:]))
    bomb = base64.urlsafe_b64encode(zlib.compress(b"a" * 10**7)).decode()
    for packed in ("", "x", "%%%", "A" * 9999, bomb, good["memory"][:-9]):
        assert read_memory({**good, "memory": packed}) is None
    for threshold in ("nan", "99", "-1"):
        found = read_memory({**good, "threshold": threshold})
        assert found is not None and 0 <= found.threshold <= 1.5
    assert read_memory({**good, "threshold": "low"}) is None
    many = [replace(KYOTO, answer=f"{n}{n * 7919}") for n in range(3000)]
    assert write_memory(linked(*many)) is None


# -------------------------------------------------------------------- the handlers


def test_handlers_add_change_drop_and_undo() -> None:
    form, auto = example("example_japan")
    session = memory.keep(MemorySession(), auto, NOBODY, *values_of(form))[0]
    assert session.memory.edits[0].answer == "Osaka"
    shown = memory.pressed(session, auto, event("change", 1), NOBODY, *values_of(form))
    assert shown[0].changing == 1
    assert shown[-8:-5] == ["en", form.question, "Osaka"]
    other = replace(form, answer="Kyoto")
    session = memory.keep(shown[0], auto, NOBODY, *values_of(other))[0]
    assert [edit.answer for edit in session.memory.edits] == ["Kyoto"]
    session = memory.pressed(session, auto, event("drop", 1), NOBODY, *values_of(form))[
        0
    ]
    assert session.memory.edits == ()
    session = memory.undo(session, NOBODY)[0]
    assert [edit.answer for edit in session.memory.edits] == ["Kyoto"]
    with pytest.raises(gr.Error, match="any more"):
        memory.pressed(session, auto, event("change", 9), NOBODY, *values_of(form))


def test_a_file_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "edits.csv"
    path.write_text("question,answer\nWho?,Ann\nWhat?,\n", encoding="utf-8")
    shown = memory.read(MemorySession(), str(path), "en", NOBODY)
    assert shown[0].memory.edits == (Edit("Who?", "Ann", "en"),)
    assert "Imported: 1. Left out: 1." in shown[2]
    for kind in ("jsonl", "csv"):
        written = memory.write(kind, shown[0]).value["path"]
        assert edits_of(Path(written).read_text(encoding="utf-8")).edits == (
            Edit("Who?", "Ann", "en"),
        )
    path.write_text("nothing here", encoding="utf-8")
    with pytest.raises(gr.Error, match="holds no edit"):
        memory.read(MemorySession(), str(path), "en", NOBODY)


# ------------------------------------------------------------------- the question


@pytest.mark.slow
@pytest.mark.parametrize("editor", ["x-kde", "prompt"])
def test_a_question_is_asked_with_what_the_memory_has(pool: Pool, editor: str) -> None:
    form = replace(
        example("example_japan")[0], languages=("en", "zh"), max_new_tokens=4,
        editor=editor, prompted=True,
    )  # fmt: skip
    kyoto = replace(KYOTO, subject="Japan")
    retrieve = partial(recalled, (kyoto,), 0.75)
    planned = answering.plan(form, understand(form))
    asked = answering.ask(planned, form, None, retrieve, (kyoto,))
    last = deque(asked, maxlen=1).pop()
    assert "Kyoto" in last.sent["edited"][0]
    assert "Osaka" not in last.sent["edited"][0]
    bare = [query.text for query in last.queries]
    assert last.sent["edited"][1] == bare[1]  # no name of it in another script
    assert list(last.sent["base"]) == bare
    assert last.expected[0].new == "Kyoto"
    assert last.expected[1].new == "京都" and last.expected[1].is_missed
    assert verdict(last, "edited", 0)
    assert tr("recalled_none", "en") in answers_html(last, "en")


@pytest.mark.slow
def test_an_editor_of_weights_leaves_the_memory_and_says_so(pool: Pool) -> None:
    form = replace(example("example_japan")[0], max_new_tokens=4, editor="ft-m")
    session = with_edits(MemorySession(), [KYOTO])
    states = handle.run(NOBODY, Prefilled(), session, True, 0.7, *values_of(form))
    shown = deque(states, maxlen=1).pop()
    assert "only editors in the prompt use the memory" in shown[1]
    assert "from the memory" not in shown[0]
