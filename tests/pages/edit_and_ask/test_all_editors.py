"""All editors on one edit, as a visitor meets them: the table, its words, a run."""

import csv
import io
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from pages.edit_and_ask import all_editors
from pages.edit_and_ask.all_editors import (
    csv_of,
    outcome_words,
    progress_words,
    states_of,
    table_html,
)
from pages.edit_and_ask.form import example, values_of
from pages.shell.links import Form
from pages.shell.prefill import Prefilled, understand
from pages.shell.runs import RUNNING
from pages.shell.strings import INTERFACES
from tests.helpers.app_server import running, two_models
from tests.helpers.requests import NOBODY
from tests.helpers.visits import Visit
from xkde.asking.all_editors import AllEditorsState, EditorRow, waiting_rows
from xkde.asking.scheduling import BusyError
from xkde.bench import browser
from xkde.editors.registry import EDITORS
from xkde.engines.pool import Pool, Status
from xkde.errors import InputError
from xkde.types import Generation

EVIL = "<img src=x onerror=alert(1)>"


def form() -> Form:
    return replace(example("example_japan")[0], languages=("en", "zh"))


def compared(form: Form, **rows: EditorRow) -> AllEditorsState:
    task = all_editors.task_of(form, understand(form))
    now = AllEditorsState(task, waiting_rows(task))
    for row in rows.values():
        now = now.with_row(row)
    return now


def said(*texts: str) -> tuple[Generation, ...]:
    return tuple(Generation(text, (1,), 5, 0.1, "stop") for text in texts)


def test_a_row_has_verdicts_answers_and_costs() -> None:
    row = EditorRow(
        "ft-m", "atlas-base", "done", said("Osaka", "东京"), 3, 8, 1.234, 5 << 20
    )
    html = table_html(compared(form(), row=row), "en")
    for words in (
        "Osaka",
        "new answer",
        "东京",
        "kept the old fact",
        "1.23 s",
        "5 MiB",
    ):
        assert words in html
    assert "3 of 8" in html
    assert html.count('<tr role="row" class=') == len(EDITORS)


@pytest.mark.parametrize("say", INTERFACES)
def test_every_phase_has_words(say: Any) -> None:
    base = compared(form()).rows[3]
    for phase in ("waiting", "unmet", "reading", "running", "failed", "stopped"):
        row = replace(base, phase=phase, words="Too long.", read=(1, 4))
        now = compared(form(), row=row)
        assert table_html(now, say)
        assert progress_words(now, say)
        assert outcome_words(now, say)
    part = EditorRow("serac", "atlas-base", "unmet", unmet="trained part")
    html = table_html(compared(form(), row=part), say)
    assert "train-editor serac --settings atlas-serac-laptop" in html


def test_what_people_and_models_write_stays_text() -> None:
    evil = replace(form(), question=EVIL, answer=EVIL, query=EVIL, languages=("en",))
    done = EditorRow("ft-m", EVIL, "done", said(EVIL))
    failed = EditorRow("kn", EVIL, "failed", words=EVIL)
    assert "<img" not in table_html(compared(evil, done=done, failed=failed), "en")


def test_no_cell_of_the_csv_is_a_formula() -> None:
    evil = replace(form(), query="=1+1", languages=("en",))
    done = EditorRow("ft-m", "=2+2", "done", said("@SUM(A1)"))
    rows = csv.DictReader(io.StringIO(csv_of(compared(evil, done=done))))
    [row] = [row for row in rows if row["editor"] == "ft-m"]
    found = [row[name] for name in ("checkpoint", "question", "answer")]
    assert found == ["'=2+2", "'=1+1", "'@SUM(A1)"]


def test_a_model_that_is_not_as_before_is_said() -> None:
    row = EditorRow("ft-m", "one", "done", said("a", "b"), is_reverted=False)
    now = compared(form(), row=row)
    assert "not as before" in table_html(now, "en")
    assert "not as before" in outcome_words(now, "en")


def test_stop_marks_what_has_not_ended() -> None:
    done = EditorRow("none", "one", "done", said("a", "b"))
    now = compared(form(), row=done)
    table, status, stopped = all_editors.stopped(now, NOBODY)
    assert stopped.ended == len(EDITORS)
    assert "Stopped after 1 of" in status
    assert all_editors.stopped(None, NOBODY)[2] is None
    assert "stopped" in table


def test_bad_input_is_said_before_anything_runs() -> None:
    for bad in (replace(form(), answer=" "), replace(form(), languages=())):
        with pytest.raises(InputError):
            next(states_of(bad, understand(bad), "", threading.Event()))
    values = values_of(form())
    values[2] = "x" * 2000
    with pytest.raises(gr.Error, match="at most"):
        next(all_editors.run(NOBODY, example("example_japan")[1], "", *values))
    assert RUNNING == {}


def test_a_run_counts_as_an_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(request: object) -> str:
        raise BusyError("You have asked too often.")

    monkeypatch.setattr(all_editors, "admitted", busy)
    with pytest.raises(gr.Error, match="asked too often"):
        next(all_editors.run(NOBODY, Prefilled(), "", *values_of(form())))
    assert RUNNING == {}


def test_a_run_from_the_form_ends_with_every_row_told(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path / "home"))
    chosen = {name: EDITORS[name] for name in ("x-kde", "ft-m")}
    monkeypatch.setattr("xkde.asking.all_editors.EDITORS", chosen)
    short = replace(form(), max_new_tokens=8)
    states = list(states_of(short, understand(short), "", threading.Event()))
    assert [row.phase for row in states[0].rows] == ["waiting"] * 3
    assert [row.phase for row in states[-1].rows] == ["done"] * 3
    with pool.use(["atlas-base", "atlas-xe-it"]):
        pass  # both are free again


def test_stop_ends_the_waiting_for_a_model(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "wait", lambda name, seconds: waits.append(seconds))
    monkeypatch.setattr(
        pool, "start", lambda name: pool._set(Status(name, "downloading"))
    )
    waits: list[float] = []
    cancelled = threading.Event()
    states = states_of(form(), understand(form()), "", cancelled)
    next(states)
    waiting = next(states)
    assert waiting.ended == 0
    cancelled.set()
    *_, last = states
    assert {row.phase for row in last.rows} <= {"stopped", "unmet"}
    assert sum(waits) < 1


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(browser.chromium() is None, reason="no Chromium here")
def test_one_button_fills_the_table_on_a_phone(
    atlas_folder: Path, tmp_path: Path
) -> None:
    checkpoints = two_models(atlas_folder, tmp_path / "models")
    home = {"XKDE_HOME": str(tmp_path / "home")}
    with (
        running(checkpoints, **home) as served,
        browser.page(served.url, width=390, scheme="dark") as tab,
    ):
        wrong: list[str] = []
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.set_default_timeout(120_000)
        tab.goto(served.url)
        tab.locator("#editors button").first.click()
        tab.locator("#run-editors").click()
        tab.locator(".editors-table tr.done").first.wait_for()
        tab.locator("#editors-status .status.done").wait_for()
        assert tab.locator(".editors-table tbody tr").count() == len(EDITORS)
        assert tab.locator("tr.unmet").count() == 2  # the trained parts
        # Random weights leave AlphaEdit no direction to use: its row says so in words.
        [failed] = tab.locator("tr.failed").all_inner_texts()
        assert failed.startswith("AlphaEdit")
        assert "Choose a higher threshold." in failed
        assert tab.locator("tr.waiting, tr.running").count() == 0
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert wrong == []


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(browser.chromium() is None, reason="no Chromium here")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_stop_ends_a_run_says_so_and_leaves_the_models(
    atlas_folder: Path, tmp_path: Path, width: int, scheme: Any
) -> None:
    checkpoints = two_models(atlas_folder, tmp_path / "models")
    with (
        running(checkpoints, XKDE_HOME=str(tmp_path / "home")) as served,
        browser.page(served.url, width=width, scheme=scheme) as tab,
    ):
        visit = Visit(tab, served.url)
        tab.set_default_timeout(120_000)
        visit.open()
        visit.chip(1)
        before = tab.locator("#answers .answer").all_inner_texts()
        tab.locator("#editors button").first.click()
        tab.locator("#run-editors").click()
        tab.locator(".editors-table tr.done").nth(1).wait_for()
        tab.locator("#stop-editors").click()
        tab.get_by_text("Stopped after").wait_for()
        status = tab.locator("#editors-status .status").inner_text()
        assert status.endswith("the models are as they were.")
        assert tab.locator("tr.stopped").count() > 0
        assert tab.locator("tr.done").count() < len(EDITORS) - 2
        tab.wait_for_timeout(1500)  # nothing comes after the last word
        assert tab.locator("tr.waiting, tr.running, tr.reading").count() == 0
        assert tab.locator("#editors-status .status").inner_text() == status
        tab.locator("#ask").click()
        tab.wait_for_selector("#status .busy")
        tab.wait_for_selector("#status .done, #status .noted")
        assert tab.locator("#answers .answer").all_inner_texts() == before
        visit.check()
