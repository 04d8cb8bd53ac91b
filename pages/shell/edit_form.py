"""The form of an edit and a question, for the tabs that look further into them.

A field's component is keyed by the name of its field in ``links.Form``; one language is
asked in, so ``languages`` is a dropdown here. The question of Edit & Ask comes as a
link through the header and fills the fields when the tab is opened, each question once.
What came with a fact goes with it: another fact has its own old answer and question.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import parse_qsl

import gradio as gr

from pages.shell.components import QUIET, Components
from pages.shell.links import Form, read_link
from pages.shell.look import Header
from pages.shell.pool import BASE, EDITED, offered, on_space
from pages.shell.prefill import (
    KEEP_SCRIPT,
    Prefilled,
    edit_in_language,
    fill_in,
    understand,
)
from pages.shell.strings import label
from xkde.asking.recorded import FIRST_EDIT, first_edit
from xkde.checkpoints import CATALOGUE
from xkde.data.atlas.questions import name, question
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.text import normalise
from xkde.types import QuestionType

# What is filled in while somebody types
OFFERED = ("query", "old_answer", "language")


@dataclass(frozen=True)
class FilledIn:
    """What fills the fields without having been typed there."""

    fact: str = ""  # that it is about
    kind: QuestionType = "same"
    brought: Prefilled = Prefilled()  # what came with the fact
    suggested: Prefilled = Prefilled()  # what Atlas suggested last


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


def brought_by(form: Form) -> FilledIn:
    """Return what a form brings, as an example or a link states it."""
    _, suggested = fill_in(form, Prefilled(), understand(form))
    brought = Prefilled(form.old_answer.strip(), form.query.strip())
    return FilledIn(_fact(form), form.kind, brought, suggested)


def refilled(form: Form, before: FilledIn) -> tuple[Form, FilledIn]:
    """Fill in what nobody typed for this fact: its old answer, the question about it.

    What came with another fact is replaced, whoever had typed it there.
    """
    fact, suggested, brought = _fact(form), before.suggested, before.brought
    if fact != before.fact:
        for name in ("old_answer", "query"):
            came = getattr(brought, name)
            if came and getattr(form, name).strip() == came:
                suggested = replace(suggested, **{name: came})
        brought = Prefilled()
    form = replace(form, kind=before.kind)
    form, suggested = fill_in(form, suggested, understand(form))
    return form, FilledIn(fact, form.kind, brought, suggested)


def _fact(form: Form) -> str:
    """Return what tells facts apart, in whatever words and language they are stated."""
    known = understand(form)
    return f"{known.subject} {known.relation}" if known else normalise(form.question)


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


def edit_fields() -> Components:
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


def query_fields() -> Components:
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


def model_fields() -> Components:
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
    root: gr.Blocks, tab: gr.Tab, header: Header, fields: Components
) -> gr.State:
    """Fill the fields from the address, and from Edit & Ask when the tab is opened.

    Another fact that is typed there fills them as well. Returns what is filled in.
    """
    names, taken = list(fields), gr.State("")
    filled = gr.State(brought_by(first_form()))
    outputs = [taken, filled, *fields.values()]

    def opened(request: gr.Request) -> list[object]:
        link = str(request.url.query) if request.request else ""
        return take_over(link, "", names)

    root.load(opened, None, outputs, **QUIET)
    tab.select(
        lambda link, before: take_over(link, before, names),
        [header.asked, taken],
        outputs,
        **QUIET,
    )
    _connect_refill(fields, filled)
    return filled


def _connect_refill(fields: Components, filled: gr.State) -> None:
    """Fill in anew what belongs to the fact, whenever the fact or a language changes.

    What was filled in counts as such once it stands in the fields (``KEEP_SCRIPT``).
    """
    names = list(fields)
    offers, pending = gr.Textbox(visible=False), gr.State(FilledIn())
    shown = [fields[name] for name in OFFERED if name in fields]

    def refill(before: FilledIn, *values: str | None) -> tuple[FilledIn, str]:
        return offer(before, names, values)

    def translate(*values: str | None) -> tuple[str, str]:
        return edit_in_language(form_of(names, values))

    inputs = list(fields.values())
    changed = [
        *(
            fields[name].blur
            for name in ("question", "answer", "query")
            if name in fields
        ),
        *(fields[name].input for name in ("languages",) if name in fields),
    ]
    translated = gr.on(
        fields["language"].input, translate, inputs,
        [fields["question"], fields["answer"]], **QUIET,
    )  # fmt: skip
    for event in (
        gr.on(changed, refill, [filled, *inputs], [pending, offers], **QUIET),
        translated.then(refill, [filled, *inputs], [pending, offers], **QUIET),
    ):
        event.then(None, [offers, *shown], shown, js=KEEP_SCRIPT, **QUIET).then(
            lambda found: found, pending, filled, **QUIET
        )


def offer(
    before: FilledIn, names: Sequence[str], values: Sequence[str | None]
) -> tuple[FilledIn, str]:
    """Return what is filled in, and [for what, what] of each field, as JSON."""
    given = form_of(names, values)
    form, filled = refilled(given, before)
    pairs = [
        [getattr(given, name), getattr(form, name)] for name in OFFERED if name in names
    ]
    return filled, json.dumps(pairs)


def take_over(link: str, taken: str, names: Sequence[str]) -> list[object]:
    """Return the link that was taken last, what it brings, and what fills the fields.

    One that was taken before, or states nothing, leaves what a visitor has typed.
    """
    form = of_link(link) if link != taken else None
    if form is None:
        return [taken, gr.skip(), *[gr.skip()] * len(names)]
    return [link, brought_by(form), *values_of(form, names)]
