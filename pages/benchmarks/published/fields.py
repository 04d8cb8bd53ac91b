"""The fields of the view *Published*: their values, their choices, what each changes.

A table is the one thing that is truly chosen: backbone and language of the edit lead to
the table that has them. Knows no component.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pages.benchmarks.published.numbers import PublishedView, unique
from pages.benchmarks.published.words import method_words, metric_words, table_words
from pages.benchmarks.shared import language_name
from pages.shell.strings import Interface, tr
from xkde.evaluation.published import PaperNumbers

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


def value_of(numbers: PaperNumbers, view: PublishedView, name: str) -> Any:
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
