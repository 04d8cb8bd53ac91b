"""Edit & Ask: the components of the tab and how they are connected.

What a click does is in ``handlers``. One generator streams both panes, so that Stop and
a closed tab end both at once. A field's component is keyed by the name of its field in
``Form``.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from pages.edit_and_ask import all_editors, memory, models
from pages.edit_and_ask import handlers as handle
from pages.edit_and_ask.answers import answers_html, status_html
from pages.edit_and_ask.form import EXAMPLES, FIRST, STATED, Fields, example, inputs
from pages.shell.links import TOKENS, WARMEST
from pages.shell.look import LANGUAGE_SCRIPT, Header
from pages.shell.strings import label
from pages.shell.templates import render
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.types import QUESTION_TYPES

TITLE = "tab_edit"
COPY_SCRIPT = """
(query) => {
  const link = location.origin + location.pathname + query;
  if (navigator.clipboard) navigator.clipboard.writeText(link).catch(() => {});
  return link;
}
"""
# What is offered takes the place of what it was offered for, and of nothing newer: an
# answer from the server must not replace words typed while it was on its way.
KEEP_SCRIPT = """
(offered, ...now) => {
  const known = JSON.parse(offered);
  return now.map((text, at) => (text === known[at][0] ? known[at][1] : text));
}
"""
# Gradio shows its own spinner over what it updates; the words in the status line do.
SCROLL_SCRIPT = """
(...values) => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.querySelector("#actions").scrollIntoView(
    { behavior: calm ? "auto" : "smooth", block: "start" });
  return values;
}
"""
# Until the form is filled from a link, nothing of it can be clicked (look.HEAD_SCRIPT):
# a click would ask something else.
OPENED_SCRIPT = "() => { delete document.documentElement.dataset.opening; }"
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: dict[str, Any] = {**QUIET, "queue": False}
# One model answers one visitor at a time; the others wait in the queue.
MODEL: dict[str, Any] = {
    "api_visibility": "private",
    "concurrency_id": "model",
    "concurrency_limit": 1,
}


@dataclass(frozen=True)
class AskPage:
    """The components of the tab; ``fields`` by the names of a Form's fields."""

    examples: dict[str, gr.Button]
    fields: Fields
    everywhere: gr.Button
    ask: gr.Button
    stop: gr.Button
    status: gr.HTML
    answers: gr.HTML
    why_button: gr.Button
    why_language: gr.Dropdown
    why: gr.HTML
    link_button: gr.Button
    link: gr.Textbox
    models: models.ModelsPanel
    memory: memory.MemoryPanel
    all_editors: all_editors.AllEditorsPanel


@dataclass(frozen=True)
class AskStates:
    """What a session keeps between two clicks."""

    asked: gr.State  # an AskState, or None
    prefilled: gr.State
    count: gr.State  # of the examples clicked: a change asks


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content and connect it."""
    page = layout()
    states = AskStates(gr.State(None), gr.State(example(FIRST)[1]), gr.State(0))
    connect_asking(page, states, header)
    connect_form(root, page, header, states)
    models.connect(page.models)
    models.connect_editors(page.fields["editor"], page.models.base)
    memory.connect(page.memory, page.fields, states.prefilled)
    all_editors.connect(page.all_editors, page.fields, states.prefilled)


def layout() -> AskPage:
    """Make the components, from the top of the tab to its end."""
    gr.HTML(render("shell/paragraph.html", kind="lead", key="lead", mark=""))
    with gr.Row(elem_id="chips"):
        examples = {
            key: gr.Button(label(key), size="sm", elem_classes="chip", min_width=60)
            for key in EXAMPLES
        }
    with gr.Row(elem_id="form", equal_height=False):
        edit_fields = layout_edit()
        query_fields, everywhere = layout_query()
    with gr.Row(elem_id="actions"):
        ask_button = gr.Button(
            label("ask"), variant="primary", elem_id="ask", scale=0, min_width=220
        )
        stop = gr.Button(label("stop"), elem_id="stop", scale=0, min_width=90)
        status = gr.HTML(status_html(""), elem_id="status")
    follows = gr.Radio(
        [(label("follows_yes"), "yes"), (label("follows_no"), "no")],
        label=label("follows"), info=label("follows_info"), elem_id="follows",
        visible=False,
    )  # fmt: skip
    answers = gr.HTML(answers_html(None), elem_id="answers")
    notice = "caution small"
    gr.HTML(render("shell/paragraph.html", kind=notice, key="notice", mark="△"))
    memory_panel = memory.layout()
    editors_panel = all_editors.layout()
    with gr.Accordion(label("why"), open=False, elem_id="why"):
        with gr.Row(elem_classes="actions"):
            why_language = gr.Dropdown(
                [], label=label("why_language"), visible=False, scale=0, min_width=200
            )
            why_button = _small_button("why_button", elem_id="explain", min_width=200)
        why_area = gr.HTML(handle.why_hint(), elem_id="because")
    with gr.Accordion(label("decoding"), open=False), gr.Row():
        decoding_fields = layout_decoding()
    with gr.Accordion(label("models"), open=False, elem_id="models"):
        panel = models.layout()
    with gr.Row(elem_classes="actions", elem_id="link-row"):
        link_button = _small_button("copy_link", min_width=160)
        link = gr.Textbox(
            label=label("link"), visible=False, buttons=["copy"], interactive=False
        )
    fields = {**edit_fields, **query_fields, **decoding_fields, "follows": follows}
    return AskPage(
        examples, {**fields, "base": panel.base, "edited": panel.edited}, everywhere,
        ask_button, stop, status, answers, why_button, why_language, why_area,
        link_button, link, panel, memory_panel, editors_panel,
    )  # fmt: skip


def _small_button(key: str, **options: Any) -> gr.Button:
    return gr.Button(label(key), size="sm", elem_classes="plain", scale=0, **options)


def _languages() -> list[tuple[str, str]]:
    return [(language(code).own_name, code) for code in ATLAS_LANGUAGES]


def layout_edit() -> Fields:
    """Make the edit's fields: language, question, both answers, and its editor."""
    form, _ = example(FIRST)
    with gr.Column(elem_classes="half edit"):
        gr.HTML(render("edit_and_ask/step.html", number=1, key="step_edit"))
        code = gr.Dropdown(
            _languages(), value=form.language, label=label("edit_language")
        )
        question = gr.Textbox(
            form.question, label=label("edit_question"), lines=1, max_lines=4
        )
        with gr.Row():
            answer = gr.Textbox(
                form.answer, label=label("new_answer"), elem_id="new-answer"
            )
            old = gr.Textbox(
                form.old_answer,
                label=label("old_answer"),
                placeholder=label("old_placeholder"),
            )
        editor = models.layout_editors()
    return {
        "language": code, "question": question, "answer": answer, "old_answer": old,
        "editor": editor,
    }  # fmt: skip


def layout_query() -> tuple[Fields, gr.Button]:
    """Make the query's fields: languages, question type, question, third pane."""
    form, _ = example(FIRST)
    kinds = [(label(f"kind_{kind}"), kind) for kind in QUESTION_TYPES]
    with gr.Column(elem_classes="half query"):
        with gr.Row(elem_classes="heading"):
            gr.HTML(render("edit_and_ask/step.html", number=2, key="step_ask"))
            everywhere = _small_button("all_twelve")
        codes = gr.CheckboxGroup(
            _languages(), value=list(form.languages), label=label("ask_in"),
            elem_id="languages",
        )  # fmt: skip
        kind = gr.Radio(
            kinds, value=form.kind, label=label("question_type"), elem_id="kinds"
        )
        query = gr.Textbox(
            form.query,
            label=label("query"),
            placeholder=label("query_placeholder"),
            lines=1,
            max_lines=4,
        )
        prompted = gr.Checkbox(False, label=label("third_pane"))
    fields: Fields = {
        "languages": codes, "kind": kind, "query": query, "prompted": prompted,
    }  # fmt: skip
    return fields, everywhere


def layout_decoding() -> Fields:
    """Make the fields of how answers are drawn."""
    tokens = gr.Slider(*TOKENS, value=48, step=1, label=label("max_tokens"))
    temperature = gr.Slider(
        0,
        WARMEST,
        value=0,
        step=0.1,
        label=label("temperature"),
        info=label("temperature_info"),
    )
    seed = gr.Number(0, precision=0, minimum=0, label=label("seed"))
    return {"max_new_tokens": tokens, "temperature": temperature, "seed": seed}


def connect_asking(page: AskPage, states: AskStates, header: Header) -> None:
    """Connect what runs a model: asking, stopping, explaining."""
    fields, asked, prefilled = page.fields, states.asked, states.prefilled
    query, answer = fields["query"], fields["answer"]
    explanation = [page.why_language, page.why]
    asking = gr.on(
        [page.ask.click, states.count.change, query.submit, answer.submit],
        handle.run,
        [prefilled, *page.memory.asked_with, *inputs(fields)],
        [
            page.answers,
            page.status,
            asked,
            fields["follows"],
            prefilled,
            query,
            fields["old_answer"],
        ],  # fmt: skip
        js=SCROLL_SCRIPT,
        show_progress="minimal",
        show_progress_on=page.status,
        trigger_mode="once",
        **MODEL,
    )
    asking.then(handle.renew_why, asked, explanation, **AT_ONCE).then(
        memory.render_recalled, asked, page.memory.recalled, **AT_ONCE
    )
    linked = [*page.memory.asked_with, *inputs(fields)]
    asking.then(handle.link_of, linked, header.asked, **QUIET)
    fields["follows"].input(
        handle.decide,
        [asked, fields["follows"]],
        [page.answers, page.status, asked],
        **AT_ONCE,
    )
    gr.on(  # what was said of one question is not said of another
        [query.input, fields["question"].input],
        None,
        None,
        fields["follows"],
        js="() => null",
        **QUIET,
    )
    # One after the other: what runs ends by itself, what still waits is taken away.
    page.stop.click(handle.stop, None, None, **AT_ONCE)
    page.stop.click(
        handle.stopped,
        asked,
        [page.answers, page.status, asked],
        cancels=[asking],
        **AT_ONCE,
    ).then(handle.renew_why, asked, explanation, **AT_ONCE)
    gr.on(
        [page.why_button.click, page.why_language.input],
        handle.render_why,
        [asked, page.why_language],
        page.why,
        show_progress="minimal",
        **MODEL,
    )


def connect_form(
    root: gr.Blocks, page: AskPage, header: Header, states: AskStates
) -> None:
    """Connect what fills the form in: examples, Atlas, links."""
    fields, prefilled, count = page.fields, states.prefilled, states.count
    form, query, old = inputs(fields), fields["query"], fields["old_answer"]
    offered = gr.Textbox(visible=False)
    gr.on(
        [
            fields["question"].blur,
            fields["answer"].blur,
            *(fields[name].input for name in ("language", "languages", "kind")),
        ],
        handle.prefill,
        [prefilled, *form],
        [prefilled, offered],
        **AT_ONCE,
    ).then(None, [offered, query, old], [query, old], js=KEEP_SCRIPT, **QUIET)
    stated = [fields[name] for name in STATED]
    for key, button in page.examples.items():
        # Not at once: only the queue tells the page that the count has changed.
        button.click(
            partial(handle.choose_example, key),
            count,
            [prefilled, count, *stated],
            **QUIET,
        )
    page.everywhere.click(
        handle.ask_everywhere,
        [prefilled, *form],
        [fields["languages"], prefilled, query, old],
        **AT_ONCE,
    )
    linked = [*page.memory.asked_with, *form]
    page.link_button.click(handle.render_link, linked, page.link, **AT_ONCE).then(
        None, page.link, page.link, js=COPY_SCRIPT, **QUIET
    )
    carried = gr.Textbox(visible=False)
    header.language.click(handle.link_of, linked, carried, **AT_ONCE).then(
        None, carried, None, js=LANGUAGE_SCRIPT, **QUIET
    )
    opened = [prefilled, *form, page.answers, *page.models.outputs]
    opening = root.load(handle.open_page, None, opened, **AT_ONCE)
    opening.success(None, js=OPENED_SCRIPT, **QUIET)
    opening.failure(None, js=OPENED_SCRIPT, **QUIET)
    remembered = [*page.memory.outputs, page.memory.threshold]
    opening.success(handle.open_memory, None, remembered, **QUIET).then(
        handle.link_of, linked, header.asked, **QUIET
    )
