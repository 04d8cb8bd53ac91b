"""Inside: the components of the tab and how they are connected.

A look runs the base model, then the edited one; a generator shows each as it comes, so
that Stop and a closed tab end it. A question asked in Edit & Ask fills the form when
the tab is opened.
"""

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from pages.inside import handlers as handle
from pages.shell.components import Components, by_name
from pages.shell.edit_form import (
    connect_prefill,
    edit_fields,
    model_fields,
    query_fields,
)
from pages.shell.look import Header
from pages.shell.runs import connect_run, status_html
from pages.shell.strings import label
from pages.shell.templates import render
from xkde.asking.looking_inside import LOOKS

TITLE = "tab_inside"


@dataclass(frozen=True)
class InsidePage:
    """The components of the tab; ``fields`` by the names of a form's fields."""

    fields: Components
    look: gr.Radio
    start: gr.Button
    stop: gr.Button
    shown: dict[str, Block]  # status, panes and their figures
    measured: dict[str, Block]


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content and connect it."""
    with gr.Column(elem_id="inside") as column:
        page = layout()
    tab = column.parent
    assert isinstance(tab, gr.Tab)
    filled = connect_prefill(root, tab, header, page.fields)
    fields = [page.fields[name] for name in ("subject", *handle.NAMES)]
    starts = [page.start.click, page.look.input]
    inputs = [page.look, filled, *fields]
    connect_run(handle.WORK, starts, handle.run, inputs, page.shown, page.stop)
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
    with gr.Row(elem_classes="edit-form", equal_height=False):
        with gr.Column(elem_classes="half"):
            fields = edit_fields()
        with gr.Column(elem_classes="half"):
            fields |= query_fields()
            fields["subject"] = gr.Textbox(
                label=label("inside_subject"), info=label("inside_subject_info")
            )
    look = gr.Radio(
        [(label(f"inside_look_{name}"), name) for name in LOOKS],
        value=LOOKS[0],
        label=label("inside_look"),
        elem_classes="pills",
        elem_id="inside-look",
    )
    fields |= model_fields()
    with gr.Row(elem_classes="actions"):
        start = gr.Button(
            label("inside_start"), variant="primary", elem_id="inside-start", scale=0,
            min_width=200,
        )  # fmt: skip
        stop = gr.Button(label("stop"), elem_id="inside-stop", scale=0, min_width=90)
        status = gr.HTML(status_html(""), elem_id="inside-status")
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
    return InsidePage(fields, look, start, stop, shown, measured)


def _plot() -> gr.Plot:
    return gr.Plot(show_label=False, visible=False, elem_classes="picture")
