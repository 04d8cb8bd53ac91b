"""Propagation as a visitor meets it: the grid on tiny models, runs, words."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pyarrow.parquet as pq
import pytest

from pages.propagation import handlers, page
from pages.propagation.form import NAMES, PropagationForm, form_of, of_link
from pages.propagation.recorded import RecordedChoice, answers_html, recorded_html
from pages.shell.links import Form, write_link
from pages.shell.strings import INTERFACES, LOCALES, Interface
from tests.helpers.result_samples import row
from xkde import paths
from xkde.engines.pool import Pool
from xkde.evaluation.results.rows import table_of

EVIL = "<img src=x onerror=alert(1)>"
EDIT = {
    "language": "en",
    "question": "What is the capital of Japan?",
    "answer": "Osaka",
    "base": "atlas-base",
    "edited": "atlas-xe-it",
}
SHOWN = RecordedChoice("shipped/propagation/one", "", "reliability", "script")


def visitor(interface: Interface) -> Any:
    """Return the request of somebody who reads a language."""
    query = {"lang": LOCALES[interface]}
    return SimpleNamespace(
        request=True, query_params=query, headers={}, session_hash="somebody"
    )


def values(**given: str) -> list[str]:
    """Return the fields' values, as Gradio passes them."""
    form = {name: str(getattr(PropagationForm(), name)) for name in NAMES}
    return [(form | EDIT | given)[name] for name in NAMES]


@pytest.fixture
def pool(atlas_checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    fresh = Pool()
    monkeypatch.setattr(handlers, "POOL", fresh)
    monkeypatch.setattr(handlers, "DRAWN", 0.0)
    yield fresh


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


def test_a_link_of_edit_and_ask_fills_the_fields() -> None:
    form = Form(question="Who?", answer="Me", language="de", base="atlas-base")
    filled = dict(zip(NAMES, of_link(write_link(form)) or [], strict=True))
    assert (filled["question"], filled["language"]) == ("Who?", "de")
    assert filled["base"] == "atlas-base"
    assert of_link("") is None
    link = write_link(form)
    assert handlers.take_over(link, "")[0] == link
    again = handlers.take_over(link, link)  # what was typed since stays
    assert len(again) == 1 + len(NAMES)
    request: Any = SimpleNamespace(request=True, url=SimpleNamespace(query=""))
    assert "Osaka" in handlers.open_page(request)
    assert form_of(values(language="xx")).language == "en"


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_grid_fills_and_a_cell_opens_both_answers(
    pool: Pool, interface: Interface
) -> None:
    shown: dict[str, Any] = {}
    for outputs in handlers.run(visitor(interface), "script", *values()):
        shown |= outputs
    assert shown["grid"].count("data-cell=") == 12 + 144
    assert "done" in shown["status"]
    assert handlers.RUNNING == {}
    event: Any = SimpleNamespace(cell="en-zh")
    opened = handlers.picked(shown["state"], event, visitor(interface))
    assert opened.count("<pre") == 2
    assert "What is the capital of Japan? Osaka" in opened
    event.cell = "<b>-xx"
    assert handlers.picked(shown["state"], event, visitor(interface)) == ""
    again = handlers.reorder(shown["state"], "success", visitor(interface))
    assert sorted(again) == sorted(shown["grid"])


def test_stop_keeps_what_is_there_and_frees_the_models(pool: Pool) -> None:
    going = handlers.run(visitor("en"), "script", *values())
    next(going)
    handlers.RUNNING["somebody"].set()
    assert "Stopped" in str(list(going)[-1]["status"])  # while they were loaded
    pool.wait("atlas-base", 30)
    shown: dict[str, Any] = {}
    for outputs in handlers.run(visitor("en"), "script", *values()):
        shown |= outputs
        if "state" in shown and shown["state"].arrived:
            handlers.RUNNING["somebody"].set()
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
        list(handlers.run(visitor("en"), "script", *values(**given)))
    with pytest.raises(gr.Error, match="[\u4e00-\u9fff]"):
        list(handlers.run(visitor("zh"), "script", *values(**given)))


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("interface", INTERFACES)
def test_runs_are_shown_in_numbers_and_words(interface: Interface) -> None:
    listed = page.show_runs(None, visitor(interface))
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
    assert page.show_runs(None, visitor("en"))["first"].value is None
    html = page.show_recorded(None, None, None, None, visitor("en"))
    assert "--directions all-all" in html
