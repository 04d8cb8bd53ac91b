"""Propagation: the components of the tab and how they are connected.

A generator fills the grid row by row, so that Stop and a closed tab end it. An edit
asked in Edit & Ask fills the form when the tab is opened, and runs are listed then.
"""

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from pages.propagation import handlers as handle
from pages.propagation.recorded import (
    NONE,
    RecordedChoice,
    answers_html,
    choices_of,
    probe_of,
    recorded_html,
)
from pages.shell.components import QUIET, Components, Outputs, by_name
from pages.shell.edit_form import connect_prefill, edit_fields, model_fields
from pages.shell.look import Header
from pages.shell.runs import connect_run, status_html
from pages.shell.strings import interface_language, label, tr
from pages.shell.templates import render
from xkde.types import PROBES

TITLE = "tab_propagation"
# Tells Python which cell of a heat map was clicked.
PICK_SCRIPT = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-cell]");
  if (button) trigger("pick", { cell: button.dataset.cell });
});
"""


@dataclass(frozen=True)
class PropagationPage:
    """The components of the tab; ``fields`` by the names of the form's fields."""

    fields: Components
    order: gr.Radio
    start: gr.Button
    stop: gr.Button
    shown: Components  # status, grid, state, an opened cell
    recorded: Components  # runs, probe, heat map, answers


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content and connect it."""
    with gr.Column(elem_id="propagation") as column:
        page = layout()
    tab = column.parent
    assert isinstance(tab, gr.Tab)
    _connect_live(page, connect_prefill(root, tab, header, page.fields))
    _connect_recorded(page, tab)


def layout() -> PropagationPage:
    """Make the components, from the top of the tab to its end."""
    gr.HTML(
        render("shell/paragraph.html", kind="lead", key="propagation_lead", mark="")
    )
    with gr.Row(elem_classes="edit-form wide"):
        fields = edit_fields()
    fields |= model_fields()
    order = gr.Radio(
        [(label(f"propagation_order_{name}"), name) for name in ("script", "success")],
        value="script",
        label=label("propagation_order"),
        elem_classes="pills",
        elem_id="propagation-order",
    )
    with gr.Row(elem_classes="actions"):
        start = gr.Button(
            label("propagation_start"), variant="primary", scale=0, min_width=200,
            elem_id="propagation-start",
        )  # fmt: skip
        stop = gr.Button(
            label("stop"), elem_id="propagation-stop", scale=0, min_width=90
        )
        status = gr.HTML(status_html(""), elem_id="propagation-status")
    grid = gr.HTML("", js_on_load=PICK_SCRIPT, elem_id="propagation-grid")
    opened = gr.HTML("", elem_id="propagation-opened")
    shown: dict[str, Block] = {
        "status": status, "grid": grid, "opened": opened, "state": gr.State(None)
    }  # fmt: skip
    return PropagationPage(fields, order, start, stop, shown, _recorded())


def _recorded() -> dict[str, Block]:
    heading = render(
        "shell/paragraph.html", kind="lead", key="propagation_recorded", mark=""
    )
    gr.HTML(heading)
    with gr.Row():
        first = gr.Dropdown(
            [], label=label("propagation_run"), elem_id="propagation-run"
        )
        second = gr.Dropdown([], label=label("propagation_second"))
        probe = gr.Dropdown(
            [(label(f"probe_{name}"), name) for name in PROBES],
            value=PROBES[0],
            label=label("propagation_probe"),
        )
    return {
        "first": first,
        "second": second,
        "probe": probe,
        "heat": gr.HTML("", js_on_load=PICK_SCRIPT, elem_id="propagation-recorded"),
        "answers": gr.HTML("", elem_id="propagation-answers"),
    }


def _connect_live(page: PropagationPage, filled: gr.State) -> None:
    state, grid = page.shown["state"], page.shown["grid"]
    inputs = [page.order, filled, *(page.fields[name] for name in handle.NAMES)]
    connect_run(
        handle.WORK, [page.start.click], handle.run, inputs, page.shown, page.stop
    )
    page.order.input(
        handle.reorder,
        [state, page.order],
        grid,
        show_progress="hidden",
        api_visibility="private",
    )
    grid.pick(  # the script's event
        handle.picked,
        state,
        page.shown["opened"],
        show_progress="hidden",
        api_visibility="private",
    )


def _connect_recorded(page: PropagationPage, tab: gr.Tab) -> None:
    parts = page.recorded
    inputs = [parts["first"], parts["second"], parts["probe"], page.order]
    tab.select(
        by_name(show_runs, parts), inputs[:1], list(parts.values()), **QUIET
    ).then(show_recorded, inputs, parts["heat"], **QUIET)
    gr.on(
        [parts[name].input for name in ("first", "second", "probe")]
        + [page.order.input],
        show_recorded, inputs, parts["heat"], **QUIET,
    )  # fmt: skip
    parts["heat"].pick(show_answers, inputs, parts["answers"], **QUIET)


def show_runs(first: str | None, request: gr.Request) -> Outputs:
    """Return the runs that can be chosen; the first of them where none is."""
    interface = interface_language(request)
    runs = choices_of()
    keys = [key for _, key in runs]
    chosen = first if first in keys else next(iter(keys), None)
    none = (tr("propagation_no_second", interface), NONE)
    return {
        "first": gr.Dropdown(runs, value=chosen),
        "second": gr.Dropdown([none, *runs], value=NONE),
    }


def show_recorded(
    first: str | None,
    second: str | None,
    probe: str | None,
    order: str | None,
    request: gr.Request,
) -> str:
    """Return what the chosen runs show."""
    choice = _choice(first, second, probe, order)
    return recorded_html(choice, interface_language(request))


def show_answers(
    first: str | None,
    second: str | None,
    probe: str | None,
    order: str | None,
    event: gr.EventData,
    request: gr.Request,
) -> str:
    """Return some wrong answers of the direction that was clicked."""
    choice = _choice(first, second, probe, order)
    return answers_html(choice, str(event.cell), interface_language(request))


def _choice(
    first: str | None, second: str | None, probe: str | None, order: str | None
) -> RecordedChoice:
    is_other = second and second != first
    return RecordedChoice(
        first or "",
        second if is_other and second else NONE,
        probe_of(probe),
        handle.order_of(order),
    )
