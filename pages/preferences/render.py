"""What is shown of open pairs at a place: a page of the list, one pair, the address.

A *place* is where a visitor is: a source, a view of it, a pair in that view. Every
XkdeError becomes words where the pairs would be.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from pages.preferences import sources as sources
from pages.preferences.html import language_words, list_html, note_html
from pages.preferences.pair import pair_html
from pages.shell.errors import in_words
from pages.shell.strings import Interface, tr
from xkde.data.preferences.flags import FLAGS
from xkde.data.preferences.view import BOUNDS, EQUAL, LONGEST, RANGES, View
from xkde.errors import InputError, XkdeError

# A view's fields that have a component, in the order of the components; the bounds are
# typed as text: Gradio's own field for numbers makes a nought of one that is empty.
FIELDS = (
    "text", "regex", "direction", "relation", "chosen_language", "rejected_language",
    *BOUNDS, "flags", "sort", "descending", "size",
)  # fmt: skip
UNFINISHED = ("", "-", "+", ".", "-.")  # a number that is still being typed
SHOWN = 5  # what ``shown`` returns


@dataclass(frozen=True)
class Place:
    """Where a visitor is: ``at`` is a pair's place in the view, from 0."""

    key: str = ""
    view: View = View()
    at: int = 0


def shown(place: Place, say: Interface, before: Place | None = None) -> list[Any]:
    """Return (place, list, status, pair, odds); the list only where it has changed."""
    if not place.key:
        return [place, gr.skip(), gr.skip(), gr.skip(), gr.skip()]
    try:
        found = sources.loaded(place.key)
        rows = sources.order(found, place.view)
    except XkdeError as error:
        return [place, "", noted(in_words(error, say)), _framed(place, 0, ""), ""]
    total, size = len(rows), place.view.size
    at = min(max(place.at, 0), max(0, total - 1))
    place = Place(place.key, replace(place.view, page=at // size + 1), at)
    words = _status(found, place.view, total, say)
    if not total:
        empty = note_html(tr("pairs_none", say))
        return [place, empty, words, _framed(place, 0, ""), ""]
    first = (place.view.page - 1) * size
    listed: Any = gr.skip()
    if before is None or (before.key, before.view) != (place.key, place.view):
        listed = list_html(found.table.rows(rows[first : first + size]), first, say)
    row = found.table.rows(rows[at : at + 1])[0]
    scores = sources.scores_beside(found, row["id"])
    pair = pair_html(row, at, total, scores, say)
    return [place, listed, words, _framed(place, total, pair), ""]


def noted(words: str) -> str:
    """Return what is wrong in place of how many pairs were found."""
    return note_html(words, "status noted")


def status_of(place: Place, say: Interface) -> str:
    """Return how many pairs a place's view has, or what is wrong with it."""
    try:
        found = sources.loaded(place.key)
        return _status(found, place.view, len(sources.order(found, place.view)), say)
    except XkdeError as error:
        return noted(in_words(error, say))


def _status(found: sources.Loaded, view: View, total: int, say: Interface) -> str:
    status = tr(
        "pairs_found", say, n=f"{total:,}", of=f"{found.opened.pairs.num_rows:,}",
        page=f"{view.page:,}", pages=f"{max(1, math.ceil(total / view.size)):,}",
    )  # fmt: skip
    return note_html(" · ".join([status, *filter_words(view, say)]), "status")


def _framed(place: Place, total: int, pair: str) -> str:
    """Return a pair with what the page's script reads: its place and its address."""
    return (
        f'<section class="pair" data-at="{place.at}" data-total="{total}" '
        f'data-address="{escape(address(place))}">{pair}</section>'
    )


def address(place: Place) -> str:
    """Return the query string that reopens a place; an upload's cannot."""
    key = "upload" if place.key.startswith(sources.UPLOAD) else place.key
    told = {"tab": "preferences", "pairs": key, **place.view.to_query()}
    if place.at % place.view.size:
        told["pair"] = str(place.at + 1)
    return urlencode(told)


def filter_words(view: View, say: Interface) -> list[str]:
    """Return the filters that are set and may be out of sight, in words."""
    found = [tr(f"flag_{name}", say) for name in view.flags]
    for name in RANGES:
        low, high = getattr(view, f"{name}_from"), getattr(view, f"{name}_to")
        if low is not None or high is not None:
            ends = ["…" if end is None else f"{end:.3g}" for end in (low, high)]
            found.append(tr(f"pairs_{name}_range", say, low=ends[0], high=ends[1]))
    for side in ("chosen", "rejected"):
        if code := getattr(view, f"{side}_language"):
            found.append(tr(f"pairs_{side}_in", say, name=language_words(code, say)))
    return found


def view_of(values: Sequence[Any], say: Interface = "en") -> View:
    """Return the view that the fields state; raises InputError for no number."""
    told = dict(zip(FIELDS, values, strict=True))
    for name in (*EQUAL, "text", "sort"):
        told[name] = (told[name] or "")[:LONGEST]
    for name in BOUNDS:
        told[name] = bound(told[name] or "", say)
    told["flags"] = tuple(name for name in FLAGS if name in (told["flags"] or ()))
    return View(**told)


def bound(text: str, say: Interface) -> float | None:
    """Return an end of a range as it was typed; None where none is, or not yet."""
    typed = text.strip().replace("−", "-").replace(",", ".")
    if typed in UNFINISHED:
        return None
    try:
        value = float(typed)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(tr("pairs_no_number", say, text=text[:LONGEST]))
    return value


def bound_text(value: float | None) -> str:
    """Return an end of a range as it would be typed; ``bound`` takes it back whole."""
    if value is None:
        return ""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def field_values(view: View) -> list[Any]:
    """Return a view as its fields state it."""
    values = {name: getattr(view, name) for name in FIELDS}
    values |= {name: bound_text(values[name]) for name in BOUNDS}
    return [list(v) if isinstance(v, tuple) else v for v in values.values()]


def filled(place: Place, say: Interface) -> list[Any]:
    """Return the fields' values, and what is shown."""
    return [*field_values(place.view), *shown(place, say)]
