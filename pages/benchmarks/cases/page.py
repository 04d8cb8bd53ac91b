"""The view *Cases* of Benchmarks: the answers behind a number, one by one.

What is shown of a place is in ``render``. Rows stay on the server: a page of them is
sent as HTML.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import gradio as gr

from pages.benchmarks.cases.render import (
    FIELDS,
    KINDS,
    OUTPUTS,
    found_of,
    prefill,
    render,
    runs_here,
    table_of,
    view_of,
    written,
)
from pages.benchmarks.cases.view import (
    CLEAN,
    FAILED,
    LONGEST,
    SIZES,
    SORTS,
    SPOKEN,
    VERSUS,
    CasePlace,
    CaseView,
)
from pages.benchmarks.shared import (
    READING,
    Named,
    address_of,
    by_name,
    lead,
    note,
    picked,
)
from pages.shell.components import AT_ONCE, QUIET, Components
from pages.shell.scripts import bridge
from pages.shell.strings import interface_language, label, shown_error, tr
from xkde.errors import XkdeError
from xkde.evaluation.analysis.kinds import Kind
from xkde.evaluation.results.rows import RULES
from xkde.types import PROBES

RUNS = ("run", "beside")  # whose change brings other choices
Handler = Callable[[Named, gr.Request], Named]


def build(root: gr.Blocks) -> None:
    """Make the view's content and connect it."""
    with gr.Column(elem_id="cases-panel"):
        parts = layout()
    connect(parts)


def layout() -> Components:
    """Make the components."""
    parts: Components = {"script": bridge("evaluations", "cases-panel")}
    lead("cases_lead")
    parts |= _fields()
    parts["status"] = gr.HTML(note(""), elem_id="case-status")
    with gr.Row(elem_id="case-columns", elem_classes="columns", equal_height=False):
        with gr.Column(elem_id="case-side", min_width=260, scale=2):
            parts["list"] = gr.HTML("", elem_id="case-list")
            parts |= _two(page_before="pairs_page_before", page_next="pairs_page_next")
        with gr.Column(min_width=280, scale=3):
            parts |= _two(previous="cases_previous", next="cases_next")
            parts["case"] = gr.HTML("", elem_id="case-shown")
    with gr.Row(elem_classes="actions", elem_id="case-file"):
        parts["kind"] = gr.Radio(
            [(words, kind) for kind, words in KINDS.items()],
            value="csv",
            label=label("cases_kind"),
            scale=0,
            min_width=350,
            elem_classes="pills",
        )
        parts["write"] = gr.Button(
            label("cases_write"), elem_classes="plain", size="sm", scale=0
        )
    parts["file"] = gr.File(label=label("cases_file"), visible=False, interactive=False)
    parts["place"] = gr.State(CasePlace())
    return parts


def _two(**keys: str) -> Components:
    """Make a row of two buttons, back and forth."""
    button = partial(gr.Button, size="sm", elem_classes="plain", min_width=120)
    with gr.Row(elem_classes="actions two"):
        return {name: button(label(key)) for name, key in keys.items()}


def _fields() -> Components:
    parts: Components = {}
    with gr.Row(elem_classes="half filters"):
        for name in RUNS:
            parts[name] = gr.Dropdown([], label=label(f"cases_{name}"), min_width=220)
    with gr.Row(elem_classes="half filters"):
        for name in ("protocol", "source", "target"):
            parts[name] = _any(name)
        parts["probe"] = _any("probe", [(f"probe_{name}", name) for name in PROBES])
        rules = [(f"cases_{name}", name) for name in ("right", "wrong")]
        kinds = [("kind_failed", FAILED), *((f"kind_{kind}", kind) for kind in Kind)]
        parts["failure"] = _any("failure", [(key, str(kind)) for key, kind in kinds])
        parts["rule"] = _any("rule", [*rules, *((f"rule_of_{n}", n) for n in RULES)])
    with gr.Row(elem_classes="actions"):
        parts["text"] = gr.Textbox(
            label=label("cases_text"),
            placeholder=label("cases_text_hint"),
            scale=3,
            min_width=220,
            max_length=LONGEST,
        )
        parts["clear"] = gr.Button(
            label("pairs_clear"), size="sm", elem_classes="plain", scale=0
        )
    with gr.Accordion(label("pairs_more"), open=False, elem_id="case-more"):
        with gr.Row(elem_classes="half filters"):
            parts["relation"] = _any("relation")
            more = {"versus": VERSUS, "spoken": SPOKEN, "clean": CLEAN}
            for name, values in more.items():
                offered = [(f"cases_{name}_{value}", value) for value in values]
                parts[name] = _any(name, offered)
        with gr.Row(elem_classes="half filters"):
            parts["slice"] = gr.Textbox(label=label("cases_slice"), min_width=130)
            sorts = [(label(f"cases_sort_{name or 'file'}"), name) for name in SORTS]
            parts["sort"] = gr.Dropdown(
                sorts, value="", label=label("cases_sort"), min_width=130
            )
            parts["size"] = gr.Dropdown(
                list(SIZES),
                value=CaseView.size,
                label=label("cases_size"),
                min_width=130,
            )
            parts["descending"] = gr.Checkbox(
                False, label=label("cases_descending"), min_width=150
            )
    return parts


def _any(name: str, offered: list[tuple[str, str]] | None = None) -> gr.Dropdown:
    """Make a filter; what it offers may come with the run."""
    choices = [(label("cases_any"), "")]
    choices += [(label(key), value) for key, value in offered or []]
    return gr.Dropdown(choices, value="", label=label(f"cases_{name}"), min_width=130)


def connect(parts: Components) -> None:
    """Tie the handlers to the components."""
    inputs, shown = picked(parts, *FIELDS), picked(parts, *OUTPUTS)
    place = picked(parts, "place")
    script = parts["script"]
    script.arrived(**by_name(arrived, {}, inputs | shown), **READING)
    script.go(**by_name(go, place, shown), trigger_mode="multiple", **AT_ONCE)
    gr.on(
        [parts[name].input for name in RUNS],
        **by_name(reopened, inputs, inputs | shown),
        **READING,
    )
    # A text's "input" misses what is deleted or pasted; its "change" also comes of what
    # we have filled in ourselves, which changes nothing then.
    filters = [field for name, field in inputs.items() if name not in RUNS]
    gr.on(
        [f.change if isinstance(f, gr.Textbox) else f.input for f in filters],
        **by_name(changed, place | inputs, shown),
        trigger_mode="always_last",
        **AT_ONCE,
    )
    parts["clear"].click(**by_name(cleared, place, inputs | shown), **AT_ONCE)
    for name, handler in (
        ("previous", stepping(-1)), ("next", stepping(1)),
        ("page_before", turning(-1)), ("page_next", turning(1)),
    ):  # fmt: skip
        parts[name].click(**by_name(handler, place, shown), **AT_ONCE)
    write = by_name(downloaded, picked(parts, "place", "kind"), picked(parts, "file"))
    parts["write"].click(**write, **QUIET)


def arrived(_: Named, event: gr.EventData, request: gr.Request) -> Iterator[Named]:
    """Show what the address asks for."""
    interface = interface_language(request)
    yield {"status": note(tr("measured_reading", interface), "status busy")}
    yield prefill(CasePlace.from_query(address_of(event, "cases")), interface)


def reopened(values: Named, request: gr.Request) -> Named:
    """Show another run, or another one beside it."""
    return prefill(CasePlace(view_of(values)), interface_language(request))


def changed(values: Named, request: gr.Request) -> Named:
    """Show the first page of what the fields ask for, if that is anything new."""
    place: CasePlace = values["place"]
    view = view_of({name: values[name] for name in FIELDS})
    is_filled = bool(values["run"])  # else the page has not got its fields yet
    if not is_filled or view == replace(place.view, page=CaseView.page):
        return {"place": gr.skip()}
    return render(CasePlace(view), interface_language(request))


def cleared(values: Named, request: gr.Request) -> Named:
    """Take all filters away; the runs stay."""
    before: CaseView = values["place"].view
    view = CaseView(run=before.run, beside=before.beside, size=before.size)
    return prefill(CasePlace(view), interface_language(request))


def go(values: Named, event: gr.EventData, request: gr.Request) -> Named:
    """Show the answer at a place that the page names."""
    place: CasePlace = values["place"]
    at = event.at if isinstance(event.at, int) else place.at
    return render(replace(place, at=at), interface_language(request))


def stepping(by: int) -> Handler:
    """Return what shows the next answer, or the one before."""

    def step(values: Named, request: gr.Request) -> Named:
        place: CasePlace = values["place"]
        return render(replace(place, at=place.at + by), interface_language(request))

    return step


def turning(by: int) -> Handler:
    """Return what shows the next page, or the one before."""

    def turn(values: Named, request: gr.Request) -> Named:
        place: CasePlace = values["place"]
        page = max(1, place.view.page + by)
        moved = replace(place, at=(page - 1) * place.view.size)
        return render(moved, interface_language(request))

    return turn


def downloaded(values: Named, request: gr.Request) -> Named:
    """Write what the filters leave as a file."""
    interface, view = interface_language(request), values["place"].view
    try:
        found = found_of(view, runs_here(interface))
    except XkdeError as error:
        raise shown_error(error, interface) from error
    rows = table_of(found, view)
    if not len(rows):
        raise gr.Error(tr("cases_none", interface), print_exception=False)
    kind = values["kind"] if values["kind"] in KINDS else next(iter(KINDS))
    return {"file": gr.File(written(rows, view.run, kind), visible=True)}
