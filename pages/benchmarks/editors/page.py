"""The view *Editors* of Benchmarks: all editors, one edit at a time and many of them.

Nothing is read before the view is first opened.
"""

from collections.abc import Iterator, Sequence

import gradio as gr

from pages.benchmarks.editors.tables import (
    ALLOWED,
    SOURCES,
    EditorsChoice,
    basis_html,
    caption_html,
    curves,
    first_html,
    languages_html,
    many_edits,
    pairs_html,
    single_edits,
    single_html,
    sizes_html,
)
from pages.benchmarks.shared import (
    READING,
    Named,
    address_of,
    by_name,
    heading,
    lead,
    note,
    picked,
    protocol_key,
)
from pages.shell.components import Components
from pages.shell.scripts import bridge
from pages.shell.strings import Interface, interface_language, label, tr
from pages.shell.templates import render as filled_in
from xkde.evaluation.results.experiments import (
    ASKED_ABOUT,
    ASKED_IN,
    KINDS,
    UNTOUCHED,
    experiments,
)
from xkde.evaluation.results.local_runs import editor_runs, local_runs
from xkde.evaluation.results.rows import PROTOCOLS

FIELDS = tuple(ALLOWED)
OUTPUTS = ("status", "single", "curves", "caption", "sizes", "first", "languages",
           "basis")  # fmt: skip


def build(root: gr.Blocks) -> None:
    """Make the view's content and connect it."""
    with gr.Column(elem_id="editors-panel"):
        parts = layout()
    connect(parts)


def layout() -> Components:
    """Make the components."""
    usual = EditorsChoice()
    parts: Components = {"script": bridge("evaluations", "editors-panel")}
    lead("all_editors_lead")
    parts["status"] = gr.HTML(note(""), elem_id="editors-shown")
    with gr.Row(elem_classes="half filters"):
        codes = [(f"language_{code}", code) for code in SOURCES]
        parts["source"] = _pills("measured_edit", codes, usual.source, 200)
        names = [(protocol_key(name), name) for name in reversed(PROTOCOLS)]
        parts["protocol"] = _pills("measured_protocol", names, usual.protocol, 260)
        asked = [(f"all_editors_asked_{name}", name) for name in reversed(ASKED_IN)]
        parts["asked_in"] = _pills("all_editors_asked_in", asked, usual.asked_in, 300)
    with gr.Row(elem_classes="actions"):
        parts["again"] = gr.Button(
            label("measured_again"), size="sm", elem_classes="plain", scale=0
        )
    heading("all_editors_single")
    parts["single"] = gr.HTML("", elem_id="editors-single")
    heading("all_editors_many", "all_editors_many_hint")
    with gr.Row(elem_classes="half filters"):
        kinds = [(f"all_editors_kind_{name}", name) for name in KINDS]
        parts["kind"] = _pills("all_editors_kind", kinds, usual.kind, 260)
        probes = [
            ("all_editors_untouched" if name == UNTOUCHED else f"probe_{name}", name)
            for name in ASKED_ABOUT
        ]
        parts["probe"] = _pills("measured_probe", probes, usual.probe, 320)
    parts["curves"] = gr.Plot(show_label=False, visible=False, elem_classes="picture")
    parts["caption"] = gr.HTML("")
    for name in ("sizes", "first", "languages"):
        parts[name] = gr.HTML("", elem_id=f"editors-{name}")
    heading("measured_basis")
    parts["basis"] = gr.HTML("", elem_id="editors-basis")
    return parts


def _pills(
    key: str, offered: Sequence[tuple[str, str]], value: str, width: int
) -> gr.Radio:
    return gr.Radio(
        [(label(words), name) for words, name in offered],
        value=value,
        label=label(key),
        elem_classes="pills",
        min_width=width,
    )


def connect(parts: Components) -> None:
    """Tie the handlers to the components."""
    inputs, shown = picked(parts, *FIELDS), picked(parts, *OUTPUTS)
    parts["script"].arrived(**by_name(arrived, {}, inputs | shown), **READING)
    gr.on(
        [*(field.input for field in inputs.values()), parts["again"].click],
        **by_name(changed, inputs, shown),
        trigger_mode="always_last",
        **READING,
    )


def arrived(_: Named, event: gr.EventData, request: gr.Request) -> Iterator[Named]:
    """Show what the address asks for."""
    interface = interface_language(request)
    yield {"status": note(tr("measured_reading", interface), "status busy")}
    choice = EditorsChoice.from_query(address_of(event, "editors"))
    yield {**prefill(choice), **render(choice, interface)}


def changed(values: Named, request: gr.Request) -> Named:
    """Show what the fields ask for; runs that have come are there, too."""
    return render(EditorsChoice.from_query(values), interface_language(request))


def prefill(choice: EditorsChoice) -> Named:
    """Return the fields' values."""
    return {name: getattr(choice, name) for name in FIELDS}


def render(choice: EditorsChoice, interface: Interface) -> Named:
    """Return what is shown of a choice."""
    single = single_edits([*local_runs(), *editor_runs()], choice, interface)
    runs, broken = experiments()
    many = many_edits(runs, choice, interface)
    caption = caption_html(choice, interface)
    outputs: Named = {
        **dict.fromkeys(OUTPUTS, ""),
        "status": filled_in(
            "benchmarks/status.html", address=choice.address(), words=""
        ),
        "single": single_html(single, choice, interface)
        + (caption + pairs_html(single, choice, interface) if single else ""),
        "basis": basis_html(single, many, broken, interface),
    }
    if not many:
        empty = note(tr("all_editors_no_many", interface), "caution")
        return {**outputs, "curves": gr.Plot(visible=False), "caption": empty}
    figure = curves(many, choice, interface)
    return {
        **outputs,
        "curves": gr.Plot(figure, visible=figure is not None),
        "caption": caption,
        "sizes": sizes_html(many, choice, interface),
        "first": first_html(many, choice, interface),
        "languages": languages_html(many, choice, interface),
    }
