"""Preferences: the pairs that TL-PO learns from: find them, read them, doubt them.

The tab's components, and what is connected with what; handlers are in ``handlers`` and
``export``. Nothing is read before the tab is first opened, and rows stay on the server:
a page of them is sent as HTML.
"""

from typing import Any

import gradio as gr

from pages.preferences import handlers
from pages.preferences.handlers import PLOTS
from pages.preferences.pair import note_html
from pages.preferences.view import FIELDS, LONGEST, SIZES, PairPlace, PairView
from pages.shell.components import AT_ONCE, QUIET, Components, EventOptions, by_name
from pages.shell.look import Header
from pages.shell.scripts import bridge
from pages.shell.strings import label
from pages.shell.templates import render
from xkde.data.preferences.table import BOUNDS, FLAGS, SORTS

TITLE = "tab_preferences"
FORMATS = {"jsonl": "JSON lines", "parquet": "Parquet"}
PLOT_ROWS = (("against", "margin"), ("length", "flags"))
SHOWN = ("place", "list", "status", "pair", "odds")  # what shows a place
EXPORT = ("margin", "kept", "file")
# What an opened source fills
OPENED = ("source", "summary", "hub", *FIELDS, *SHOWN, *EXPORT)

# A large file takes seconds: one is read at a time, the others wait in the queue.
READING: EventOptions = {**QUIET, "concurrency_id": "pairs", "concurrency_limit": 1}
# The Hub may be slow, and must not keep others from their files.
FETCHING: EventOptions = {**READING, "concurrency_id": "pairs-hub"}
MODEL: EventOptions = {
    "api_visibility": "private",
    "concurrency_id": "model",
    "concurrency_limit": 1,
}


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content and connect it."""
    with gr.Column(elem_id="preferences"):
        components = layout()
    connect_opening(components)
    connect_reading(components)
    connect_export(components)


def layout() -> Components:
    """Make all components."""
    _paragraph("lead", "pairs_lead")
    return {
        "bridge": bridge("preferences", "preferences"),
        **_source_components(),
        **_filter_components(),
        "status": gr.HTML(note_html(""), elem_id="pair-status"),
        **_pair_components(),
        **_plot_components(),
        **_export_components(),
        "place": gr.State(PairPlace()),
    }


def _paragraph(kind: str, key: str, **options: Any) -> gr.HTML:
    """Make a paragraph of ours, in both languages."""
    html = render("shell/paragraph.html", kind=kind, key=key, mark="")
    return gr.HTML(html, **options)


def _button(key: str, **options: object) -> gr.Button:
    """Make a plain, small button."""
    plain: dict[str, Any] = {"size": "sm", "elem_classes": "plain", "scale": 0}
    return gr.Button(label(key), **(plain | options))


def _source_components() -> Components:
    with gr.Row(elem_classes="actions", elem_id="pair-source"):
        source = gr.Dropdown([], label=label("pairs_from"), min_width=240, scale=2)
        components: Components = {
            "source": source,
            "hub": gr.Textbox(
                label=label("pairs_hub"),
                placeholder="owner/name, owner/name:split",
                min_width=200,
                scale=1,
            ),
            "hub_button": _button("pairs_hub_button"),
            "upload": gr.UploadButton(
                label("pairs_upload"),  # type: ignore[arg-type]
                file_types=[".jsonl", ".json", ".parquet"],
                size="sm",
                elem_classes="plain",
                scale=0,
                elem_id="pair-upload",
            ),
        }
    summary = _paragraph("hint", "pairs_nothing", elem_id="pair-summary")
    return {**components, "summary": summary}


def _filter_components() -> Components:
    made: Components = {}
    with gr.Row(elem_id="pair-filters", elem_classes="half"):
        made["text"] = gr.Textbox(
            label=label("pairs_text"),
            placeholder=label("pairs_text_hint"),
            scale=3,
            min_width=220,
            max_length=LONGEST,
        )
        for name in ("direction", "relation"):
            made[name] = _any(name)
        made["sort"] = gr.Dropdown(
            [(label(f"sort_{name or 'file'}"), name) for name in SORTS],
            value="",
            label=label("pairs_sort"),
            min_width=150,
        )
    with gr.Row(elem_classes="actions", elem_id="pair-options"):
        for name in ("regex", "descending"):
            made[name] = gr.Checkbox(False, label=label(f"pairs_{name}"), min_width=150)
        made["clear"] = _button("pairs_clear")
    with gr.Accordion(label("pairs_more"), open=False, elem_id="pair-more"):
        made["flags"] = _flags("pairs_flags")
        with gr.Row(elem_classes="half"):
            for name in ("chosen_language", "rejected_language"):
                made[name] = _any(name)
            made["size"] = gr.Dropdown(
                list(SIZES),
                value=PairView.size,
                label=label("pairs_size"),
                min_width=130,
            )
        with gr.Row(elem_classes="half"):
            for name in BOUNDS:
                made[name] = gr.Textbox(
                    label=label(f"pairs_{name}"),
                    placeholder=label("pairs_any"),
                    max_length=40,
                    min_width=130,
                )
    return made


def _any(name: str) -> gr.Dropdown:
    """Make a filter whose choices come with the file."""
    named = [(label("pairs_any"), "")]
    return gr.Dropdown(named, value="", label=label(f"pairs_{name}"), min_width=150)


def _flags(key: str) -> gr.CheckboxGroup:
    named = [(label(f"flag_{name}"), name) for name in FLAGS]
    return gr.CheckboxGroup(named, label=label(key))


def _two(back: str, forth: str) -> Components:
    """Make a row of two buttons, by the ends of their texts' keys."""
    with gr.Row(elem_classes="actions two"):
        return {
            name: _button(
                f"pairs_{name}",
                elem_id=f"pair-{name.replace('_', '-')}",
                min_width=120,
                scale=None,
            )
            for name in (back, forth)
        }


def _pair_components() -> Components:
    with gr.Row(elem_id="pair-columns", equal_height=False):
        with gr.Column(elem_id="pair-side", min_width=260, scale=2):
            rows = gr.HTML("", elem_id="pair-list")
            pages = _two("page_before", "page_next")
        with gr.Column(min_width=280, scale=3):
            _two("before", "next")  # the script goes from pair to pair
            _paragraph("caption small keys", "pairs_keys")
            pair = gr.HTML("", elem_id="pair-shown")
            with gr.Row(elem_classes="actions"):
                ask = _button("odds_button", elem_id="pair-ask")
            odds = gr.HTML("", elem_id="pair-odds")
    return {"list": rows, **pages, "pair": pair, "ask": ask, "odds": odds}


def _plot_components() -> Components:
    made: Components = {}
    with gr.Accordion(label("pairs_plots"), open=True, elem_id="pair-plots"):
        _paragraph("caption", "pairs_plots_hint")
        for names in PLOT_ROWS:
            with gr.Row(equal_height=False):
                for name in names:
                    with gr.Column(min_width=300):
                        key = f"plot_{name}_title"
                        gr.HTML(render("preferences/heading.html", key=key))
                        plot = gr.Plot(show_label=False, visible=False)
                        made[f"plot_{name}"] = plot
                        made[f"words_{name}"] = gr.HTML("")
    return made


def _export_components() -> Components:
    with gr.Accordion(label("cut_title"), open=True, elem_id="pair-cut"):
        _paragraph("caption", "cut_hint")
        margin = gr.Slider(
            0, 1, value=0, label=label("cut_margin"), interactive=False, buttons=[]
        )
        without = _flags("cut_without")
        kept = gr.HTML("", elem_id="pair-kept")
        with gr.Row(elem_classes="actions"):
            named = [(words, name) for name, words in FORMATS.items()]
            kind = gr.Radio(
                named, value="jsonl", label=label("cut_kind"), scale=0, min_width=240
            )
            write = gr.Button(
                label("cut_button"),
                variant="primary",
                scale=0,
                min_width=200,
                elem_id="pair-write",
            )
        file = gr.File(label=label("cut_file"), visible=False, interactive=False)
    return {
        "margin": margin,
        "without": without,
        "kept": kept,
        "kind": kind,
        "write": write,
        "file": file,
    }


def _named(components: Components, *names: str) -> list[Any]:
    return [components[name] for name in names]


def connect_opening(components: Components) -> None:
    """Connect what opens a source."""
    bridge, source, upload, hub, hub_button = _named(
        components, "bridge", "source", "upload", "hub", "hub_button"
    )
    outputs = _named(components, *OPENED)
    events = [
        when(by_name(handler, components), inputs, outputs, **options)
        for when, handler, inputs, options in (
            (bridge.arrived, handlers.arrive, None, READING),
            (source.input, handlers.choose, source, READING),
            (upload.upload, handlers.upload, upload, READING),
            (hub_button.click, handlers.fetch, hub, FETCHING),
            (hub.submit, handlers.fetch, hub, FETCHING),
        )
    ]
    plots = [f"{part}_{name}" for name in PLOTS for part in ("plot", "words")]
    for event in events:
        event.then(
            by_name(handlers.draw, components),
            components["place"],
            _named(components, *plots),
            **QUIET,
        )


def connect_reading(components: Components) -> None:
    """Connect filters, pages, bars, models; the script asks for the next pair."""
    place, bridge, odds = _named(components, "place", "bridge", "odds")
    fields, shown = _named(components, *FIELDS), _named(components, *SHOWN)
    # A text's "input" misses what is deleted or pasted; its "change" also comes with
    # what we have filled in ourselves, which changes nothing then.
    gr.on(
        [f.change if isinstance(f, gr.Textbox) else f.input for f in fields],
        by_name(handlers.change, components),
        [place, *fields],
        shown,
        trigger_mode="always_last",
        **AT_ONCE,
    )
    clear = by_name(handlers.clear, components)
    components["clear"].click(clear, place, [*fields, *shown], **AT_ONCE)
    click_bar = by_name(handlers.click_bar, components)
    bridge.bar(click_bar, place, [*fields, *shown], **AT_ONCE)
    go = by_name(handlers.go, components)
    bridge.go(go, place, shown, trigger_mode="multiple", **AT_ONCE)
    turns = {"page_before": handlers.page_before, "page_next": handlers.next_page}
    for name, turn in turns.items():
        components[name].click(by_name(turn, components), place, shown, **AT_ONCE)
    components["ask"].click(
        handlers.ask_models,
        place,
        odds,
        show_progress="minimal",
        show_progress_on=odds,
        **MODEL,
    )


def connect_export(components: Components) -> None:
    """Connect the margin slider and the file."""
    margin, without, file = _named(components, "margin", "without", "file")
    inputs = [components["place"], margin, without]
    gr.on(
        [margin.input, without.input],
        by_name(handlers.change_export, components),
        inputs,
        _named(components, "kept", "file"),
        trigger_mode="always_last",
        **AT_ONCE,
    )
    inputs.append(components["kind"])
    components["write"].click(handlers.write, inputs, file, **QUIET)
