"""The view *Measured here* of Benchmarks: what shipped and local runs measured.

Components and their wiring; what is shown of a choice is in
``render``. Nothing is read before the view is first opened.

Run its tests: ``python -m pytest tests/pages/benchmarks/measured/test_page.py``
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from pages.benchmarks.measured import start as starting
from pages.benchmarks.measured.html import note_html
from pages.benchmarks.measured.render import busy, choice_of, filled, shown
from pages.benchmarks.measured.sources import MEASURED, MOST, SCORE, Choice
from pages.shell.header import Header
from pages.shell.strings import both, interface_language, label
from xkde import paths
from xkde.evaluation.results.rows import PROTOCOLS
from xkde.types import PROBES

SCRIPT = paths.ASSETS / "evaluations.js"
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# Runs are large: they are read one visitor after the other, and stay open.
READING: dict[str, Any] = {
    **QUIET,
    "concurrency_id": "evaluations",
    "concurrency_limit": 1,
}


def build_measured(root: gr.Blocks, header: Header, views: gr.Tabs) -> None:
    """Make the view's content and connect it."""
    with gr.Column(elem_id="measured-panel"):
        bridge = bridge_of("measured-panel")
        gr.HTML(f'<p class="lead">{both("measured_lead")}</p>')
        status = gr.HTML(note_html(""), elem_id="measured-shown")
        fields, again = _fields()
        outputs = [status, *_outputs(fields[-2:])]
        panel = starting.build()
    bridge.arrived(arrived, None, [*fields, *outputs], **READING)
    # Another benchmark has other runs and languages; the rest only shows differently.
    gr.on(
        [field.input for field in fields[1:]],
        changed,
        fields,
        outputs,
        trigger_mode="always_last",
        **READING,
    )
    gr.on(
        [fields[0].input, again.click], renewed, fields, [*fields, *outputs], **READING
    )
    panel.show.click(with_newest, fields, [*fields, *outputs], **READING)
    starting.wire(root, panel)


def bridge_of(panel: str) -> gr.HTML:
    """Make what connects a view with its script."""
    script = SCRIPT.read_text(encoding="utf-8").replace("#PANEL", f"#{panel}", 1)
    return gr.HTML(
        html_template="<span hidden></span>",
        js_on_load=script,
        elem_id=f"{panel}-bridge",
        elem_classes="bridge",
    )


def _fields() -> tuple[list[Any], gr.Button]:
    """Make the fields of a choice, in the order of ``FIELDS``."""
    told = Choice()
    with gr.Row(elem_classes="half filters"):
        benchmark = gr.Dropdown(
            [], label=label("measured_benchmark"), min_width=140, scale=1
        )
        source = gr.Dropdown([], label=label("measured_edit"), min_width=140, scale=1)
        measures = [
            (label("measure_score"), SCORE),
            *((label(f"measure_{name}"), name) for name in MEASURED),
        ]
        measure = gr.Dropdown(
            measures, value=SCORE, label=label("measured_measure"), min_width=160
        )
    with gr.Row(elem_classes="half filters"):
        protocols = [
            (label(f"measured_protocol_{name.replace('-', '_')}"), name)
            for name in reversed(PROTOCOLS)
        ]
        protocol = gr.Radio(
            protocols, value=told.protocol, label=label("measured_protocol"),
            elem_classes="pills", min_width=260,
        )  # fmt: skip
        probe = gr.Radio(
            [(label(f"probe_{name}"), name) for name in PROBES], value=told.probe,
            label=label("measured_probe"), elem_classes="pills", min_width=280,
        )  # fmt: skip
    runs = gr.CheckboxGroup([], label=label("measured_runs"), elem_classes="pills")
    with gr.Row(elem_classes="actions"):
        clean = gr.Checkbox(False, label=label("measured_clean"), min_width=200)
        again = gr.Button(
            label("measured_again"), size="sm", elem_classes="plain", scale=0
        )
    first, second = _pair_fields()
    fields = [benchmark, source, protocol, probe, measure, clean, runs, first, second]
    return fields, again


def _pair_fields() -> tuple[gr.Dropdown, gr.Dropdown]:
    """Make the two runs to compare; they stand further down, beside their table."""
    return (
        gr.Dropdown([], label=label("measured_first"), min_width=220, render=False),
        gr.Dropdown([], label=label("measured_second"), min_width=220, render=False),
    )


def _outputs(pair: list[Any]) -> list[Any]:
    """Make what shows a choice, in the order of ``shown``, but for its status."""
    gr.HTML(f"<h2>{both('measured_probes')}</h2>")
    plot = gr.Plot(show_label=False, visible=False, elem_classes="picture")
    words, probes = gr.HTML(""), gr.HTML("", elem_id="measured-probes")
    gr.HTML(
        f"<h2>{both('measured_languages')}</h2>"
        f'<p class="caption">{both("measured_languages_hint")}</p>'
    )
    languages = gr.HTML("", elem_id="measured-languages")
    gr.HTML(
        f"<h2>{both('measured_gaps')}</h2>"
        f'<p class="caption">{both("measured_gaps_hint")}</p>'
    )
    gap = gr.HTML("", elem_id="measured-gaps")
    gr.HTML(f"<h2>{both('measured_pair')}</h2>")
    with gr.Row(elem_classes="half filters"):
        for field in pair:
            field.render()
    beside = gr.HTML("", elem_id="measured-pair")
    gr.HTML(f"<h2>{both('measured_basis')}</h2>")
    basis = gr.HTML("", elem_id="measured-basis")
    with gr.Accordion(label("measured_found"), open=False, elem_id="measured-found"):
        runs = gr.HTML("")
    return [plot, words, probes, languages, gap, beside, basis, runs]


def arrived(event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
    """Show what the address asks for."""
    told = dict(parse_qsl(str(event.search).removeprefix("?"))[:50])
    say = interface_language(request)
    yield busy(say)
    choice = Choice.from_query(told) if told.get("view") == "measured" else Choice()
    yield filled(choice, say)


def changed(request: gr.Request, *values: Any) -> list[Any]:
    """Show what the fields ask for."""
    return shown(choice_of(values), interface_language(request))


def renewed(request: gr.Request, *values: Any) -> list[Any]:
    """Look for runs anew, and show what the fields ask for."""
    return filled(choice_of(values), interface_language(request))


def with_newest(request: gr.Request, *values: Any) -> list[Any]:
    """Show the run that was started last among those that are shown."""
    choice = choice_of(values)
    run = starting.newest()
    if run is not None and run.files:
        choice = replace(
            choice,
            benchmark=str(run.about["benchmark"]),
            runs=(run.key, *choice.runs)[:MOST],
        )
    return filled(choice, interface_language(request))
