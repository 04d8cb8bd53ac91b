"""Edit & Ask: state a fact in one language, ask about it in others, see both models.

Components and their wiring; what a click does is in ``handlers``. One generator
streams both panes, so that Stop and a closed tab end both at once.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/test_page.py``,
``tests/pages/test_browser.py``
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from pages.edit_and_ask import editor_choice, models
from pages.edit_and_ask import fields as form_fields
from pages.edit_and_ask import handlers as handle
from pages.edit_and_ask.all_editors import page as all_editors
from pages.edit_and_ask.answers import answers_html
from pages.edit_and_ask.examples import EXAMPLES, example
from pages.edit_and_ask.memory import page as memory_page
from pages.shell.header import Header
from pages.shell.look import LANGUAGE_SCRIPT
from pages.shell.strings import both, label

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
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: dict[str, Any] = {**QUIET, "queue": False}
# One model answers one visitor at a time; the others wait in the queue.
MODEL: dict[str, Any] = {
    "api_visibility": "private",
    "concurrency_id": "model",
    "concurrency_limit": 1,
}


@dataclass(frozen=True)
class Parts:
    """The components of the tab; ``fields`` in the order of a Form."""

    chips: dict[str, gr.Button]
    fields: list[Any]
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
    panel: models.Panel
    memory: memory_page.Panel
    editors: all_editors.Panel


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content and connect it."""
    parts = _layout()
    _wire(root, parts, header)


def _layout() -> Parts:
    gr.HTML(f'<p class="lead">{both("lead")}</p>')
    with gr.Row(elem_id="chips"):
        chips = {
            key: gr.Button(label(key), size="sm", elem_classes="chip", min_width=60)
            for key in EXAMPLES
        }
    with gr.Row(elem_id="form", equal_height=False):
        edit_fields, editor = form_fields.edit_fields()
        ask_fields, everywhere = form_fields.ask_fields()
    with gr.Row(elem_id="actions"):
        ask_button = gr.Button(
            label("ask"), variant="primary", elem_id="ask", scale=0, min_width=220
        )
        stop = gr.Button(label("stop"), elem_id="stop", scale=0, min_width=90)
        status = gr.HTML(handle.status_html(""), elem_id="status")
    answers = gr.HTML(answers_html(None, "en"), elem_id="answers")
    mark = '<span aria-hidden="true">△</span>'
    gr.HTML(f'<p class="caution small">{mark} {both("notice")}</p>')
    memory = memory_page.build()
    editors = all_editors.build()
    with gr.Accordion(label("why"), open=False, elem_id="why"):
        with gr.Row(elem_classes="actions"):
            why_language = gr.Dropdown(
                [], label=label("why_language"), visible=False, scale=0, min_width=200
            )
            why_button = gr.Button(
                label("why_button"),
                elem_id="explain",
                size="sm",
                elem_classes="plain",
                scale=0,
                min_width=200,
            )
        why_area = gr.HTML(handle.why_hint(), elem_id="because")
    with gr.Accordion(label("decoding"), open=False), gr.Row():
        decoding = form_fields.decoding_fields()
    with gr.Accordion(label("models"), open=False, elem_id="models"):
        panel = models.build()
    with gr.Row(elem_classes="actions", elem_id="link-row"):
        link_button = gr.Button(
            label("copy_link"), size="sm", elem_classes="plain", scale=0, min_width=160
        )
        link = gr.Textbox(
            label=label("link"), visible=False, buttons=["copy"], interactive=False
        )
    fields = [*edit_fields, *ask_fields, panel.base, panel.edited, *decoding, editor]
    return Parts(
        chips, fields, everywhere, ask_button, stop, status, answers, why_button,
        why_language, why_area, link_button, link, panel, memory, editors,
    )  # fmt: skip


def _wire(root: gr.Blocks, parts: Parts, header: Header) -> None:
    states = (gr.State(None), gr.State(example(handle.FIRST)[1]), gr.State(0))
    _wire_asking(parts, *states)
    _wire_form(root, parts, header, *states[1:])
    models.wire(parts.panel)
    editor_choice.wire(parts.fields[-1], parts.panel.base)
    memory_page.wire(parts.memory, parts.fields, states[1])
    all_editors.wire(parts.editors, parts.fields, states[1])


def _wire_asking(
    parts: Parts, asked: gr.State, auto: gr.State, count: gr.State
) -> None:
    """Connect what runs a model: asking, stopping, explaining."""
    answer, old, query = parts.fields[2], parts.fields[3], parts.fields[6]
    explanation = [parts.why_language, parts.why]
    asking = gr.on(
        [parts.ask.click, count.change, query.submit, answer.submit],
        handle.run,
        [auto, *parts.memory.asked_with, *parts.fields],
        [parts.answers, parts.status, asked, auto, query, old],
        js=SCROLL_SCRIPT,
        show_progress="minimal",
        show_progress_on=parts.status,
        trigger_mode="once",
        **MODEL,
    )
    found = parts.memory.found
    asking.then(handle.fresh, asked, explanation, **AT_ONCE).then(
        memory_page.recalled, asked, found, **AT_ONCE
    )
    # One after the other: what runs ends by itself, what still waits is taken away.
    parts.stop.click(handle.stop, None, None, **AT_ONCE)
    parts.stop.click(
        handle.stopped,
        asked,
        [parts.answers, parts.status, asked],
        cancels=[asking],
        **AT_ONCE,
    ).then(handle.fresh, asked, explanation, **AT_ONCE)
    gr.on(
        [parts.why_button.click, parts.why_language.input],
        handle.explained,
        [asked, parts.why_language],
        parts.why,
        show_progress="minimal",
        **MODEL,
    )


def _wire_form(
    root: gr.Blocks, parts: Parts, header: Header, auto: gr.State, count: gr.State
) -> None:
    """Connect what fills the form in: examples, Atlas, links."""
    edit_language, question, answer, old = parts.fields[:4]
    codes, kind, query = parts.fields[4:7]
    offered = gr.Textbox(visible=False)
    gr.on(
        [question.blur, answer.blur, edit_language.input, codes.input, kind.input],
        handle.prefill,
        [auto, *parts.fields],
        [auto, offered],
        **AT_ONCE,
    ).then(None, [offered, query, old], [query, old], js=KEEP_SCRIPT, **QUIET)
    for key, chip in parts.chips.items():
        # Not at once: only the queue tells the page that the count has changed.
        chip.click(
            partial(handle.chosen_example, key),
            count,
            [auto, count, *parts.fields[:7]],
            **QUIET,
        )
    parts.everywhere.click(
        handle.everywhere, [auto, *parts.fields], [codes, auto, query, old], **AT_ONCE
    )
    parts.link_button.click(
        handle.shown_link, parts.fields, parts.link, **AT_ONCE
    ).then(None, parts.link, parts.link, js=COPY_SCRIPT, **QUIET)
    carried = gr.Textbox(visible=False)
    header.language.click(handle.link_of, parts.fields, carried, **AT_ONCE).then(
        None, carried, None, js=LANGUAGE_SCRIPT, **QUIET
    )
    shown = [auto, *parts.fields, parts.answers, *parts.panel.outputs]
    root.load(handle.opened, None, shown, **AT_ONCE)
