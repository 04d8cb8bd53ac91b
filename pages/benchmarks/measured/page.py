"""The view *Measured here* of Benchmarks: what shipped and local runs measured.

Nothing is read before the view is first opened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import partial

import gradio as gr

from pages.benchmarks.measured import start
from pages.benchmarks.measured.plots import bars, gap_marks
from pages.benchmarks.measured.slices import slices_html
from pages.benchmarks.measured.tables import (
    caption,
    compared_html,
    gaps,
    gaps_html,
    languages_html,
    pair_of,
    probes_html,
    provenance_html,
    runs_html,
)
from pages.benchmarks.shared import (
    READING,
    Named,
    address_of,
    by_name,
    heading,
    language_name,
    language_order,
    lead,
    note,
    picked,
    protocol_key,
)
from pages.benchmarks.sources import (
    EVERY,
    MEASURED,
    MOST,
    MeasuredChoice,
    MeasuredSource,
    available,
    sources,
    with_kinds,
)
from pages.shell.components import Components
from pages.shell.scripts import bridge
from pages.shell.strings import Interface, interface_language, label, tr
from pages.shell.templates import render as filled_in
from xkde.evaluation.results.local_runs import LocalRun
from xkde.evaluation.results.rows import PROTOCOLS, SCORE, choices
from xkde.types import PROBES

FIELDS = tuple(field.name for field in fields(MeasuredChoice))
OUTPUTS = ("status", "bars", "caption", "probes", "languages", "gap_marks", "gaps",
           "compared", "slices", "basis", "found")  # fmt: skip


def build(root: gr.Blocks) -> None:
    """Make the view's content and connect it."""
    with gr.Column(elem_id="measured-panel"):
        parts = layout()
        started = start.layout()
    connect(parts, started)
    start.connect(root, started)


def layout() -> Components:
    """Make the components."""
    parts: Components = {"script": bridge("evaluations", "measured-panel")}
    lead("measured_lead")
    parts["status"] = gr.HTML(note(""), elem_id="measured-shown")
    parts |= _fields()
    heading("measured_probes")
    parts["bars"] = _plot()
    parts["caption"] = gr.HTML("")
    parts["probes"] = gr.HTML("", elem_id="measured-probes")
    heading("measured_languages", "measured_languages_hint")
    parts["languages"] = gr.HTML("", elem_id="measured-languages")
    heading("measured_gaps", "measured_gaps_hint")
    parts["gap_marks"] = _plot()
    parts["gaps"] = gr.HTML("", elem_id="measured-gaps")
    heading("measured_pair")
    with gr.Row(elem_classes="half filters"):
        for name in ("first", "second"):
            parts[name] = gr.Dropdown(
                [], label=label(f"measured_{name}"), min_width=220
            )
    parts["compared"] = gr.HTML("", elem_id="measured-pair")
    heading("slices_title", "slices_hint")
    with gr.Row(elem_classes="actions"):
        for name in ("slices_one", "slices_two"):
            parts[name] = gr.Button(label(name), elem_classes="plain", size="sm")
    parts["slices"] = gr.HTML("", elem_id="measured-slices")
    heading("measured_basis")
    parts["basis"] = gr.HTML("", elem_id="measured-basis")
    title = label("measured_found")
    with gr.Accordion(title, open=False, elem_id="measured-found"):
        parts["found"] = gr.HTML("")
    return parts


def _plot() -> gr.Plot:
    return gr.Plot(show_label=False, visible=False, elem_classes="picture")


def _fields() -> Components:
    usual = MeasuredChoice()
    with gr.Row(elem_classes="half filters"):
        benchmark = gr.Dropdown([], label=label("measured_benchmark"), min_width=140)
        source = gr.Dropdown([], label=label("measured_edit"), min_width=140)
        measures = [(label(f"measure_{name}"), name) for name in (SCORE, *MEASURED)]
        measure = gr.Dropdown(
            measures, value=SCORE, label=label("measured_measure"), min_width=160
        )
    with gr.Row(elem_classes="half filters"):
        protocol = gr.Radio(
            [(label(protocol_key(name)), name) for name in reversed(PROTOCOLS)],
            value=usual.protocol,
            label=label("measured_protocol"),
            elem_classes="pills",
            min_width=260,
        )
        probe = gr.Radio(
            [(label(f"probe_{name}"), name) for name in PROBES],
            value=usual.probe,
            label=label("measured_probe"),
            elem_classes="pills",
            min_width=280,
        )
    runs = gr.CheckboxGroup([], label=label("measured_runs"), elem_classes="pills")
    with gr.Row(elem_classes="actions"):
        clean = gr.Checkbox(False, label=label("measured_clean"), min_width=200)
        again = gr.Button(
            label("measured_again"), size="sm", elem_classes="plain", scale=0
        )
    return {
        "benchmark": benchmark, "source": source, "protocol": protocol, "probe": probe,
        "measure": measure, "clean": clean, "runs": runs, "again": again,
    }  # fmt: skip


def connect(parts: Components, started: Components) -> None:
    """Tie the handlers to the components."""
    inputs, shown = picked(parts, *FIELDS), picked(parts, *OUTPUTS)
    parts["script"].arrived(**by_name(arrived, {}, inputs | shown), **READING)
    # Another benchmark has other runs and languages; the rest only shows differently.
    gr.on(
        [field.input for name, field in inputs.items() if name != "benchmark"],
        **by_name(changed, inputs, shown),
        trigger_mode="always_last",
        **READING,
    )
    gr.on(
        [parts["benchmark"].input, parts["again"].click],
        **by_name(renewed, inputs, inputs | shown),
        **READING,
    )
    for name, of_two in (("slices_one", False), ("slices_two", True)):
        search = by_name(partial(searched, of_two), inputs, picked(parts, "slices"))
        parts[name].click(**search, **READING)
    started["show"].click(**by_name(with_newest, inputs, inputs | shown), **READING)


def arrived(_: Named, event: gr.EventData, request: gr.Request) -> Iterator[Named]:
    """Show what the address asks for."""
    interface = interface_language(request)
    yield {"status": note(tr("measured_reading", interface), "status busy")}
    yield prefill(MeasuredChoice.from_query(address_of(event, "measured")), interface)


def changed(values: Named, request: gr.Request) -> Named:
    """Show what the fields ask for."""
    return render(choice_of(values), interface_language(request))


def renewed(values: Named, request: gr.Request) -> Named:
    """Look for runs anew, and show what the fields ask for."""
    return prefill(choice_of(values), interface_language(request))


def searched(of_two: bool, values: Named, request: gr.Request) -> Named:
    """Search the first run of the pair for slices, or both for where they differ."""
    interface, choice = interface_language(request), choice_of(values)
    runs, _ = available()
    found = sources(runs, choice.benchmark, interface)
    return {"slices": slices_html(found, choice, of_two, interface)}


def with_newest(values: Named, request: gr.Request) -> Named:
    """Show the run that was started last among those that are shown."""
    choice = choice_of(values)
    run = start.newest()
    if run is not None and run.files:
        choice = replace(
            choice,
            benchmark=str(run.about["benchmark"]),
            runs=(run.key, *choice.runs)[:MOST],
        )
    return prefill(choice, interface_language(request))


def choice_of(values: Named) -> MeasuredChoice:
    """Return the choice that the fields' values state."""
    stated: Named = {n: "" if value is None else value for n, value in values.items()}
    stated["runs"] = tuple(values["runs"] or ())
    return MeasuredChoice(**stated)


def prefill(choice: MeasuredChoice, interface: Interface) -> Named:
    """Return the fields with what there is to choose, and all that is shown."""
    runs, benchmarks = available()
    if choice.benchmark not in benchmarks and benchmarks:
        choice = replace(choice, benchmark=benchmarks[0])
    found = sources(runs, choice.benchmark, interface)
    choice = _within(choice, found)
    edits = [(language_name(code, interface), code) for code in _languages(found)]
    pairs = [(its.name, its.key) for its in found if its.rows is not None]
    return {
        "benchmark": gr.Dropdown(
            choices=list(benchmarks), value=choice.benchmark if benchmarks else None
        ),
        "source": gr.Dropdown(
            choices=[(tr("measured_all_edits", interface), EVERY), *edits],
            value=choice.source,
        ),
        "protocol": choice.protocol,
        "probe": choice.probe,
        "measure": choice.measure,
        "clean": choice.clean,
        "runs": gr.CheckboxGroup(
            choices=[(source.name, source.key) for source in found],
            value=[its.key for its in chosen(found, choice)],
        ),
        "first": gr.Dropdown(choices=pairs, value=choice.first or None),
        "second": gr.Dropdown(choices=pairs, value=choice.second or None),
        **_rendered(choice, runs, found, interface),
    }


def _within(choice: MeasuredChoice, found: Sequence[MeasuredSource]) -> MeasuredChoice:
    """Leave out of a choice what is not here."""
    keys = [source.key for source in found]
    languages = _languages(found)
    source = choice.source if choice.source in (*languages, EVERY) else EVERY
    if choice.source not in languages and "en" in languages:
        source = "en" if choice.source != EVERY else EVERY
    pair = pair_of(found, choice)
    first, second = (its.key for its in pair) if pair else (choice.first, choice.second)
    runs = tuple(key for key in choice.runs if key in keys)
    return replace(choice, source=source, runs=runs, first=first, second=second)


def _languages(found: Sequence[MeasuredSource]) -> list[str]:
    """Return the languages of the edits."""
    codes: set[str] = set()
    for source in found:
        if source.rows is not None:
            codes |= set(choices(source.rows, "source"))
        codes |= {cell.source for cell in source.cells}
    return sorted(codes, key=language_order)


def chosen(
    found: Sequence[MeasuredSource], choice: MeasuredChoice
) -> list[MeasuredSource]:
    """Return the sources to show: the chosen ones, else the first."""
    mine = [source for source in found if source.key in choice.runs]
    return (mine or list(found))[:MOST]


def render(choice: MeasuredChoice, interface: Interface) -> Named:
    """Return what is shown of a choice."""
    runs, _ = available()
    found = sources(runs, choice.benchmark, interface)
    return _rendered(choice, runs, found, interface)


def _rendered(
    choice: MeasuredChoice,
    runs: Sequence[LocalRun],
    found: Sequence[MeasuredSource],
    interface: Interface,
) -> Named:
    mine = [with_kinds(source) for source in chosen(found, choice)]
    listed = runs_html(runs, interface)
    if not mine:
        empty = note(tr("measured_absent", interface), "caution")
        nothing = gr.Plot(visible=False)
        return {**dict.fromkeys(OUTPUTS, ""), "found": listed, "bars": nothing,
                "gap_marks": nothing, "status": _status(choice, empty)}  # fmt: skip
    between = gaps(mine, choice)
    pair = pair_of(found, choice)
    compared = note(tr("measured_one_run", interface))
    if pair:
        compared = compared_html(*pair, choice, interface)
    return {
        "status": _status(choice, _broken(runs, interface)),
        "bars": _drawn(bars(mine, choice, interface)),
        "caption": note(caption(mine, choice, interface), "caption"),
        "probes": probes_html(mine, choice, interface),
        "languages": languages_html(mine, choice, interface),
        "gap_marks": _drawn(gap_marks(between, interface)),
        "gaps": gaps_html(between, interface),
        "compared": compared,
        "slices": "",
        "basis": provenance_html(mine, interface),
        "found": listed,
    }


def _drawn(figure: object) -> gr.Plot:
    return gr.Plot(figure, visible=figure is not None)


def _broken(runs: Sequence[LocalRun], interface: Interface) -> str:
    """Return how many runs cannot be read, if any."""
    broken = [run.key for run in runs if run.state == "broken"]
    if not broken:
        return ""
    names = ", ".join(broken[:3])
    words = tr("measured_broken", interface, n=len(broken), names=names)
    return note(f"△ {words}", "caution small")


def _status(choice: MeasuredChoice, words: str) -> str:
    """Return words with what the page's script reads: the address of what is shown."""
    return filled_in("benchmarks/status.html", address=choice.address(), words=words)
