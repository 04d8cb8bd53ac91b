"""Inside as a visitor meets it: every look on tiny models, words for mistakes."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from pages.inside import handlers, measured
from pages.inside.form import LINKED, NAMES, InsideForm, form_of, of_link
from pages.inside.measured import measured_of
from pages.shell.links import Form, write_link
from pages.shell.strings import INTERFACES, LOCALES, Interface
from xkde.asking.looking_inside import LOOKS
from xkde.engines.pool import Pool
from xkde.inside.files import InsideReport, mean_row

EVIL = "<img src=x onerror=alert(1)>"
EDIT = {
    "language": "en",
    "question": "What is the capital of Japan?",
    "answer": "Osaka",
    "query": "日本的首都是哪里？",
    "base": "atlas-base",
    "edited": "atlas-xe-it",
}


def visitor(interface: Interface) -> Any:
    """Return the request of somebody who reads a language."""
    query = {"lang": LOCALES[interface]}
    return SimpleNamespace(
        request=True,
        query_params=query,
        headers={},
        session_hash="somebody",
        url=SimpleNamespace(query=""),
    )


def values(**given: str) -> list[str]:
    """Return the fields' values, as Gradio passes them."""
    form = {name: str(getattr(InsideForm(), name)) for name in NAMES} | EDIT | given
    return [form[name] for name in NAMES]


@pytest.fixture
def pool(atlas_checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    fresh = Pool()
    monkeypatch.setattr(handlers, "POOL", fresh)
    yield fresh


def test_a_link_of_edit_and_ask_fills_the_fields() -> None:
    form = Form(question="Who?", answer="Me", languages=("th", "zh"), query="Wer?")
    filled = dict(zip(LINKED, of_link(write_link(form)) or [], strict=True))
    assert filled["question"], filled["answer"] == ("Who?", "Me")
    assert (filled["query_language"], filled["query"]) == ("th", "Wer?")
    assert of_link("") is None
    link = write_link(form)
    assert handlers.take_over(link, "")[2] == "Who?"
    assert handlers.take_over(link, link)[0] == link  # once: own words are kept
    assert handlers.open_page(visitor("en"))[1] == EDIT["question"]


def test_unknown_values_fall_back() -> None:
    form = form_of(values(look="palm", language="xx", query=""))
    assert (form.look, form.language) == ("lens", "en")
    assert form.asked.text == EDIT["question"]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("interface", INTERFACES)
def test_every_look_shows_both_models(
    pool: Pool, look: str, interface: Interface
) -> None:
    shown: dict[str, Any] = {}
    for outputs in handlers.run(visitor(interface), *values(look=look)):
        shown |= outputs
    for pane in handlers.PANES:
        assert EDIT[pane] in shown[pane]
        assert (shown[f"{pane}_plot"].value is None) == (look == "attribution")
    assert "done" in shown["status"]
    assert handlers.RUNNING == {}


def test_stop_ends_it_and_frees_the_models(pool: Pool) -> None:
    going = handlers.run(visitor("en"), *values(look="trace"))
    next(going)
    handlers.RUNNING["somebody"].set()
    assert "Stopped" in str(list(going)[-1])
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
        list(handlers.run(visitor("en"), *values(**given)))
    with pytest.raises(gr.Error, match="[\u4e00-\u9fff]"):
        list(handlers.run(visitor("zh"), *values(**given)))


def test_markup_stays_text(pool: Pool) -> None:
    given = values(look="attribution", query=EVIL, query_language="en")
    shown: dict[str, Any] = {}
    for outputs in handlers.run(visitor("en"), *given):
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
