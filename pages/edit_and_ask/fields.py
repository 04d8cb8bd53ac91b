"""The fields of Edit & Ask: the edit and its editor, the question, the decoding.

Components alone; ``page`` connects them.
"""

from typing import Any

import gradio as gr

from pages.edit_and_ask import editor_choice
from pages.edit_and_ask.examples import example
from pages.edit_and_ask.handlers import FIRST
from pages.shell.links import TOKENS, WARMEST
from pages.shell.strings import both, label
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.types import QUESTION_TYPES


def _languages() -> list[tuple[str, str]]:
    return [(language(code).own_name, code) for code in ATLAS_LANGUAGES]


def edit_fields() -> tuple[list[Any], gr.Dropdown]:
    """Make the edit's fields: language, question, both answers, and its editor."""
    form, _ = example(FIRST)
    with gr.Column(elem_classes="half edit"):
        gr.HTML(f'<h2><span class="step">1</span>{both("step_edit")}</h2>')
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
        editor = editor_choice.build()
    return [code, question, answer, old], editor


def ask_fields() -> tuple[list[Any], gr.Button]:
    """Make the query's fields: languages, question type, question, third pane."""
    form, _ = example(FIRST)
    kinds = [(label(f"kind_{kind}"), kind) for kind in QUESTION_TYPES]
    with gr.Column(elem_classes="half query"):
        with gr.Row(elem_classes="heading"):
            gr.HTML(f'<h2><span class="step">2</span>{both("step_ask")}</h2>')
            everywhere = gr.Button(
                label("all_twelve"), size="sm", elem_classes="plain", scale=0
            )
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
    return [codes, kind, query, prompted], everywhere


def decoding_fields() -> list[Any]:
    """Make the fields of how answers are drawn."""
    return [
        gr.Slider(*TOKENS, value=48, step=1, label=label("max_tokens")),
        gr.Slider(
            0,
            WARMEST,
            value=0,
            step=0.1,
            label=label("temperature"),
            info=label("temperature_info"),
        ),
        gr.Number(0, precision=0, minimum=0, label=label("seed")),
    ]
