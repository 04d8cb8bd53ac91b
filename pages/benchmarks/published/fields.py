"""The fields of the view *Published*: their values, their choices, what each changes.

A table is the one thing that is truly chosen: backbone and language of the edit lead to
the table that has them. Knows no component.

Run its tests: ``python -m pytest tests/pages/benchmarks/published/test_page.py``
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pages.benchmarks.published import numbers as numbering
from pages.benchmarks.published.reading import Numbers
from pages.benchmarks.published.view import View, settled
from pages.benchmarks.published.words import (
    language_words,
    method_words,
    metric_words,
    table_words,
)
from pages.shell.strings import Interface, tr

FIELDS = ("table", "backbone", "edit", "asked", "metric", "methods")


def fitted(numbers: Numbers, view: View) -> View:
    """Return a view of which all is there."""
    table = view.table if view.table in numbers.tables else View.table
    return settled(
        replace(view, table=table),
        numbering.edits(numbers, table),
        numbering.targets(numbers, table),
        numbering.metrics(numbers, table),
        numbering.methods(numbers, table),
    )


def moved(numbers: Numbers, view: View, name: str, value: Any) -> View:
    """Return the view after one choice."""
    told: Mapping[str, Any]
    if name == "table":
        told = {"table": int(value)}
    elif name == "backbone":
        told = {"table": _sibling(numbers, view, value, view.edit)}
    elif name == "edit":
        told = {"table": _with_edit(numbers, view, value), "edit": value, "asked": ""}
    elif name == "methods":
        told = {"methods": tuple(value)}
    else:
        told = {name: value}
    return fitted(numbers, replace(view, **told))


def _with_edit(numbers: Numbers, view: View, edit: str) -> int:
    """Return the table itself where it has the edits, else its sibling with them."""
    if edit in numbering.edits(numbers, view.table):
        return view.table
    return _sibling(numbers, view, numbers.tables[view.table].backbone, edit)


def _sibling(numbers: Numbers, view: View, backbone: str, edit: str) -> int:
    """Return the fullest table of the same benchmark with a backbone and edits."""
    found = [
        (len(numbers.of(number)), -number)
        for number in siblings(numbers, view)
        if numbers.tables[number].backbone == backbone
        and edit in numbering.edits(numbers, number)
    ]
    return -max(found)[1] if found else view.table


def siblings(numbers: Numbers, view: View) -> list[int]:
    """Return the tables of one benchmark and the same methods."""
    own = numbering.methods(numbers, view.table)
    return [
        number
        for number, table in numbers.tables.items()
        if table.benchmark == numbers.tables[view.table].benchmark
        and numbering.methods(numbers, number) == own
    ]


def field(numbers: Numbers, view: View, name: str) -> Any:
    """Return a field's value in a view."""
    if name == "table":
        return str(view.table)
    if name == "backbone":
        return numbers.tables[view.table].backbone
    if name == "methods":
        every = numbering.methods(numbers, view.table)
        return list(every if view.methods is None else view.methods)
    return getattr(view, name)


def choices(
    numbers: Numbers, view: View, name: str, say: Interface
) -> list[tuple[str, str]]:
    """Return what there is to choose, each with its words."""
    if name == "table":
        return [(table_words(t, say), str(n)) for n, t in numbers.tables.items()]
    if name == "methods":
        every = numbering.methods(numbers, view.table)
        return [(method_words(method, say), method) for method in every]
    if name == "metric":
        every = numbering.metrics(numbers, view.table)
        named = [(metric_words(metric, say), metric) for metric in every]
        return [(tr("published_all", say), ""), *named] if len(named) > 1 else named
    there = siblings(numbers, view)
    if name == "backbone":
        names = numbering.unique([numbers.tables[number].backbone for number in there])
        return [(backbone, backbone) for backbone in names]
    if name == "edit":
        codes = [code for n in there for code in numbering.edits(numbers, n)]
        return [(language_words(c, say), c) for c in numbering.unique(codes)]
    every = numbering.targets(numbers, view.table)
    others = tr("published_elsewhere", say)
    return [(others, ""), *((language_words(c, say), c) for c in every)]
