"""The components of Preferences; what they do is connected in ``page``.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from pages.preferences.html import note_html
from pages.preferences.render import FIELDS, Place
from pages.shell.strings import both, label
from xkde import paths
from xkde.data.preferences.flags import FLAGS
from xkde.data.preferences.view import BOUNDS, LONGEST, SIZES, SORTS, View

SCRIPT = paths.ASSETS / "preferences.js"
KINDS = {"jsonl": "JSON lines", "parquet": "Parquet"}
PLOTS = (("against", "margin"), ("length", "flags"))  # as ``figures`` orders them


@dataclass(frozen=True)
class Parts:
    """The components of the tab; ``fields`` in the order of ``FIELDS``."""

    bridge: gr.HTML
    source: gr.Dropdown
    upload: gr.UploadButton
    hub: gr.Textbox
    hub_button: gr.Button
    told: gr.HTML
    fields: list[Any]
    clear: gr.Button
    status: gr.HTML
    rows: gr.HTML
    pages: tuple[gr.Button, gr.Button]
    pair: gr.HTML
    ask: gr.Button
    odds: gr.HTML
    plots: list[Any]
    margin: gr.Slider
    without: gr.CheckboxGroup
    kept: gr.HTML
    kind: gr.Radio
    write: gr.Button
    file: gr.File
    place: gr.State

    @property
    def shown(self) -> list[Any]:
        """What shows a place."""
        return [self.place, self.rows, self.status, self.pair, self.odds]

    @property
    def opened(self) -> list[Any]:
        """What an opened source fills."""
        first = [self.source, self.told, self.hub, *self.fields]
        return [*first, *self.shown, self.margin, self.kept, self.file]


def layout() -> Parts:
    """Make all components."""
    script = SCRIPT.read_text(encoding="utf-8")
    bridge = gr.HTML(
        html_template="<span hidden></span>", js_on_load=script, elem_id="pair-bridge"
    )
    gr.HTML(f'<p class="lead">{both("pairs_lead")}</p>')
    sources = _source_parts()
    fields, clear = _filter_parts()
    status = gr.HTML(note_html(""), elem_id="pair-status")
    with gr.Row(elem_id="pair-columns", equal_height=False):
        with gr.Column(elem_id="pair-side", min_width=260, scale=2):
            rows = gr.HTML("", elem_id="pair-list")
            pages = _two("page_before", "page_next")
        with gr.Column(min_width=280, scale=3):
            _two("before", "next")  # the script goes from pair to pair
            gr.HTML(f'<p class="caption small keys">{both("pairs_keys")}</p>')
            pair = gr.HTML("", elem_id="pair-shown")
            with gr.Row(elem_classes="actions"):
                ask = gr.Button(
                    label("odds_button"), elem_id="pair-ask", size="sm",
                    elem_classes="plain", scale=0,
                )  # fmt: skip
            odds = gr.HTML("", elem_id="pair-odds")
    plots = _plot_parts()
    return Parts(
        bridge, *sources, fields, clear, status, rows, pages, pair, ask, odds, plots,
        *_cut_parts(), gr.State(Place()),
    )  # fmt: skip


def _source_parts() -> tuple[Any, ...]:
    with gr.Row(elem_classes="actions", elem_id="pair-source"):
        source = gr.Dropdown([], label=label("pairs_from"), min_width=240, scale=2)
        hub = gr.Textbox(
            label=label("pairs_hub"),
            placeholder="owner/name, owner/name:split",
            min_width=200,
            scale=1,
        )
        hub_button = gr.Button(
            label("pairs_hub_button"), size="sm", elem_classes="plain", scale=0
        )
        upload = gr.UploadButton(
            label("pairs_upload"), file_types=[".jsonl", ".json", ".parquet"],
            size="sm", elem_classes="plain", scale=0, elem_id="pair-upload",
        )  # fmt: skip
    told = gr.HTML(f'<p class="hint">{both("pairs_nothing")}</p>', elem_id="pair-told")
    return source, upload, hub, hub_button, told


def _two(one: str, other: str) -> tuple[gr.Button, gr.Button]:
    """Make a row of two buttons, back and forth, by the ends of their names."""
    with gr.Row(elem_classes="actions two"):
        back, forth = (
            gr.Button(
                label(f"pairs_{name}"), elem_id=f"pair-{name.replace('_', '-')}",
                size="sm", elem_classes="plain", min_width=120,
            )
            for name in (one, other)
        )  # fmt: skip
    return back, forth


def _filter_parts() -> tuple[list[Any], gr.Button]:
    view, made = View(), {}
    with gr.Row(elem_id="pair-filters", elem_classes="half"):
        made["text"] = gr.Textbox(
            label=label("pairs_text"), placeholder=label("pairs_text_hint"), scale=3,
            min_width=220, max_length=LONGEST,
        )  # fmt: skip
        for name in ("direction", "relation"):
            made[name] = _any(name)
        made["sort"] = gr.Dropdown(
            [(label(f"sort_{name or 'file'}"), name) for name in SORTS],
            value="", label=label("pairs_sort"), min_width=150,
        )  # fmt: skip
    with gr.Row(elem_classes="actions", elem_id="pair-options"):
        made["regex"] = gr.Checkbox(False, label=label("pairs_regex"), min_width=150)
        made["descending"] = gr.Checkbox(
            False, label=label("pairs_descending"), min_width=150
        )
        clear = gr.Button(
            label("pairs_clear"), size="sm", elem_classes="plain", scale=0
        )
    with gr.Accordion(label("pairs_more"), open=False, elem_id="pair-more"):
        flags = [(label(f"flag_{name}"), name) for name in FLAGS]
        made["flags"] = gr.CheckboxGroup(flags, label=label("pairs_flags"))
        with gr.Row(elem_classes="half"):
            for name in ("chosen_language", "rejected_language"):
                made[name] = _any(name)
            made["size"] = gr.Dropdown(
                list(SIZES), value=view.size, label=label("pairs_size"), min_width=130
            )
        with gr.Row(elem_classes="half"):
            for name in BOUNDS:
                made[name] = gr.Textbox(
                    label=label(f"pairs_{name}"), placeholder=label("pairs_any"),
                    max_length=40, min_width=130,
                )  # fmt: skip
    return [made[name] for name in FIELDS], clear


def _any(name: str) -> gr.Dropdown:
    """Make a filter whose choices come with the file."""
    choices = [(label("pairs_any"), "")]
    return gr.Dropdown(choices, value="", label=label(f"pairs_{name}"), min_width=150)


def _plot_parts() -> list[Any]:
    found: list[Any] = []
    with gr.Accordion(label("pairs_plots"), open=True, elem_id="pair-plots"):
        gr.HTML(f'<p class="caption">{both("pairs_plots_hint")}</p>')
        for names in PLOTS:
            with gr.Row(equal_height=False):
                for name in names:
                    with gr.Column(min_width=300):
                        gr.HTML(f"<h2>{both(f'plot_{name}_title')}</h2>")
                        found.append(gr.Plot(show_label=False, visible=False))
                        found.append(gr.HTML(""))
    return found


def _cut_parts() -> tuple[Any, ...]:
    with gr.Accordion(label("cut_title"), open=True, elem_id="pair-cut"):
        gr.HTML(f'<p class="caption">{both("cut_hint")}</p>')
        margin = gr.Slider(
            0, 1, value=0, label=label("cut_margin"), interactive=False, buttons=[]
        )
        flags = [(label(f"flag_{name}"), name) for name in FLAGS]
        without = gr.CheckboxGroup(flags, label=label("cut_without"))
        kept = gr.HTML("", elem_id="pair-kept")
        with gr.Row(elem_classes="actions"):
            kinds = [(words, kind) for kind, words in KINDS.items()]
            kind = gr.Radio(
                kinds, value="jsonl", label=label("cut_kind"), scale=0, min_width=240
            )
            write = gr.Button(
                label("cut_button"), variant="primary", scale=0, min_width=200,
                elem_id="pair-write",
            )  # fmt: skip
        file = gr.File(label=label("cut_file"), visible=False, interactive=False)
    return margin, without, kept, kind, write, file
