"""The form of an edit and a question, for the tabs that look further into them.

A field's component is keyed by the name of its field in ``links.Form``; one language is
asked in, so ``languages`` is a dropdown here. The question of Edit & Ask comes as a
link through the header and fills the fields when the tab is opened, each question once.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
from gradio.components import Component

from pages.shell.links import Form, read_link
from pages.shell.look import Header
from pages.shell.pool import BASE, EDITED, offered, on_space
from pages.shell.strings import label
from xkde.asking.recorded import FIRST_EDIT, first_edit
from xkde.checkpoints import CATALOGUE
from xkde.data.atlas.questions import name, question
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES, language

Fields = dict[str, gr.Textbox | gr.Dropdown]


def form_of(names: Sequence[str], values: Sequence[str | None]) -> Form:
    """Return the form that the fields of these names state."""
    given = {key: value or "" for key, value in zip(names, values, strict=True)}

    def text(key: str) -> str:
        return given.get(key, "")

    def code(key: str) -> str:
        return text(key) if text(key) in ATLAS_LANGUAGES else "en"

    return Form(
        language=code("language"),
        question=text("question"),
        answer=text("answer"),
        old_answer=text("old_answer"),
        languages=(code("languages"),),
        query=text("query"),
        base=text("base"),
        edited=text("edited"),
    )


def values_of(form: Form, names: Sequence[str]) -> list[str]:
    """Return what the fields of these names show; what no form has is emptied."""
    asked_in = form.languages[0]
    return [asked_in if key == "languages" else getattr(form, key, "") for key in names]


def of_link(link: str) -> Form | None:
    """Return the form that a question's link states, or None."""
    return read_link(dict(parse_qsl(link.removeprefix("?"))))


@lru_cache(maxsize=1)
def first_form() -> Form:
    """Return what a tab begins with, in Atlas's words: it is asked in Chinese."""
    world, edit = atlas(), first_edit()
    subject, relation, *_ = FIRST_EDIT
    return Form(
        edit.language,
        edit.question,
        edit.answer,
        name(world, world.facts[subject][relation], edit.language),
        query=question(world, subject, relation, Form().languages[0]),
    )


def edit_fields() -> Fields:
    """Make the fields of an edit."""
    form = first_form()
    return {
        "language": gr.Dropdown(
            language_choices(), value=form.language, label=label("edit_language")
        ),
        "question": gr.Textbox(
            form.question, label=label("edit_question"), max_lines=4
        ),
        "answer": gr.Textbox(form.answer, label=label("new_answer")),
        "old_answer": gr.Textbox(
            form.old_answer, label=label("old_answer"),
            placeholder=label("old_placeholder"),
        ),
    }  # fmt: skip


def query_fields() -> Fields:
    """Make the fields of a question about it, in one language."""
    form = first_form()
    return {
        "languages": gr.Dropdown(
            language_choices(), value=form.languages[0], label=label("inside_ask_in")
        ),
        "query": gr.Textbox(
            form.query, label=label("query"), placeholder=label("inside_query_hint"),
            max_lines=4,
        ),
    }  # fmt: skip


def language_choices() -> list[tuple[str, str]]:
    """Return (own name, code) of every language of Atlas."""
    return [(language(code).own_name, code) for code in ATLAS_LANGUAGES]


def model_choices() -> list[tuple[str, str]]:
    """Return (what it is, name) of every model that this place offers."""
    return [
        (f"{CATALOGUE[name].reference} — {CATALOGUE[name].label}", name)
        for name in offered()
    ]


def model_fields() -> Fields:
    """Make the choice of both models."""
    with gr.Accordion(label("models"), open=False), gr.Row():
        return {
            name: gr.Dropdown(
                model_choices(),
                value=value,
                label=label(f"model_{name}"),
                allow_custom_value=not on_space(),
            )
            for name, value in (("base", BASE), ("edited", EDITED))
        }


def connect_prefill(
    root: gr.Blocks, tab: gr.Tab, header: Header, fields: Mapping[str, Component]
) -> None:
    """Fill the fields from the address, and from Edit & Ask when the tab is opened."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    names, taken = list(fields), gr.State("")
    filled = [taken, *fields.values()]

    def opened(request: gr.Request) -> list[object]:
        link = str(request.url.query) if request.request else ""
        return take_over(link, "", names)

    root.load(opened, None, filled, **quiet)
    tab.select(
        lambda link, before: take_over(link, before, names),
        [header.asked, taken],
        filled,
        **quiet,
    )


def take_over(link: str, taken: str, names: Sequence[str]) -> list[object]:
    """Return the link that was taken last, and what fills the fields of these names.

    One that was taken before, or states nothing, leaves what a visitor has typed.
    """
    form = of_link(link) if link != taken else None
    if form is None:
        return [taken, *[gr.skip()] * len(names)]
    return [link, *values_of(form, names)]
