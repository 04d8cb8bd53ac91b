"""The view *Published* of Benchmarks: the paper's tables, cell by cell.

Nothing is read before the view is first opened, and nothing here needs a plotting
library. A table is the one thing that is truly chosen: backbone and language of the
edit lead to the table that has them. What cannot be read is said in words where the
figure would be.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from pages.benchmarks.published.figure import (
    ALL_METHODS,
    cells_html,
    context_html,
    figure_html,
    printed_html,
)
from pages.benchmarks.published.numbers import PublishedView, from_query, unique
from pages.benchmarks.published.words import method_words, metric_words, table_words
from pages.benchmarks.shared import (
    Named,
    address_of,
    by_name,
    language_name,
    lead,
    note,
    picked,
)
from pages.shell.components import AT_ONCE, Components
from pages.shell.scripts import bridge
from pages.shell.strings import Interface, in_words, interface_language, label, tr
from pages.shell.templates import render as filled_in
from xkde.errors import DataError
from xkde.evaluation.published import PaperNumbers, read

FIELDS = ("table", "backbone", "edit", "asked", "metric", "methods")


def fitted(numbers: PaperNumbers, view: PublishedView) -> PublishedView:
    """Return the view with all that is not there taken back to the usual."""
    table = view.table if view.table in numbers.tables else PublishedView.table
    edits, methods = numbers.texts(table, "edit"), numbers.texts(table, "method")
    kept = view.methods
    if kept is not None:
        known = tuple(name for name in methods if name in kept)
        # Another table's methods are no choice among these; none at all is one.
        kept = known if known or not kept else None
        kept = None if kept is not None and len(kept) == len(methods) else kept
    return replace(
        view,
        table=table,
        edit=view.edit if view.edit in edits else next(iter(edits), ""),
        asked=view.asked if view.asked in numbers.texts(table, "target") else "",
        metric=view.metric if view.metric in numbers.texts(table, "metric") else "",
        methods=kept,
    )


def moved(
    numbers: PaperNumbers, view: PublishedView, name: str, value: Any
) -> PublishedView:
    """Return the view after one choice."""
    changes: Mapping[str, Any]
    if name == "table":
        changes = {"table": int(value)}
    elif name == "backbone":
        changes = {"table": _sibling(numbers, view, value, view.edit)}
    elif name == "edit":
        changes = {
            "table": _with_edit(numbers, view, value),
            "edit": value,
            "asked": "",
        }
    elif name == "methods":
        changes = {"methods": tuple(value)}
    else:
        changes = {name: value}
    return fitted(numbers, replace(view, **changes))


def _with_edit(numbers: PaperNumbers, view: PublishedView, edit: str) -> int:
    """Return the table itself where it has the edits, else its sibling with them."""
    if edit in numbers.texts(view.table, "edit"):
        return view.table
    return _sibling(numbers, view, numbers.tables[view.table].backbone, edit)


def _sibling(
    numbers: PaperNumbers, view: PublishedView, backbone: str, edit: str
) -> int:
    """Return the fullest table of the same benchmark with a backbone and edits."""
    found = [
        (len(numbers.of(number)), -number)
        for number in siblings(numbers, view)
        if numbers.tables[number].backbone == backbone
        and edit in numbers.texts(number, "edit")
    ]
    return -max(found)[1] if found else view.table


def siblings(numbers: PaperNumbers, view: PublishedView) -> list[int]:
    """Return the tables of one benchmark and the same methods."""
    own = numbers.texts(view.table, "method")
    return [
        number
        for number, table in numbers.tables.items()
        if table.benchmark == numbers.tables[view.table].benchmark
        and numbers.texts(number, "method") == own
    ]


def value_of(numbers: PaperNumbers, view: PublishedView, name: str) -> object:
    """Return a field's value in a view."""
    if name == "table":
        return str(view.table)
    if name == "backbone":
        return numbers.tables[view.table].backbone
    if name == "methods":
        every = numbers.texts(view.table, "method")
        return list(every if view.methods is None else view.methods)
    return getattr(view, name)


def choices_of(
    numbers: PaperNumbers, view: PublishedView, name: str, interface: Interface
) -> list[tuple[str, str]]:
    """Return what there is to choose, each with its words."""
    if name == "table":
        return [(table_words(t, interface), str(n)) for n, t in numbers.tables.items()]
    if name == "methods":
        every = numbers.texts(view.table, "method")
        return [(method_words(method, interface), method) for method in every]
    if name == "metric":
        every = numbers.texts(view.table, "metric")
        named = [(metric_words(metric, interface), metric) for metric in every]
        return (
            [(tr("published_all", interface), ""), *named] if len(named) > 1 else named
        )
    there = siblings(numbers, view)
    if name == "backbone":
        names = unique([numbers.tables[number].backbone for number in there])
        return [(backbone, backbone) for backbone in names]
    if name == "edit":
        codes = [code for n in there for code in numbers.texts(n, "edit")]
        return [(language_name(c, interface), c) for c in unique(codes)]
    every = numbers.texts(view.table, "target")
    others = tr("published_elsewhere", interface)
    return [(others, ""), *((language_name(c, interface), c) for c in every)]


OUTPUTS = ("view", *FIELDS, "figure", "printed", "cells")
LONGEST = 500  # characters of a button's link that are looked at
FEWEST = 2  # choices for which a field is worth its place


def build(root: gr.Blocks) -> None:
    """Make the view's content and connect it."""
    with gr.Column(elem_id="published"):
        parts = layout()
    connect(parts)


def layout() -> Components:
    """Make the components; choices come with the tables."""
    script = bridge("benchmarks-published", "published")
    lead("published_lead")
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
    busy = filled_in("benchmarks/published/busy.html")
    return {
        "script": script, "table": table, "backbone": backbone, "edit": edit,
        "asked": asked, "metric": metric, "methods": methods,
        "figure": gr.HTML(busy, elem_id="published-figure"),
        "printed": _section("printed", is_open=True),
        "cells": _section("cells"),
        "context": _section("context"),
        "view": gr.State(PublishedView()),
    }  # fmt: skip


def _section(name: str, *, is_open: bool = False) -> gr.HTML:
    title = label(f"published_{name}_title")
    with gr.Accordion(title, open=is_open, elem_id=f"published-{name}-section"):
        return gr.HTML("", elem_id=f"published-{name}")


def connect(parts: Components) -> None:
    """Tie the handlers to the components."""
    shown = picked(parts, *OUTPUTS)
    view, fields = picked(parts, "view"), picked(parts, *FIELDS)
    everything = shown | picked(parts, "context")
    parts["script"].arrived(**by_name(arrived, {}, everything), **AT_ONCE)
    parts["script"].go(**by_name(went, view, shown), **AT_ONCE)
    gr.on(
        [field.input for field in fields.values()],
        **by_name(changed, view | fields, shown),
        trigger_mode="always_last",
        **AT_ONCE,
    )


def arrived(_: Named, event: gr.EventData, request: gr.Request) -> Named:
    """Show what the address names, else the claim at a glance."""
    interface = interface_language(request)
    try:
        numbers = read()
    except DataError as error:
        hidden = dict.fromkeys(FIELDS, gr.update(visible=False))
        words = note(in_words(error, interface), "caution")
        return {**hidden, "figure": words, "printed": "", "cells": "", "context": ""}
    asked = from_query(address_of(event, "published"))
    view = fitted(numbers, asked)
    is_there = asked.table == view.table
    noted = "" if is_there else tr("published_no_table", interface)
    return {
        **prefill(numbers, None, view, interface),
        **render(numbers, view, interface, noted),
        "context": context_html(numbers, interface),
    }


def changed(values: Named, request: gr.Request) -> Named:
    """Show what the fields ask for."""
    before: PublishedView = values["view"]
    numbers, view = read(), before
    for name in FIELDS:
        value = values[name]
        if value is not None and value != value_of(numbers, before, name):
            view = moved(numbers, view, name, value)
    return _changed(numbers, before, view, request)


def went(values: Named, event: gr.EventData, request: gr.Request) -> Named:
    """Show what a button in a figure leads to."""
    before: PublishedView = values["view"]
    link = dict(parse_qsl(str(event.link)[:LONGEST], keep_blank_values=True))
    query = {**before.to_query(), **link}
    if link.get("methods") == ALL_METHODS:
        del query["methods"]
    numbers = read()
    view = fitted(numbers, from_query(query))
    return _changed(numbers, before, view, request)


def _changed(
    numbers: PaperNumbers,
    before: PublishedView,
    view: PublishedView,
    request: gr.Request,
) -> Named:
    interface = interface_language(request)
    fields = prefill(numbers, before, view, interface)
    return {**fields, **render(numbers, view, interface)}


def prefill(
    numbers: PaperNumbers,
    before: PublishedView | None,
    view: PublishedView,
    interface: Interface,
) -> Named:
    """Return the fields that change, with what there is to choose."""
    updates: Named = {}
    kinds = {"table": gr.Dropdown, "asked": gr.Dropdown, "methods": gr.CheckboxGroup}
    for name in FIELDS:
        value = value_of(numbers, view, name)
        offered = choices_of(numbers, view, name, interface)
        if before is not None:
            same = offered == choices_of(numbers, before, name, interface)
            if same and value == value_of(numbers, before, name):
                continue
        has_it = value in dict(offered).values() or name == "methods"
        updates[name] = kinds.get(name, gr.Radio)(
            choices=offered,
            value=value if has_it else None,
            visible=len(offered) >= FEWEST,
        )
    return updates


def render(
    numbers: PaperNumbers,
    view: PublishedView,
    interface: Interface,
    noted: str = "",
) -> Named:
    """Return what is shown of a view."""
    return {
        "view": view,
        "figure": figure_html(numbers, view, interface, noted),
        "printed": printed_html(numbers, view, interface),
        "cells": cells_html(numbers, view, interface),
    }
