"""Inside: the components of the tab and how they are connected.

A look runs the base model, then the edited one; a generator shows each as it comes, so
that Stop and a closed tab end it. A question asked in Edit & Ask fills the form when
the tab is opened.
"""

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from pages.inside import handlers as handle
from pages.inside.form import LINKED, NAMES, InsideForm
from pages.shell.components import by_name
from pages.shell.look import Header
from pages.shell.pool import on_space
from pages.shell.strings import label
from pages.shell.templates import render
from xkde.asking.looking_inside import LOOKS
from xkde.checkpoints import CATALOGUE
from xkde.languages import ATLAS_LANGUAGES, language

TITLE = "tab_inside"


@dataclass(frozen=True)
class InsidePage:
    """The components of the tab; ``fields`` by the names of an InsideForm's fields."""

    fields: dict[str, gr.Textbox | gr.Dropdown | gr.Radio]
    look: gr.Radio
    start: gr.Button
    stop: gr.Button
    shown: dict[str, Block]  # status, panes and their figures
    measured: dict[str, Block]


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content and connect it."""
    with gr.Column(elem_id="inside") as column:
        page = layout()
    connect(page)
    tab = column.parent
    assert isinstance(tab, gr.Tab)
    linked = [page.fields[name] for name in LINKED]
    root.load(handle.open_page, None, linked, api_visibility="private")
    taken = gr.State("")
    tab.select(
        handle.take_over,
        [header.asked, taken],
        [taken, *linked],
        show_progress="hidden",
        api_visibility="private",
    )
    # Nothing shipped is read before the tab is first opened.
    gr.on(
        [tab.select, page.look.input],
        by_name(handle.show_measured, page.measured),
        page.look,
        list(page.measured.values()),
        api_visibility="private",
        show_progress="hidden",
    )


def layout() -> InsidePage:
    """Make the components, from the top of the tab to its end."""
    gr.HTML(render("shell/paragraph.html", kind="lead", key="inside_lead", mark=""))
    with gr.Row(elem_classes="inside-form", equal_height=False):
        fields: dict[str, gr.Textbox | gr.Dropdown | gr.Radio] = {
            **_edit_fields(),
            **_query_fields(),
        }
    look = gr.Radio(
        [(label(f"inside_look_{name}"), name) for name in LOOKS],
        value=LOOKS[0],
        label=label("inside_look"),
        elem_classes="pills",
        elem_id="inside-look",
    )
    with gr.Accordion(label("models"), open=False):
        models = _model_fields()
    with gr.Row(elem_classes="actions"):
        start = gr.Button(
            label("inside_start"), variant="primary", elem_id="inside-start", scale=0,
            min_width=200,
        )  # fmt: skip
        stop = gr.Button(label("stop"), elem_id="inside-stop", scale=0, min_width=90)
        status = gr.HTML(handle.status_html(""), elem_id="inside-status")
    measured: dict[str, Block] = {
        "explained": gr.HTML(render("inside/explained.html", look=LOOKS[0]))
    }
    shown: dict[str, Block] = {"status": status}
    with gr.Row(elem_id="inside-panes", equal_height=False):
        for pane in handle.PANES:
            with gr.Column(min_width=320):
                shown[pane] = gr.HTML("", elem_id=f"inside-{pane}")
                shown[f"{pane}_plot"] = _plot()
    measured["measured"] = gr.HTML("", elem_id="inside-measured")
    measured["measured_plot"] = _plot()
    return InsidePage(
        {**fields, "look": look, **models}, look, start, stop, shown, measured
    )


def _plot() -> gr.Plot:
    return gr.Plot(show_label=False, visible=False, elem_classes="picture")


def _languages() -> list[tuple[str, str]]:
    return [(language(code).own_name, code) for code in ATLAS_LANGUAGES]


def _edit_fields() -> dict[str, gr.Textbox | gr.Dropdown]:
    usual = InsideForm()
    with gr.Column(elem_classes="half"):
        return {
            "language": gr.Dropdown(
                _languages(), value=usual.language, label=label("edit_language")
            ),
            "question": gr.Textbox(label=label("edit_question"), max_lines=4),
            "answer": gr.Textbox(label=label("new_answer")),
            "old_answer": gr.Textbox(
                label=label("old_answer"), placeholder=label("old_placeholder")
            ),
        }


def _query_fields() -> dict[str, gr.Textbox | gr.Dropdown]:
    usual = InsideForm()
    with gr.Column(elem_classes="half"):
        return {
            "query_language": gr.Dropdown(
                _languages(), value=usual.query_language, label=label("inside_ask_in")
            ),
            "query": gr.Textbox(
                label=label("query"),
                placeholder=label("inside_query_hint"),
                max_lines=4,
            ),
            "subject": gr.Textbox(
                label=label("inside_subject"), info=label("inside_subject_info")
            ),
        }


def _model_fields() -> dict[str, gr.Dropdown]:
    choices = [
        (f"{entry.reference} — {entry.label}", name)
        for name, entry in CATALOGUE.items()
    ]
    usual = InsideForm()
    with gr.Row():
        return {
            name: gr.Dropdown(
                choices,
                value=value,
                label=label(f"model_{name}"),
                allow_custom_value=not on_space(),
            )
            for name, value in (("base", usual.base), ("edited", usual.edited))
        }


def connect(page: InsidePage) -> None:
    """Tie looking and stopping to the components."""
    fields = [page.fields[name] for name in NAMES]
    looking = gr.on(
        [page.start.click, page.look.input],
        by_name(handle.run, page.shown),
        fields,
        list(page.shown.values()),
        trigger_mode="once",
        show_progress="hidden",
        concurrency_id="model",
        concurrency_limit=1,
        api_visibility="private",
    )
    # One after the other: what runs ends by itself, what still waits is taken away.
    page.stop.click(handle.stop, None, None, queue=False, api_visibility="private")
    page.stop.click(
        handle.stopped,
        None,
        page.shown["status"],
        cancels=[looking],
        queue=False,
        api_visibility="private",
    )
