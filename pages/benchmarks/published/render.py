"""What the view *Published* shows, and what a choice, a button or a link does to it.

What cannot be read is said in words where the figure would be.

Run its tests: ``python -m pytest tests/pages/benchmarks/published/test_page.py``
"""

from html import escape
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from pages.benchmarks.published import numbers as numbering
from pages.benchmarks.published.fields import (
    FIELDS,
    choices,
    field,
    fitted,
    moved,
)
from pages.benchmarks.published.headline import headline
from pages.benchmarks.published.html import bars_html, go_html, heat_html, ranks_html
from pages.benchmarks.published.reading import Numbers, read
from pages.benchmarks.published.tables import context_html, data_html, printed_html
from pages.benchmarks.published.view import View, from_query
from pages.benchmarks.published.words import doubts, provenance
from pages.shell.strings import Interface, interface_language, tr
from xkde.errors import DataError

ALL_METHODS = "*"  # in a button's link: whichever were chosen
LONGEST = 500  # characters of an address that are looked at
FEWEST = 2  # choices for which a field is worth its place


def arrived(event: gr.EventData, request: gr.Request) -> list[Any]:
    """Show what the address names, else the claim at a glance."""
    told = dict(parse_qsl(str(event.search)[:LONGEST].removeprefix("?"), True))
    say = interface_language(request)
    try:
        numbers = read()
    except DataError as error:
        words = f'<p class="caution" role="status">{escape(str(error))}</p>'
        return [View(), *[gr.update(visible=False)] * len(FIELDS), words, "", "", ""]
    asked = from_query(told if told.get("view", "published") == "published" else {})
    view = fitted(numbers, asked)
    noted = "" if asked.table == view.table else tr("published_no_table", say)
    return [
        *_shown(numbers, None, view, say, noted),
        context_html(numbers, say),
    ]


def changed(before: View, request: gr.Request, *values: Any) -> list[Any]:
    """Show what the fields ask for."""
    numbers, view = read(), before
    for name, value in zip(FIELDS, values, strict=True):
        if value is not None and value != field(numbers, before, name):
            view = moved(numbers, view, name, value)
    return _shown(numbers, before, view, interface_language(request))


def went(before: View, event: gr.EventData, request: gr.Request) -> list[Any]:
    """Show what a button in a figure leads to."""
    told = dict(parse_qsl(str(event.link)[:LONGEST], True))
    numbers = read()
    everything = told.get("methods") == ALL_METHODS
    if everything:
        del told["methods"]
    known = before.to_query()
    if everything:
        known.pop("methods", None)
    view = fitted(numbers, from_query({**known, **told}))
    return _shown(numbers, before, view, interface_language(request))


def _shown(
    numbers: Numbers, before: View | None, view: View, say: Interface, noted: str = ""
) -> list[Any]:
    """Return (view, fields, figure, printed, cells); fields only where they change."""
    return [
        view,
        *(_field(numbers, before, view, name, say) for name in FIELDS),
        figure_html(numbers, view, say, noted),
        printed_html(numbers, view, say),
        data_html(numbers, view, say),
    ]


def _field(
    numbers: Numbers, before: View | None, view: View, name: str, say: Interface
) -> Any:
    value = field(numbers, view, name)
    options = choices(numbers, view, name, say)
    if before is not None:
        same = options == choices(numbers, before, name, say)
        if same and value == field(numbers, before, name):
            return gr.skip()
    kind = {"table": gr.Dropdown, "asked": gr.Dropdown, "methods": gr.CheckboxGroup}
    return kind.get(name, gr.Radio)(
        choices=options,
        value=value if value in dict(options).values() or name == "methods" else None,
        visible=len(options) >= FEWEST,
    )


def figure_html(numbers: Numbers, view: View, say: Interface, noted: str = "") -> str:
    """Return the headline with its bars, heat maps, ranks, doubts and provenance."""
    note = f'<p class="status noted" role="status">{escape(noted)}</p>' if noted else ""
    start = f'<section class="published" data-address="{escape(view.address)}">{note}'
    shown = numbering.panels(numbers, view)
    if not shown:
        everything = go_html(tr("published_every", say), "", methods=ALL_METHODS)
        words = escape(tr("published_none", say))
        return (
            f'{start}<p class="hint" role="status">{words} {everything}</p></section>'
        )
    first, more = headline(numbers, view, shown, say)
    cells = max(panel.cells for panel in shown)
    caption = f'<p class="caption">{escape(provenance(numbers, view, cells, say))}</p>'
    order = [bar.method for bar in shown[0].bars]
    return (
        f'{start}<h2 class="claim">{_unbroken(first)}</h2>'
        f'<p class="more">{escape(more)}</p>{bars_html(shown, view, say)}'
        f"{caption}{_about(numbers, view, say)}"
        f"{heat_html(numbers, view, order, say)}{_doubts(numbers, view, say)}"
        f"{ranks_html(numbers, view, shown, say)}{caption}</section>"
    )


def _unbroken(words: str) -> str:
    """Return a headline in which the method's name is never cut at its hyphen."""
    return escape(words).replace("X-KDE", "<span>X-KDE</span>")


def _doubts(numbers: Numbers, view: View, say: Interface) -> str:
    items = "".join(
        f'<li><span aria-hidden="true">△</span> {escape(words)}</li>'
        for words in doubts(numbers, view, say)
    )
    return f'<ul class="found">{items}</ul>' if items else ""


def _about(numbers: Numbers, view: View, say: Interface) -> str:
    """Return how the numbers came about, as the data files say it."""
    table = numbers.tables[view.table]
    words = [table.title, table.protocol_note, *table.notes, table.source]
    lines = "".join(f'<p lang="en">{escape(line)}</p>' for line in words)
    return (
        f'<details class="about-table"><summary>{escape(tr("published_how", say))}'
        f"</summary>{lines}</details>"
    )
