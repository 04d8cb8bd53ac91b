"""A link reopens its form, says what it cannot hold, and is not trusted."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pages.edit_and_ask import handlers as handle
from pages.edit_and_ask.form import EXAMPLES, FIELDS, example, values_of
from pages.edit_and_ask.memory import MemorySession
from pages.shell.links import MOST_WORDINGS, Form, read_link, write_link
from pages.shell.prefill import fill_in, understand
from tests.helpers.requests import NOBODY
from xkde.languages import ATLAS_LANGUAGES

BARE = (MemorySession(), False, 0.75)  # no memory is used
FORMS = (
    *(example(key)[0] for key in EXAMPLES),
    Form(question="a&b=c#?", answer="日本 + ü", query="x y\nz", prompted=True),
    Form(question="q", languages=ATLAS_LANGUAGES, max_new_tokens=9, seed=7),
    Form("tr", "q", "a", "o", ("th",), "two_hops", "w", edited="atlas-base"),
    Form(question="q", temperature=0.7, base="Qwen/Qwen2.5-0.5B-Instruct"),
    Form(question="q", editor="ft-m", follows="no"),
    Form(question="q", wordings="Deutsch: Wer?\n中文: 谁？"),
)


@pytest.mark.parametrize("form", FORMS)
def test_a_link_reopens_its_form(form: Form) -> None:
    link = write_link(form)
    assert link.startswith("?")
    opened = read_link(dict(parse_qsl(link[1:])))
    assert opened == form


def test_a_link_carries_own_wordings_and_not_what_atlas_asks_anyway() -> None:
    form, _ = example("example_japan")
    assert "wordings" not in handle.link_of(*BARE, *values_of(form))
    own = replace(form, wordings="中文: 日本的首都在哪里？")
    link = handle.link_of(*BARE, *values_of(own))
    request: Any = SimpleNamespace(
        request=1, query_params=dict(parse_qsl(link[1:])), headers={}
    )
    prefilled, *values = handle.open_page(request)[: len(FIELDS) + 1]
    opened = dict(zip(FIELDS, values, strict=True))
    assert opened["wordings"] == own.wordings
    asked, _ = fill_in(own, prefilled, understand(own))  # type: ignore[arg-type]
    assert asked.wordings == own.wordings


def test_wordings_of_a_link_without_a_query_are_of_its_question() -> None:
    parameters = {
        "edit": "de",
        "q": "Welches Tier ziert das Wappen von Bremerhaven?",
        "a": "ein Alpaka",
        "ask": "en-fr",
        "wordings": "English: Which animal is on the arms of Bremerhaven?",
    }
    request: Any = SimpleNamespace(request=1, query_params=parameters, headers={})
    _, *values = handle.open_page(request)[: len(FIELDS) + 1]
    opened = dict(zip(FIELDS, values, strict=True))
    assert opened["wordings"] == parameters["wordings"]


def test_a_link_says_what_it_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(handle.gr, "Warning", said.append)
    form, _ = example("example_japan")
    handle.render_link(NOBODY, *BARE, *values_of(form))
    assert said == []
    own = replace(form, edited="/models/mine", wordings="中文: " + "谁" * 4_000)
    handle.render_link(NOBODY, *BARE, *values_of(own))
    assert [words.partition(",")[0] for words in said] == [
        "The wordings are too long for a link",
        "The link cannot hold “/models/mine”",
    ]


def test_a_link_is_not_trusted() -> None:
    assert read_link({"lang": "zh-CN"}) is None
    form = read_link(
        {
            "q": "x" * 9999,
            "edit": "klingon",
            "ask": "xx-zz",
            "type": "evil",
            "base": "/etc/passwd",
            "model": "someone/else",
            "tokens": "10000000",
            "temperature": "nan",
            "seed": "a",
            "editor": "<b>",
            "follows": "maybe",
            "wordings": "x" * 99_999,
        }
    )
    assert form is not None
    assert len(form.question) == 1000
    assert len(form.wordings) == MOST_WORDINGS
    assert replace(form, question="", wordings="") == Form(old_answer="")
