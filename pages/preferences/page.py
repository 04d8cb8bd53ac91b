"""Preferences: the pairs that TL-PO learns from: find them, read them, doubt them.

What is connected with what: components are in ``layout``, what a click
does in ``opening``, ``handlers`` and ``export``.
Nothing is read before the tab is first opened, and rows stay on the server: a page of
them is sent as HTML.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``,
``tests/pages/preferences/test_browser.py``
"""

from typing import Any

import gradio as gr

from pages.preferences import export as cutting
from pages.preferences import handlers as handle
from pages.preferences import opening as opening
from pages.preferences.layout import Parts, layout
from pages.shell.header import Header

TITLE = "tab_preferences"
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: dict[str, Any] = {**QUIET, "queue": False}
# A large file takes seconds: one is read at a time, the others wait in the queue.
READING: dict[str, Any] = {
    **QUIET,
    "concurrency_id": "pairs",
    "concurrency_limit": 1,
}
# The Hub may be slow, and must not keep others from their files.
FETCHING: dict[str, Any] = {**READING, "concurrency_id": "pairs-hub"}
MODEL: dict[str, Any] = {
    "api_visibility": "private",
    "concurrency_id": "model",
    "concurrency_limit": 1,
}


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content and connect it."""
    with gr.Column(elem_id="preferences"):
        parts = layout()
    _wire_opening(parts)
    _wire_looking(parts)
    _wire_cutting(parts)


def _wire_opening(parts: Parts) -> None:
    """Connect what opens a source."""
    events = [
        parts.bridge.arrived(opening.arrived, None, parts.opened, **READING),
        parts.source.input(opening.chosen, parts.source, parts.opened, **READING),
        parts.upload.upload(opening.uploaded, parts.upload, parts.opened, **READING),
        gr.on(
            [parts.hub_button.click, parts.hub.submit],
            opening.from_hub,
            parts.hub,
            parts.opened,
            **FETCHING,
        ),
    ]
    for event in events:
        event.then(opening.pictures, parts.place, parts.plots, **QUIET)


def _wire_looking(parts: Parts) -> None:
    """Connect filters, pages, bars, models; the script asks for the next pair."""
    place, shown, fields = parts.place, parts.shown, parts.fields
    # A text's "input" misses what is deleted or pasted; its "change" also tells of what
    # we have filled in ourselves, which changes nothing then.
    gr.on(
        [f.change if isinstance(f, gr.Textbox) else f.input for f in fields],
        handle.changed,
        [place, *fields],
        shown,
        trigger_mode="always_last",
        **AT_ONCE,
    )
    parts.clear.click(handle.cleared, place, [*fields, *shown], **AT_ONCE)
    parts.bridge.bar(handle.bar, place, [*fields, *shown], **AT_ONCE)
    parts.bridge.go(handle.go, place, shown, trigger_mode="multiple", **AT_ONCE)
    for by, button in zip((-1, 1), parts.pages, strict=True):
        button.click(handle.turning(by), place, shown, **AT_ONCE)
    parts.ask.click(
        handle.odds, place, parts.odds,
        show_progress="minimal", show_progress_on=parts.odds, **MODEL,
    )  # fmt: skip


def _wire_cutting(parts: Parts) -> None:
    """Connect the margin slider and the file."""
    inputs = [parts.place, parts.margin, parts.without]
    gr.on(
        [parts.margin.input, parts.without.input],
        cutting.cut,
        inputs,
        [parts.kept, parts.file],
        trigger_mode="always_last",
        **AT_ONCE,
    )
    parts.write.click(cutting.written, [*inputs, parts.kind], parts.file, **QUIET)
