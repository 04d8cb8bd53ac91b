"""What Cases shows at a place: a page of answers, one of them, the address, a file.

A *place* is where a visitor is: a view of a run, and an answer in it. Every XkdeError
becomes words where the answers would be. Run by ``page``.

Run its tests: ``python -m pytest tests/pages/benchmarks/cases/test_page.py``
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr
import numpy as np

from pages.benchmarks.cases.html import case_html, list_html
from pages.benchmarks.measured.html import language_name, note_html
from pages.benchmarks.measured.sources import (
    Source,
    offered,
    protocol_words,
    sources,
)
from pages.shell.errors import in_words
from pages.shell.strings import Interface, tr
from xkde.errors import DataError, XkdeError
from xkde.evaluation.results.case_view import CaseView, Places, filtered, taken
from xkde.evaluation.results.columns import Rows, Values
from xkde.evaluation.results.compared import ASKED, PLAIN, matched
from xkde.evaluation.results.local_runs import editor_runs
from xkde.evaluation.results.rows import GENERATED

# A view's fields that have a component, in the order of the components
FIELDS = (
    "run", "beside", "protocol", "probe", "source", "target", "relation", "rule",
    "versus", "spoken", "clean", "text", "sort", "descending", "size",
)  # fmt: skip
SHOWN = 4  # what ``shown`` returns
NOBODY = "nobody"  # beside: no other run at all
CHOICES = 300  # of a filter
KEPT = 8  # pairs of runs whose questions are matched

_matched: dict[tuple[int, int], tuple[Rows, Rows, Places]] = {}


@dataclass(frozen=True)
class Place:
    """Where a visitor is: ``at`` is an answer's place in the view, from 0."""

    view: CaseView = CaseView()
    at: int = 0


@dataclass(frozen=True)
class Found:
    """What a view is of: its run, the one beside it, which row of it asks the same."""

    run: Source
    beside: Source | None
    rows: Rows
    match: Places | None

    @property
    def beside_score(self) -> Values | None:
        """The other run's score for each row; NaN where it has none."""
        if self.match is None or self.beside is None or self.beside.rows is None:
            return None
        told = self.beside.rows.score[self.match]
        return np.where(self.match >= 0, told, np.nan)


def runs_here(say: Interface) -> list[Source]:
    """Return all runs with rows, of every benchmark."""
    runs, benchmarks = offered()
    return [
        source
        for name in benchmarks
        for source in sources([*editor_runs(), *runs], name, say)
        if source.rows is not None
    ]


def settled(view: CaseView, there: Sequence[Source]) -> CaseView:
    """Fill in which runs are meant where a view does not say."""
    keys = [source.key for source in there]
    if not keys:
        return view
    if not view.run:
        first = there[0].about["benchmark"]
        mine = [its for its in there if its.about["benchmark"] == first]
        view = replace(view, run=mine[-1].key, protocol=view.protocol or GENERATED)
    if view.beside in (*keys, NOBODY) or view.run not in keys:
        return view
    others = _others(view.run, there)
    plain = [its for its in others if its.is_plain]
    beside = (plain or others)[0].key if others else NOBODY
    return replace(view, beside=beside)


def _others(key: str, there: Sequence[Source]) -> list[Source]:
    """Return the other runs of the same benchmark."""
    benchmark = next(its.about["benchmark"] for its in there if its.key == key)
    return [i for i in there if i.key != key and i.about["benchmark"] == benchmark]


def found_of(view: CaseView, there: Sequence[Source]) -> Found:
    """Return what a view is of; raises DataError where its run is not here."""
    by_key = {source.key: source for source in there}
    run = by_key.get(view.run)
    if run is None or run.rows is None:
        raise DataError(
            "The run “{name}” is not here, or cannot be read. Choose another one.",
            name=view.run[:80],
        )
    beside = by_key.get(view.beside)
    match = None
    if beside is not None and beside.rows is not None:
        match = _matched_rows(run.rows, beside.rows, beside.is_plain)
    return Found(run, beside, run.rows, match)


def _matched_rows(rows: Rows, others: Rows, is_plain: bool) -> Places:
    key = id(rows), id(others)
    known = _matched.get(key)
    if known is None:
        names = PLAIN if is_plain else ASKED
        match = matched(rows, others, names=names, source=not is_plain)
        known = _matched[key] = (rows, others, match)  # kept, so that ids stay theirs
        for old in list(_matched)[:-KEPT]:
            del _matched[old]
    return known[2]


def shown(
    place: Place, say: Interface, there: Sequence[Source] | None = None
) -> list[Any]:
    """Return (place, list, status, case)."""
    try:
        found = found_of(place.view, runs_here(say) if there is None else there)
    except XkdeError as error:
        words = note_html(in_words(error, say), "caution")
        return [place, "", words, _framed(place, "")]
    rows = filtered(found.rows, place.view, found.beside_score)
    total, size = len(rows), place.view.size
    at = min(max(place.at, 0), max(0, total - 1))
    page, pages = at // size + 1, max(1, math.ceil(total / size))
    place = Place(replace(place.view, page=page), at)
    status = tr(
        "cases_found", say, n=f"{total:,}", of=f"{len(found.rows):,}",
        page=f"{page:,}", pages=f"{pages:,}",
    )  # fmt: skip
    words = note_html(status, "status")
    if not total:
        empty = note_html(tr("cases_none", say))
        return [place, empty, words, _framed(place, "")]
    first = (page - 1) * size
    listed = list_html(taken(found.rows, rows[first : first + size]), first, say)
    case = _case(found, int(rows[at]), at, total, say)
    return [place, listed, words, _framed(place, case)]


def _case(found: Found, index: int, at: int, total: int, say: Interface) -> str:
    row = taken(found.rows, np.array([index]))[0]
    twin = _twin(found.rows, index)
    other = None
    if found.match is not None and found.beside is not None and found.beside.rows:
        its = int(found.match[index])
        other = taken(found.beside.rows, np.array([its]))[0] if its >= 0 else None
    names = found.run.name, found.beside.name if found.beside else ""
    return case_html(row, other, twin, at, total, names, say)


def _twin(rows: Rows, index: int) -> Mapping[str, Any] | None:
    """Return the same question in the other protocol."""
    same = np.ones(len(rows), dtype=bool)
    for name in ("case", "probe", "source", "target"):
        same &= rows.codes[name] == rows.codes[name][index]
    same &= rows.codes["protocol"] != rows.codes["protocol"][index]
    number = rows.table["question"]
    for its in np.flatnonzero(same):
        if number[int(its)] == number[index]:
            return taken(rows, np.array([its]))[0]
    return None


def _framed(place: Place, case: str) -> str:
    """Return a case with what the page's script reads: its place and its address."""
    return (
        f'<section class="pair" data-at="{place.at}" '
        f'data-address="{escape(address(place))}">{case}</section>'
    )


def address(place: Place) -> str:
    """Return the query string that reopens a place."""
    told = {"tab": "benchmarks", "view": "cases", **place.view.to_query()}
    if place.at % place.view.size:
        told["nth"] = str(place.at + 1)
    return urlencode(told)


def place_of(told: Mapping[str, str]) -> Place:
    """Return the place that an address names."""
    view = CaseView.from_query(told)
    nth = told.get("nth", "")
    at = (view.page - 1) * view.size
    if nth.isdecimal() and len(nth) < 9:
        at = max(0, int(nth) - 1)
    return Place(view, at)


def view_of(values: Sequence[Any]) -> CaseView:
    """Return the view that the fields' values state."""
    told = dict(zip(FIELDS, values, strict=True))
    query = CaseView(**{n: "" if v is None else v for n, v in told.items()})
    return CaseView.from_query(query.to_query())


def filled(place: Place, say: Interface) -> list[Any]:
    """Return the fields with what there is to choose, and what is shown."""
    there = runs_here(say)
    if not there:
        words = note_html(tr("cases_absent", say), "caution")
        return [*[gr.skip()] * len(FIELDS), place, "", words, _framed(place, "")]
    view = settled(place.view, there)
    run = next((source for source in there if source.key == view.run), None)
    if run is not None and run.rows is not None:
        view = _within(view, run.rows)
    place = Place(view, place.at)
    return [*_fields(view, run, there, say), *shown(place, say, there)]


def _within(view: CaseView, rows: Rows) -> CaseView:
    """Leave out filters that a run has nothing for."""
    names = ("protocol", "source", "target", "relation")
    gone = [name for name in names if getattr(view, name) not in rows.choices(name)]
    return replace(view, **dict.fromkeys(gone, ""))  # type: ignore[arg-type]


def _fields(
    view: CaseView, run: Source | None, there: Sequence[Source], say: Interface
) -> list[Any]:
    named = [(_long_name(its, there), its.key) for its in there]
    beside = [(tr("cases_nobody", say), NOBODY)]
    if run is not None:
        beside += [(its.name, its.key) for its in _others(run.key, there)]
    choices = {"run": named, "beside": beside}
    if run is not None and run.rows is not None:
        for name in ("protocol", "source", "target", "relation"):
            texts = run.rows.choices(name)[:CHOICES]
            its_own = [(_word(name, text, say), text) for text in texts]
            choices[name] = [(tr("cases_any", say), ""), *its_own]
    values = {field.name: getattr(view, field.name) for field in fields(CaseView)}
    if run is None:
        values["run"] = None
    return [
        gr.Dropdown(choices=choices[name], value=values[name])
        if name in choices else values[name]
        for name in FIELDS
    ]  # fmt: skip


def _long_name(source: Source, there: Sequence[Source]) -> str:
    several = len({str(its.about["benchmark"]) for its in there}) > 1
    return f"{source.about['benchmark']}: {source.name}" if several else source.name


def _word(field: str, text: str, say: Interface) -> str:
    if field == "protocol":
        return protocol_words(text, say)
    return text if field == "relation" else language_name(text, say)
