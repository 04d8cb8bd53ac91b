"""Inside as a visitor meets it: every look on tiny models, words for mistakes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from pages.inside import handlers, measured
from pages.inside.measured import measured_of
from pages.shell.edit_form import FilledIn, brought_by, first_form, values_of
from pages.shell.runs import RUNNING, end_run
from pages.shell.strings import INTERFACES, Interface
from tests.helpers.requests import request_of
from xkde.asking import looks
from xkde.asking.looking_inside import LOOKS, InsideQuestion
from xkde.engines.pool import Pool
from xkde.errors import InputError
from xkde.inside.files import InsideReport, mean_row

EVIL = "<img src=x onerror=alert(1)>"
EDIT = {
    "language": "en",
    "question": "What is the capital of Japan?",
    "answer": "Osaka",
    "old_answer": "",
    "subject": "",
    "languages": "zh",
    "query": "日本的首都是哪里？",
    "look": "lens",
    "base": "atlas-base",
    "edited": "atlas-xe-it",
}


def run(interface: Interface, **given: str) -> Iterator[dict[str, Any]]:
    """Run with the fields' values, as Gradio passes them."""
    look, *values = [
        (EDIT | given)[name] for name in ("look", "subject", *handlers.NAMES)
    ]
    return handlers.run(request_of(interface), look, FilledIn(), *values)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("interface", INTERFACES)
def test_every_look_shows_both_models(
    pool: Pool, look: str, interface: Interface
) -> None:
    shown: dict[str, Any] = {}
    for outputs in run(interface, look=look):
        shown |= outputs
    for pane in handlers.PANES:
        assert EDIT[pane] in shown[pane]
        assert (shown[f"{pane}_plot"].value is None) == (look == "attribution")
    assert "done" in shown["status"]
    assert RUNNING == {}


def test_stop_ends_it_and_frees_the_models(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(look: object, engine: object, asked: object, is_edited: bool,
                report: Callable[[int, int], None]) -> None:  # fmt: skip
        while True:
            report(1, 2)
            time.sleep(0.01)

    monkeypatch.setattr(looks, "look_inside", endless)
    said = ""
    for outputs in run("en", look="trace"):
        said = str(outputs)
        if " %" in said:
            end_run(handlers.WORK, request_of("en"), patience=0)
    assert "Stopped" in said
    with pool.use(["atlas-base"]):
        pass


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"answer": ""}, "empty"),
        ({"look": "trace", "question": "Who?", "query": "Wer?"}, "subject is not in"),
        ({"look": "languages", "question": "Who?", "query": "Wer?"}, "three languages"),
        ({"question": "why " * 240, "look": "lens"}, "at most 384"),
    ],
)
def test_what_cannot_be_looked_into_is_said(
    pool: Pool, given: dict[str, str], words: str
) -> None:
    with pytest.raises(gr.Error, match=words):
        list(run("en", **given))
    with pytest.raises(gr.Error, match="[\u4e00-\u9fff]"):
        list(run("zh", **given))


def test_a_fact_that_was_retyped_is_looked_into_with_its_own_question(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start may be pressed before the fields show what belongs to the new fact."""
    seen: list[InsideQuestion] = []

    def look(look: object, engine: object, asked: InsideQuestion, *rest: object) -> Any:
        seen.append(asked)
        raise InputError("Enough.")

    monkeypatch.setattr(looks, "look_inside", look)
    form = replace(first_form(), question="What is the capital of Egypt?")
    values = values_of(form, handlers.NAMES)
    filled = brought_by(first_form())
    with pytest.raises(gr.Error, match="Enough"):
        list(handlers.run(request_of("en"), "lens", filled, "", *values))
    assert seen[0].query.text == "埃及的首都是哪里？"
    assert ("old", "en", "Cairo") in seen[0].answers


def test_markup_stays_text(pool: Pool) -> None:
    shown: dict[str, Any] = {}
    for outputs in run("en", look="attribution", query=EVIL, languages="en"):
        shown |= outputs
    assert "<img" not in shown["base"] + shown["edited"]


@pytest.mark.parametrize("interface", INTERFACES)
def test_reports_are_shown_in_words(
    monkeypatch: pytest.MonkeyPatch, interface: Interface
) -> None:
    mean = mean_row([0.0, 0.5])
    names = "checkpoint revision benchmark facts languages seed editor".split()
    about = dict.fromkeys(names, "x")
    effects = [
        {"language": "en", "role": role, "layer": layer, **mean}
        for role in ("clean", *measured.ROLES)
        for layer in (1, 2)
    ]
    points = [
        {"x": 0.1, "y": n, "language": "zh", "fact": n, "layer": 3, "share_x": 0.5,
         "share_y": 0.2} for n in range(3)
    ]  # fmt: skip
    cosines = [{"one": "en", "other": "zh", "compared": "same fact", "part": "key",
                "layer": 3, **mean}]  # fmt: skip
    reports = {
        "trace": InsideReport("trace", about, {"effects": effects}),
        "geometry": InsideReport(
            "geometry", about, {"map": points, "cosines": cosines}
        ),
    }
    monkeypatch.setattr(measured, "shipped", lambda what: [reports[what]])
    assert measured_of("trace", interface).figure is not None
    shown = measured_of("languages", interface)
    assert shown.figure is not None
    assert "0.250" in shown.html
    monkeypatch.setattr(measured, "shipped", lambda what: [])
    assert "python -m xkde inside" in measured_of("lens", interface).html
