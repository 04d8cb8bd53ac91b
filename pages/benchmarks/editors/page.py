"""The view *Editors* of Benchmarks: all editors, one edit at a time and many of them.

Components and their wiring; numbers are ``numbers``. Nothing is
read before the view is first opened.

Run its tests: ``python -m pytest tests/pages/benchmarks/editors/test_page.py``
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from pages.benchmarks.editors.html import (
    basis_html,
    caption_html,
    first_html,
    languages_html,
    singles_html,
    sizes_html,
)
from pages.benchmarks.editors.numbers import (
    PROBED,
    SOURCES,
    Choice,
    manys,
    singles,
)
from pages.benchmarks.editors.plots import figure
from pages.benchmarks.measured.html import note_html
from pages.benchmarks.measured.page import READING, bridge_of
from pages.shell.header import Header
from pages.shell.strings import Interface, both, interface_language, label, tr
from xkde.evaluation.experiments.files import KINDS, UNTOUCHED, experiments
from xkde.evaluation.experiments.shares import LANGUAGES
from xkde.evaluation.results.local_runs import editor_runs, local_runs
from xkde.evaluation.results.rows import PROTOCOLS

FIELDS = ("source", "protocol", "asked_in", "kind", "probe")
SHOWN = 8  # what ``shown`` returns


def build_editors(root: gr.Blocks, header: Header, views: gr.Tabs) -> None:
    """Make the view's content and connect it."""
    with gr.Column(elem_id="editors-panel"):
        bridge = bridge_of("editors-panel")
        gr.HTML(f'<p class="lead">{both("all_editors_lead")}</p>')
        status = gr.HTML(note_html(""), elem_id="editors-shown")
        above, again = _above()
        gr.HTML(f"<h2>{both('all_editors_single')}</h2>")
        single = gr.HTML("", elem_id="editors-single")
        gr.HTML(
            f"<h2>{both('all_editors_many')}</h2>"
            f'<p class="caption">{both("all_editors_many_hint")}</p>'
        )
        fields = [*above, *_of_many()]
        outputs = [status, single, *_outputs()]
    bridge.arrived(arrived, None, [*fields, *outputs], **READING)
    gr.on(
        [*(field.input for field in fields), again.click],
        changed,
        fields,
        outputs,
        trigger_mode="always_last",
        **READING,
    )


def _pills(
    key: str, choices: Sequence[tuple[str, str]], value: str, width: int
) -> gr.Radio:
    told = [(label(words), name) for words, name in choices]
    return gr.Radio(
        told, value=value, label=label(key), elem_classes="pills", min_width=width
    )


def _above() -> tuple[list[gr.Radio], gr.Button]:
    """Make the fields that all numbers of the view obey."""
    told = Choice()
    with gr.Row(elem_classes="half filters"):
        codes = [(f"language_{code}", code) for code in SOURCES]
        source = _pills("measured_edit", codes, told.source, 200)
        names = [
            (f"measured_protocol_{name.replace('-', '_')}", name)
            for name in reversed(PROTOCOLS)
        ]
        protocol = _pills("measured_protocol", names, told.protocol, 260)
        asked = [(f"all_editors_asked_{name}", name) for name in reversed(LANGUAGES)]
        asked_in = _pills("all_editors_asked_in", asked, told.asked_in, 300)
    with gr.Row(elem_classes="actions"):
        again = gr.Button(
            label("measured_again"), size="sm", elem_classes="plain", scale=0
        )
    return [source, protocol, asked_in], again


def _of_many() -> list[gr.Radio]:
    """Make the fields of the curves."""
    told = Choice()
    with gr.Row(elem_classes="half filters"):
        kinds = [(f"all_editors_kind_{name}", name) for name in KINDS]
        kind = _pills("all_editors_kind", kinds, told.kind, 260)
        probes = [
            ("all_editors_untouched" if name == UNTOUCHED else f"probe_{name}", name)
            for name in PROBED
        ]
        probe = _pills("measured_probe", probes, told.probe, 320)
    return [kind, probe]


def _outputs() -> list[Any]:
    """Make what shows many edits, in the order of ``shown``."""
    plot = gr.Plot(show_label=False, visible=False, elem_classes="picture")
    caption = gr.HTML("")
    sizes = gr.HTML("", elem_id="editors-sizes")
    first = gr.HTML("", elem_id="editors-first")
    languages = gr.HTML("", elem_id="editors-languages")
    gr.HTML(f"<h2>{both('measured_basis')}</h2>")
    basis = gr.HTML("", elem_id="editors-basis")
    return [plot, caption, sizes, first, languages, basis]


def arrived(event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
    """Show what the address asks for."""
    told = dict(parse_qsl(str(event.search).removeprefix("?"))[:50])
    say = interface_language(request)
    words = note_html(tr("measured_reading", say), "status busy")
    yield [*[gr.skip()] * len(FIELDS), words, *[gr.skip()] * (SHOWN - 1)]
    choice = Choice.from_query(told) if told.get("view") == "editors" else Choice()
    yield [*(getattr(choice, name) for name in FIELDS), *shown(choice, say)]


def changed(request: gr.Request, *values: Any) -> list[Any]:
    """Show what the fields ask for; runs that have come are there, too."""
    told = {name: str(value) for name, value in zip(FIELDS, values, strict=True)}
    return shown(Choice.from_query(told), interface_language(request))


def shown(choice: Choice, say: Interface) -> list[Any]:
    """Return (status, single, plot, caption, sizes, first, languages, basis)."""
    one = singles([*local_runs(), *editor_runs()], choice, say)
    runs, broken = experiments()
    many = manys(runs, choice, say)
    status = f'<div data-address="{escape(choice.address())}"></div>'
    caption = caption_html(choice, say)
    basis = basis_html(one, many, broken, say)
    single = singles_html(one, choice, say) + (caption if one else "")
    if not many:
        empty = note_html(tr("all_editors_no_many", say), "caution")
        return [status, single, gr.Plot(visible=False), empty, "", "", "", basis]
    drawn = figure(many, choice, say)
    return [
        status,
        single,
        gr.Plot(drawn, visible=drawn is not None),
        caption,
        sizes_html(many, choice, say),
        first_html(many, choice, say),
        languages_html(many, choice, say),
        basis,
    ]
