"""The view *Cases* of Benchmarks: the answers behind a number, one by one.

Components and their wiring; what is shown of a place is in ``render``.
Rows stay on the server: a page of them is sent as HTML.

Run its tests: ``python -m pytest tests/pages/benchmarks/cases/test_page.py``
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from pages.benchmarks.cases.files import KINDS, table_of, written
from pages.benchmarks.cases.render import (
    FIELDS,
    SHOWN,
    Place,
    filled,
    found_of,
    place_of,
    runs_here,
    shown,
    view_of,
)
from pages.benchmarks.measured.html import note_html
from pages.benchmarks.measured.page import QUIET, READING, bridge_of
from pages.shell.errors import shown_error
from pages.shell.header import Header
from pages.shell.strings import both, interface_language, label, tr
from xkde.errors import XkdeError
from xkde.evaluation.results.case_view import (
    CLEAN,
    LONGEST,
    RULES,
    SIZES,
    SORTS,
    SPOKEN,
    VERSUS,
    CaseView,
)
from xkde.types import PROBES

AT_ONCE: dict[str, Any] = {**QUIET, "queue": False}
RUNS = FIELDS[:2]  # whose change brings other choices
Handler = Callable[[Place, gr.Request], list[Any]]


@dataclass(frozen=True)
class Parts:
    """The components of the view; ``fields`` in the order of ``FIELDS``."""

    fields: list[Any]
    clear: gr.Button
    status: gr.HTML
    rows: gr.HTML
    pages: tuple[gr.Button, gr.Button]
    steps: tuple[gr.Button, gr.Button]
    case: gr.HTML
    kind: gr.Radio
    write: gr.Button
    file: gr.File
    place: gr.State

    @property
    def shown(self) -> list[Any]:
        """What shows a place."""
        return [self.place, self.rows, self.status, self.case]


def build_cases(root: gr.Blocks, header: Header, views: gr.Tabs) -> None:
    """Make the view's content and connect it."""
    with gr.Column(elem_id="cases-panel"):
        bridge = bridge_of("cases-panel")
        gr.HTML(f'<p class="lead">{both("cases_lead")}</p>')
        parts = _layout()
    bridge.arrived(arrived, None, [*parts.fields, *parts.shown], **READING)
    bridge.go(go, parts.place, parts.shown, trigger_mode="multiple", **AT_ONCE)
    _wire(parts)


def _layout() -> Parts:
    fields, clear = _fields()
    status = gr.HTML(note_html(""), elem_id="case-status")
    with gr.Row(elem_id="case-columns", elem_classes="columns", equal_height=False):
        with gr.Column(elem_id="case-side", min_width=260, scale=2):
            rows = gr.HTML("", elem_id="case-list")
            pages = _two("pairs_page_before", "pairs_page_next")
        with gr.Column(min_width=280, scale=3):
            steps = _two("cases_previous", "cases_next")
            case = gr.HTML("", elem_id="case-shown")
    with gr.Row(elem_classes="actions", elem_id="case-file"):
        kinds = [(words, kind) for kind, words in KINDS.items()]
        kind = gr.Radio(
            kinds, value="csv", label=label("cases_kind"), scale=0, min_width=350,
            elem_classes="pills",
        )  # fmt: skip
        write = gr.Button(
            label("cases_write"), elem_classes="plain", size="sm", scale=0
        )
    file = gr.File(label=label("cases_file"), visible=False, interactive=False)
    place = gr.State(Place())
    return Parts(
        fields, clear, status, rows, pages, steps, case, kind, write, file, place
    )


def _two(one: str, other: str) -> tuple[gr.Button, gr.Button]:
    """Make a row of two buttons, back and forth."""
    options: dict[str, Any] = {"size": "sm", "elem_classes": "plain", "min_width": 120}
    with gr.Row(elem_classes="actions two"):
        back = gr.Button(label(one), **options)
        forth = gr.Button(label(other), **options)
    return back, forth


def _fields() -> tuple[list[Any], gr.Button]:
    made: dict[str, Any] = {}
    with gr.Row(elem_classes="half filters"):
        for name in RUNS:
            made[name] = gr.Dropdown([], label=label(f"cases_{name}"), min_width=220)
    with gr.Row(elem_classes="half filters"):
        for name in ("protocol", "source", "target"):
            made[name] = _any(name)
        probes = [(f"probe_{name}", name) for name in PROBES]
        made["probe"] = _any("probe", probes)
        rules = [(f"cases_{name}", name) for name in ("right", "wrong")]
        rules += [(f"rule_of_{name}", name) for name in RULES]
        made["rule"] = _any("rule", rules)
    with gr.Row(elem_classes="actions"):
        made["text"] = gr.Textbox(
            label=label("cases_text"), placeholder=label("cases_text_hint"), scale=3,
            min_width=220, max_length=LONGEST,
        )  # fmt: skip
        clear = gr.Button(
            label("pairs_clear"), size="sm", elem_classes="plain", scale=0
        )
    with gr.Accordion(label("pairs_more"), open=False, elem_id="case-more"):
        with gr.Row(elem_classes="half filters"):
            made["relation"] = _any("relation")
            for name, values in (
                ("versus", VERSUS), ("spoken", SPOKEN), ("clean", CLEAN),
            ):  # fmt: skip
                named = [(f"cases_{name}_{value}", value) for value in values]
                made[name] = _any(name, named)
        with gr.Row(elem_classes="half filters"):
            named = [(f"cases_sort_{name or 'file'}", name) for name in SORTS]
            made["sort"] = gr.Dropdown(
                [(label(key), name) for key, name in named], value="",
                label=label("cases_sort"), min_width=150,
            )  # fmt: skip
            made["size"] = gr.Dropdown(
                list(SIZES), value=CaseView.size, label=label("cases_size"),
                min_width=130,
            )  # fmt: skip
            made["descending"] = gr.Checkbox(
                False, label=label("cases_descending"), min_width=150
            )
    return [made[name] for name in FIELDS], clear


def _any(name: str, choices: list[tuple[str, str]] | None = None) -> gr.Dropdown:
    """Make a filter; what it offers may come with the run."""
    offered = [(label("cases_any"), "")]
    offered += [(label(key), value) for key, value in choices or []]
    return gr.Dropdown(offered, value="", label=label(f"cases_{name}"), min_width=130)


def _wire(parts: Parts) -> None:
    place, shown_parts, fields = parts.place, parts.shown, parts.fields
    gr.on(
        [field.input for field in fields[:2]],
        reopened,
        fields,
        [*fields, *shown_parts],
        **READING,
    )
    # A text's "input" misses what is deleted or pasted; its "change" also tells of what
    # we have filled in ourselves, which changes nothing then.
    gr.on(
        [f.change if isinstance(f, gr.Textbox) else f.input for f in fields[2:]],
        changed,
        [place, *fields],
        shown_parts,
        trigger_mode="always_last",
        **AT_ONCE,
    )
    parts.clear.click(cleared, place, [*fields, *shown_parts], **AT_ONCE)
    for by, button in zip((-1, 1), parts.steps, strict=True):
        button.click(stepping(by), place, shown_parts, **AT_ONCE)
    for by, button in zip((-1, 1), parts.pages, strict=True):
        button.click(turning(by), place, shown_parts, **AT_ONCE)
    parts.write.click(downloaded, [place, parts.kind], parts.file, **QUIET)


def arrived(event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
    """Show what the address asks for."""
    told = dict(parse_qsl(str(event.search).removeprefix("?"))[:50])
    say = interface_language(request)
    words = note_html(tr("measured_reading", say), "status busy")
    skipped = [gr.skip()] * (len(FIELDS) + SHOWN)
    skipped[len(FIELDS) + 2] = words
    yield skipped
    yield filled(place_of(told) if told.get("view") == "cases" else Place(), say)


def reopened(request: gr.Request, *values: Any) -> list[Any]:
    """Show another run, or another one beside it."""
    return filled(Place(view_of(values)), interface_language(request))


def changed(place: Place, request: gr.Request, *values: Any) -> list[Any]:
    """Show the first page of what the fields ask for, if that is anything new."""
    view = view_of(values)
    if view == replace(place.view, page=CaseView.page):
        return [gr.skip()] * SHOWN
    return shown(Place(view), interface_language(request))


def cleared(place: Place, request: gr.Request) -> list[Any]:
    """Take all filters away; the runs stay."""
    view = CaseView(run=place.view.run, beside=place.view.beside, size=place.view.size)
    return filled(Place(view), interface_language(request))


def go(place: Place, event: gr.EventData, request: gr.Request) -> list[Any]:
    """Show the answer at a place that the page names."""
    at = event.at if isinstance(event.at, int) else place.at
    return shown(replace(place, at=at), interface_language(request))


def stepping(by: int) -> Handler:
    """Return what shows the next answer, or the one before."""

    def step(place: Place, request: gr.Request) -> list[Any]:
        return shown(replace(place, at=place.at + by), interface_language(request))

    return step


def turning(by: int) -> Handler:
    """Return what shows the next page, or the one before."""

    def turn(place: Place, request: gr.Request) -> list[Any]:
        page = max(1, place.view.page + by)
        moved = replace(place, at=(page - 1) * place.view.size)
        return shown(moved, interface_language(request))

    return turn


def downloaded(place: Place, kind: str, request: gr.Request) -> Any:
    """Write what the filters leave as a file."""
    say = interface_language(request)
    try:
        found = found_of(place.view, runs_here(say))
    except XkdeError as error:
        raise shown_error(error, say) from error
    table = table_of(found, place.view)
    if not table.num_rows:
        raise gr.Error(tr("cases_none", say), print_exception=False)
    known = kind if kind in KINDS else next(iter(KINDS))
    return gr.File(written(table, place.view.run, known), visible=True)
