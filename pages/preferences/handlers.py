"""The handlers of Preferences: what a click does once a source is open.

Thin: they turn component values into a ``View`` and events into a ``Place``. Run by
``page``.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from pages.preferences import sources as sources
from pages.preferences.log_odds import measured, odds_html
from pages.preferences.plots import clicked
from pages.preferences.render import (
    FIELDS,
    SHOWN,
    Place,
    filled,
    noted,
    shown,
    status_of,
    view_of,
)
from pages.shell.errors import in_words, shown_error
from pages.shell.strings import Interface, interface_language, tr
from xkde.data.preferences.view import LONGEST, View
from xkde.errors import DataError, InputError, XkdeError

# Not partial functions: Gradio reads what a handler takes off its own signature.
Handler = Callable[[Place, gr.Request], list[Any]]


def changed(place: Place, request: gr.Request, *values: Any) -> list[Any]:
    """Show the first page of what the fields ask for, if that is anything new."""
    say = interface_language(request)
    if not place.key:
        return [gr.skip()] * SHOWN
    try:
        view = view_of(values, say)
    except InputError as error:
        return _only_status(noted(in_words(error, say)))
    if view == replace(place.view, page=View.page):
        return _only_status(status_of(place, say))
    return shown(Place(place.key, view), say)


def _only_status(status: str) -> list[Any]:
    return [gr.skip(), gr.skip(), status, gr.skip(), gr.skip()]


def cleared(place: Place, request: gr.Request) -> list[Any]:
    """Take all filters away, and keep the order."""
    view = View(
        sort=place.view.sort, descending=place.view.descending, size=place.view.size
    )
    return filled(Place(place.key, view), interface_language(request))


def bar(place: Place, event: gr.EventData, request: gr.Request) -> list[Any]:
    """Show the pairs that a bar of a plot stands for."""
    if not place.key:
        return [gr.skip()] * (len(FIELDS) + SHOWN)
    view = clicked(place.view, str(event.link)[:LONGEST])
    return filled(Place(place.key, view), interface_language(request))


def go(place: Place, event: gr.EventData, request: gr.Request) -> list[Any]:
    """Show the pair at a place that the page names."""
    at = event.at if isinstance(event.at, int) else place.at
    return shown(replace(place, at=at), interface_language(request), place)


def turning(by: int) -> Handler:
    """Return what shows the next page, or the one before."""

    def turn(place: Place, request: gr.Request) -> list[Any]:
        page = max(1, place.view.page + by)
        moved = replace(place, at=(page - 1) * place.view.size)
        return shown(moved, interface_language(request), place)

    return turn


def odds(place: Place, request: gr.Request) -> Iterator[str]:
    """Yield what the models make of the pair that is shown."""
    say = interface_language(request)
    try:
        row = _row(place, say)
        for found in measured(row["prompt"], row["chosen"], row["rejected"], say):
            yield odds_html(found, say)
    except XkdeError as error:
        raise shown_error(error, say) from error


def _row(place: Place, say: Interface) -> dict[str, Any]:
    if not place.key:
        raise DataError(tr("pairs_nothing", say))
    found = sources.loaded(place.key)
    rows = found.table.rows(sources.order(found, place.view)[place.at :][:1])
    if not rows:
        raise DataError(tr("pairs_none", say))
    return rows[0]
