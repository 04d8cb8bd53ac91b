"""Open a source: words while it is read, then its filters, its pairs, its plots.

Run by ``page``; what cannot be opened is said where the pairs would be.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from pages.preferences import sources as sources
from pages.preferences.export import CUT, cut_fields
from pages.preferences.html import language_words, note_html, source_html
from pages.preferences.plots import figures
from pages.preferences.render import FIELDS, SHOWN, Place, field_values, shown
from pages.shell.errors import in_words
from pages.shell.strings import Interface, interface_language, tr
from xkde.data.preferences.view import EQUAL, View
from xkde.errors import XkdeError

PLOTS = 4
CHOICES = 300  # of a filter, those with the most pairs


def arrived(event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
    """Open what the address names, else the first source there is."""
    told = dict(parse_qsl(str(event.search).removeprefix("?"))[:50])
    say = interface_language(request)
    key, there = told.get("pairs", ""), sources.offered()
    if not key:
        key = next(iter(there), "")
    if key in there:
        view = View.from_query(told)
        first = (view.page - 1) * view.size
        pair = told.get("pair", "")
        at = int(pair) - 1 if pair.isdecimal() else first
        yield from opened(Place(key, view, at), say)
    elif key.startswith(sources.HUB):
        name = key.removeprefix(sources.HUB)
        yield _nothing(tr("pairs_link_hub", say, name=name), say, hub=name)
    elif key:
        yield _nothing(tr("pairs_link_gone", say), say)
    else:
        yield _nothing(tr("pairs_absent", say), say)


def chosen(key: str | None, request: gr.Request) -> Iterator[list[Any]]:
    """Open a source of the list."""
    if key:
        yield from opened(Place(key), interface_language(request))


def uploaded(path: str, request: gr.Request) -> Iterator[list[Any]]:
    """Open a file that was uploaded."""
    yield from opened(Place(sources.UPLOAD + path), interface_language(request))


def from_hub(name: str, request: gr.Request) -> Iterator[list[Any]]:
    """Open a dataset of the Hub."""
    say, repository = interface_language(request), (name or "").strip()
    yield _busy(tr("pairs_fetching", say, name=repository))
    try:
        sources.fetched(repository)
    except XkdeError as error:
        yield _nothing(in_words(error, say), say, hub=repository)
        return
    yield from opened(Place(sources.HUB + repository), say)


def opened(place: Place, say: Interface) -> Iterator[list[Any]]:
    """Yield words while a source is read, then all that is shown of it."""
    yield _busy(tr("pairs_opening", say, name=sources.name_of(place.key)))
    try:
        found = sources.loaded(place.key)
    except XkdeError as error:
        yield _nothing(in_words(error, say), say)
        return
    counts = {n: _most(found.table.choices(n)) for n in EQUAL}
    unknown = [name for name in EQUAL if getattr(place.view, name) not in counts[name]]
    view = replace(place.view, **dict.fromkeys(unknown, ""))
    yield [
        _sources(place.key, say),
        source_html(found, say),
        gr.skip(),
        *_values(view, counts, say),
        *shown(replace(place, view=view), say),
        *cut_fields(found, say),
    ]


def _most(counts: dict[str, int]) -> dict[str, int]:
    return dict(list(counts.items())[:CHOICES])


def _busy(words: str) -> list[Any]:
    skipped = [gr.skip()] * (3 + len(FIELDS) + SHOWN + CUT)
    skipped[3 + len(FIELDS) + 2] = note_html(words, "status busy")
    return skipped


def _nothing(words: str, say: Interface, hub: str = "") -> list[Any]:
    """Show words where the pairs would be, and nothing open."""
    hint = note_html(tr("pairs_nothing", say))
    empty = [gr.Slider(interactive=False), "", gr.File(visible=False)]
    return [
        _sources("", say),
        note_html(words, "caution"),
        hub or gr.skip(),
        *_values(View(), {name: {} for name in EQUAL}, say),
        *[Place(), hint, note_html(""), "", ""],
        *empty,
    ]


def _sources(key: str, say: Interface) -> Any:
    choices = [
        (tr("pairs_atlas", say) if name == sources.ATLAS else name, name)
        for name in sources.offered()
    ]
    value = key if key in (name for _, name in choices) else None
    return gr.Dropdown(choices=choices, value=value, visible=bool(choices))


def _values(
    view: View, counts: Mapping[str, Mapping[str, int]], say: Interface
) -> list[Any]:
    """Return the fields' values, with what there is to choose."""
    found: list[Any] = []
    for name, value in zip(FIELDS, field_values(view), strict=True):
        if name in EQUAL:
            named = [
                (f"{_name(name, v, say)} ({n:,})", v) for v, n in counts[name].items()
            ]
            any_ = (tr("pairs_any", say), "")
            found.append(gr.Dropdown(choices=[any_, *named], value=value))
        else:
            found.append(value)
    return found


def _name(field: str, value: str, say: Interface) -> str:
    return language_words(value, say) if field.endswith("_language") else value


def pictures(place: Place, request: gr.Request) -> list[Any]:
    """Draw a source's four plots, each with its sentence."""
    say = interface_language(request)
    if not place.key:
        return [gr.Plot(visible=False), ""] * PLOTS
    drawn = figures(sources.loaded(place.key), say)
    return [
        part
        for figure, words in drawn
        for part in (
            gr.Plot(figure, visible=figure is not None),
            f'<p class="caption">{escape(words)}</p>',
        )
    ]
