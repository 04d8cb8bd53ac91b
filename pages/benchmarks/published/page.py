"""The view *Published* of Benchmarks: the paper's tables, cell by cell.

Components and what is connected with what; what a choice does is in
``render``. Nothing is read before the view is first opened, and
nothing here needs a plotting library.

Run its tests: ``python -m pytest tests/pages/benchmarks/published/test_page.py``,
``tests/pages/benchmarks/published/test_browser.py``
"""

from typing import Any

import gradio as gr

from pages.benchmarks.published import render as showing
from pages.benchmarks.published.view import View
from pages.shell.header import Header
from pages.shell.strings import both, label
from xkde import paths

SCRIPT = paths.ASSETS / "benchmarks-published.js"
AT_ONCE: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "queue": False,
}


def build_published(root: gr.Blocks, header: Header, views: gr.Tabs) -> None:
    """Make the view's content and connect it."""
    with gr.Column(elem_id="published"):
        bridge = gr.HTML(
            html_template="<span hidden></span>",
            js_on_load=SCRIPT.read_text(encoding="utf-8"),
            elem_id="published-bridge",
        )
        gr.HTML(f'<p class="lead">{both("published_lead")}</p>')
        fields = _fields()
        words = f'<p class="status busy" role="status">{both("published_reading")}</p>'
        figure = gr.HTML(words, elem_id="published-figure")
        below = [
            _section("printed", is_open=True),
            _section("cells"),
            _section("context"),
        ]
    view = gr.State(View())
    shown = [view, *fields, figure, *below[:2]]
    bridge.arrived(showing.arrived, None, [*shown, below[2]], **AT_ONCE)
    bridge.go(showing.went, view, shown, **AT_ONCE)
    gr.on(
        [each.input for each in fields],
        showing.changed,
        [view, *fields],
        shown,
        trigger_mode="always_last",
        **AT_ONCE,
    )


def _fields() -> list[Any]:
    """Make the fields, in the order of ``FIELDS``; choices come with the tables."""
    with gr.Row(elem_id="published-fields", elem_classes="half"):
        table = gr.Dropdown(
            [], label=label("published_field_table"), min_width=280, scale=3
        )
        asked = gr.Dropdown(
            [], label=label("published_field_asked"), min_width=180, scale=1
        )
    with gr.Row(elem_id="published-pills", elem_classes="pills"):
        backbone = gr.Radio([], label=label("published_field_backbone"), min_width=300)
        edit = gr.Radio([], label=label("published_field_edit"), min_width=200)
        metric = gr.Radio([], label=label("published_field_metric"), min_width=300)
        methods = gr.CheckboxGroup(
            [], label=label("published_field_methods"), min_width=300
        )
    return [table, backbone, edit, asked, metric, methods]


def _section(name: str, *, is_open: bool = False) -> gr.HTML:
    title = label(f"published_{name}_title")
    with gr.Accordion(title, open=is_open, elem_id=f"published-{name}-section"):
        return gr.HTML("", elem_id=f"published-{name}")
