"""Propagation as a visitor meets it: the grid on tiny models, runs, words."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pyarrow.parquet as pq
import pytest

from pages.propagation import handlers, page
from pages.propagation.recorded import RecordedChoice, answers_html, recorded_html
from pages.shell.edit_form import FilledIn
from pages.shell.runs import RUNNING, end_run
from pages.shell.strings import INTERFACES, Interface
from tests.helpers.requests import request_of
from tests.helpers.result_samples import row
from xkde import paths
from xkde.engines.pool import Pool
from xkde.evaluation.results.rows import table_of

EVIL = "<img src=x onerror=alert(1)>"
EDIT = {
    "language": "en",
    "question": "What is the capital of Japan?",
    "answer": "Osaka",
    "old_answer": "",
    "base": "atlas-base",
    "edited": "atlas-xe-it",
}
SHOWN = RecordedChoice("shipped/propagation/one", "", "reliability", "script")


def run(interface: Interface, **given: str) -> Iterator[dict[str, Any]]:
    """Run with the fields' values, as Gradio passes them."""
    values = [(EDIT | given)[name] for name in handlers.NAMES]
    return handlers.run(request_of(interface), "script", FilledIn(), *values)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ship two runs of four edits: "one" is right, "other" but from zh to en."""
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    monkeypatch.setattr(paths, "runs", lambda: tmp_path / "runs")
    (tmp_path / "propagation").mkdir()
    for name, wrong in (("one", ""), ("other", "zh→en")):
        table = table_of(
            row(case=f"c/{n}", source=a, target=b, answer=EVIL, run=name,
                exact=f"{a}→{b}" != wrong)
            for n in range(4) for a in ("en", "zh") for b in ("en", "zh")
        )  # fmt: skip
        pq.write_table(table, tmp_path / "propagation" / f"{name}.parquet")


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_grid_fills_and_a_cell_opens_both_answers(
    pool: Pool, interface: Interface
) -> None:
    shown: dict[str, Any] = {}
    for outputs in run(interface):
        shown |= outputs
    assert shown["grid"].count("data-cell=") == 12 + 144
    assert "done" in shown["status"]
    assert RUNNING == {}
    event: Any = SimpleNamespace(cell="en-zh")
    opened = handlers.picked(shown["state"], event, request_of(interface))
    assert opened.count("<pre") == 2
    assert "What is the capital of Japan? Osaka" in opened
    event.cell = "<b>-xx"
    assert handlers.picked(shown["state"], event, request_of(interface)) == ""
    again = handlers.reorder(shown["state"], "success", request_of(interface))
    assert sorted(again) == sorted(shown["grid"])


def test_stop_keeps_what_is_there_and_frees_the_models(pool: Pool) -> None:
    going = run("en")
    next(going)
    end_run(handlers.WORK, request_of("en"), patience=0)
    assert "Stopped" in str(list(going)[-1]["status"])  # while they were loaded
    pool.wait("atlas-base", 30)
    shown: dict[str, Any] = {}
    for outputs in run("en"):
        shown |= outputs
        if shown.get("state") and shown["state"].arrived:
            end_run(handlers.WORK, request_of("en"), patience=0)
    assert "Stopped" in shown["status"]
    assert 0 < shown["state"].arrived < 12 + 144
    with pool.use(["atlas-base", "atlas-xe-it"]):
        pass


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"answer": ""}, "empty"),
        ({"question": ""}, "empty"),
        ({"question": "Who founded Plonk?"}, "not taught to translate"),
    ],
)
def test_what_cannot_be_stated_is_said(
    pool: Pool, given: dict[str, str], words: str
) -> None:
    with pytest.raises(gr.Error, match=words):
        list(run("en", **given))
    with pytest.raises(gr.Error, match="[\u4e00-\u9fff]"):
        list(run("zh", **given))


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("interface", INTERFACES)
def test_runs_are_shown_in_numbers_and_words(interface: Interface) -> None:
    listed = page.show_runs(None, request_of(interface))
    assert [key for _, key in listed["first"].choices] == [
        "shipped/propagation/one", "shipped/propagation/other",
    ]  # fmt: skip
    html = recorded_html(SHOWN, interface)
    assert html.count(">1.00<") == 4
    second = "shipped/propagation/other"
    changed = recorded_html(
        RecordedChoice(SHOWN.first, second, "reliability", "success"), interface
    )
    assert ("+1.00" in changed, changed.count(">+0.00<")) == (True, 3)
    lacking = RecordedChoice(SHOWN.first, "", "locality", "script")
    assert "<table" not in recorded_html(lacking, interface)
    gone = RecordedChoice("shipped/propagation/gone", "", "reliability", "script")
    assert "<table" not in recorded_html(gone, interface)
    answers = answers_html(RecordedChoice(second, "", "reliability", "script"),
                           "zh-en", interface)  # fmt: skip
    assert "4" in answers
    assert "<img" not in answers


def test_without_a_run_the_command_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    monkeypatch.setattr(paths, "runs", lambda: tmp_path / "runs")
    assert page.show_runs(None, request_of("en"))["first"].value is None
    html = page.show_recorded(None, None, None, None, request_of("en"))
    assert "--directions all-all" in html
