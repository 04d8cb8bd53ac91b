"""What Cases shows at a place: a page of answers, one of them, the address, a file.

Every XkdeError becomes words where the answers would be.
"""

import math
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd
from gradio.utils import get_upload_folder

from pages.benchmarks.cases.case import AnswerRow, case_html, list_html
from pages.benchmarks.cases.view import CasePlace, CaseView, filtered
from pages.benchmarks.shared import (
    Named,
    language_name,
    note,
    protocol_name,
)
from pages.benchmarks.sources import (
    MeasuredSource,
    available,
    sources,
    with_kinds,
)
from pages.shell.strings import Interface, in_words, tr
from pages.shell.templates import render as filled_in
from xkde.errors import DataError, XkdeError
from xkde.evaluation.analysis.kinds import Kind
from xkde.evaluation.results.compared import Places, matched
from xkde.evaluation.results.local_runs import editor_runs
from xkde.evaluation.results.rows import (
    GENERATED,
    SCHEMA,
    SCORE,
    Values,
    choices,
    records_of,
    values_of,
)
from xkde.text import safe_cell

# A view's fields that have a component
FIELDS = (
    "run", "beside", "protocol", "probe", "source", "target", "relation", "rule",
    "versus", "spoken", "clean", "text", "failure", "slice", "sort", "descending",
    "size",
)  # fmt: skip
OF_RUN = ("protocol", "source", "target", "relation")  # filters that a run offers
OUTPUTS = ("place", "list", "status", "case")
KINDS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}  # of files
OURS = "x-kde"
NOBODY = "nobody"  # beside: no other run at all
CHOICES = 300  # of a filter
KEPT = 8  # pairs of runs whose questions are matched

_matched: dict[tuple[int, int], tuple[pd.DataFrame, pd.DataFrame, Places]] = {}


@dataclass(frozen=True)
class FoundRun:
    """What a view is of: its run, the one beside it, which row of it asks the same."""

    run: MeasuredSource
    beside: MeasuredSource | None
    rows: pd.DataFrame
    match: Places | None

    @property
    def has_failures(self) -> bool:
        """Whether some answer of the run is wrong, and its kind is known."""
        known = self.rows["kind"].dropna()
        return bool((known != Kind.RIGHT).any())

    @property
    def beside_score(self) -> Values | None:
        """The other run's score for each row; NaN where it has none."""
        if self.match is None or self.beside is None or self.beside.rows is None:
            return None
        score = values_of(self.beside.rows, SCORE)[self.match]
        return np.where(self.match >= 0, score, np.nan)


def runs_here(interface: Interface) -> list[MeasuredSource]:
    """Return all runs with rows, of every benchmark."""
    runs, benchmarks = available()
    return [
        source
        for name in benchmarks
        for source in sources([*editor_runs(), *runs], name, interface)
        if source.rows is not None
    ]


def settled(view: CaseView, there: Sequence[MeasuredSource]) -> CaseView:
    """Fill in which runs are meant where a view does not name them."""
    keys = [source.key for source in there]
    if not keys:
        return view
    if not view.run:
        first = there[0].about["benchmark"]
        mine = [its for its in there if its.about["benchmark"] == first]
        ours = [its for its in mine if its.about["editor"] == OURS]
        run = (ours or mine)[-1].key  # the last stage, beside its base
        view = replace(view, run=run, protocol=view.protocol or GENERATED)
    if view.beside in (*keys, NOBODY) or view.run not in keys:
        return view
    others = _others(view.run, there)
    plain = [its for its in others if its.is_plain]
    beside = (plain or others)[0].key if others else NOBODY  # first the base
    return replace(view, beside=beside)


def _others(key: str, there: Sequence[MeasuredSource]) -> list[MeasuredSource]:
    """Return the other runs of the same benchmark."""
    benchmark = next(its.about["benchmark"] for its in there if its.key == key)
    return [i for i in there if i.key != key and i.about["benchmark"] == benchmark]


def found_of(view: CaseView, there: Sequence[MeasuredSource]) -> FoundRun:
    """Return what a view is of; raises DataError where its run is not here."""
    by_key = {source.key: source for source in there}
    run = by_key.get(view.run)
    if run is None or run.rows is None:
        raise DataError(
            "The run “{name}” is not here, or cannot be read. Choose another one.",
            name=view.run[:80],
        )
    run = with_kinds(run)
    assert run.rows is not None
    beside = by_key.get(view.beside)
    match = None
    if beside is not None and beside.rows is not None:
        match = _matched_rows(run.rows, beside.rows, beside.is_plain)
    return FoundRun(run, beside, run.rows, match)


def _matched_rows(rows: pd.DataFrame, others: pd.DataFrame, is_plain: bool) -> Places:
    key = id(rows), id(others)
    known = _matched.get(key)
    if known is None:
        match = matched(rows, others, is_plain)
        known = _matched[key] = (rows, others, match)  # kept, so that ids stay theirs
        for old in list(_matched)[:-KEPT]:
            del _matched[old]
    return known[2]


def render(
    place: CasePlace,
    interface: Interface,
    there: Sequence[MeasuredSource] | None = None,
) -> Named:
    """Return what is shown of a place."""
    try:
        runs = runs_here(interface) if there is None else there
        found = found_of(place.view, runs)
    except XkdeError as error:
        return _nothing(place, "", note(in_words(error, interface), "caution"))
    rows = filtered(found.rows, place.view, found.beside_score)
    total, size = len(rows), place.view.size
    at = min(max(place.at, 0), max(0, total - 1))
    page, pages = at // size + 1, max(1, math.ceil(total / size))
    place = CasePlace(replace(place.view, page=page), at)
    status = tr(
        "cases_found",
        interface,
        n=f"{total:,}",
        of=f"{len(found.rows):,}",
        page=f"{page:,}",
        pages=f"{pages:,}",
    )
    if not total:
        empty = note(tr("cases_none", interface))
        return _nothing(place, empty, note(status, "status"))
    first = (page - 1) * size
    listed = records_of(found.rows.iloc[rows[first : first + size]])
    return {
        "place": place,
        "list": list_html(listed, first, interface),
        "status": filled_in(
            "benchmarks/cases/found.html",
            interface,
            words=status,
            queue=place.view.queue_address() if found.has_failures else "",
        ),
        "case": _framed(place, _case(found, int(rows[at]), at, total, interface)),
    }


def _nothing(place: CasePlace, listed: str, status: str) -> Named:
    case = _framed(place, "")
    return {"place": place, "list": listed, "status": status, "case": case}


def _case(
    found: FoundRun, index: int, at: int, total: int, interface: Interface
) -> str:
    other = None
    if found.match is not None and found.beside is not None:
        its = int(found.match[index])
        other = _row(found.beside.rows, its) if its >= 0 else None
    row = _row(found.rows, index)
    assert row is not None
    return case_html(
        row,
        other,
        _row(found.rows, _twin(found.rows, index)),
        at,
        total,
        (found.run.name, found.beside.name if found.beside else ""),
        interface,
    )


def _row(rows: pd.DataFrame | None, place: int | None) -> AnswerRow | None:
    if rows is None or place is None:
        return None
    return records_of(rows.iloc[[place]])[0]


def _twin(rows: pd.DataFrame, index: int) -> int | None:
    """Return the place of the same question in the other protocol."""
    same = np.ones(len(rows), dtype=bool)
    for name in ("case", "probe", "source", "target", "question"):
        same &= (rows[name] == rows[name].iloc[index]).to_numpy(dtype=bool)
    same &= (rows["protocol"] != rows["protocol"].iloc[index]).to_numpy(dtype=bool)
    places = np.flatnonzero(same)
    return int(places[0]) if len(places) else None


def _framed(place: CasePlace, case: str) -> str:
    """Return a case with what the page's script reads: its place and its address."""
    return filled_in(
        "benchmarks/cases/frame.html", at=place.at, address=place.address(), case=case
    )


def view_of(values: Named) -> CaseView:
    """Return the view that the fields' values state."""
    stated: dict[str, Any] = {n: "" if v is None else v for n, v in values.items()}
    return CaseView.from_query(CaseView(**stated).to_query())


def prefill(place: CasePlace, interface: Interface) -> Named:
    """Return the fields with what there is to choose, and what is shown."""
    there = runs_here(interface)
    if not there:
        return _nothing(place, "", note(tr("cases_absent", interface), "caution"))
    view = settled(place.view, there)
    run = next((source for source in there if source.key == view.run), None)
    if run is not None and run.rows is not None:
        # Filters that the run has nothing for are left out.
        gone = [n for n in OF_RUN if getattr(view, n) not in choices(run.rows, n)]
        cleared: dict[str, Any] = dict.fromkeys(gone, "")
        view = replace(view, **cleared)
    place = CasePlace(view, place.at)
    return _fields(view, run, there, interface) | render(place, interface, there)


def _fields(
    view: CaseView,
    run: MeasuredSource | None,
    there: Sequence[MeasuredSource],
    interface: Interface,
) -> Named:
    beside = [(tr("cases_nobody", interface), NOBODY)]
    if run is not None:
        beside += [(its.name, its.key) for its in _others(run.key, there)]
    offered = {
        "run": [(_long_name(its, there), its.key) for its in there],
        "beside": beside,
    }
    if run is not None and run.rows is not None:
        for name in OF_RUN:
            texts = choices(run.rows, name)[:CHOICES]
            its_own = [(_word(name, text, interface), text) for text in texts]
            offered[name] = [(tr("cases_any", interface), ""), *its_own]
    values: dict[str, Any] = {name: getattr(view, name) for name in FIELDS}
    if run is None:
        values["run"] = None
    return {
        name: gr.Dropdown(choices=offered[name], value=value)
        if name in offered else value
        for name, value in values.items()
    }  # fmt: skip


def _long_name(source: MeasuredSource, there: Sequence[MeasuredSource]) -> str:
    several = len({str(its.about["benchmark"]) for its in there}) > 1
    return f"{source.about['benchmark']}: {source.name}" if several else source.name


def _word(field: str, text: str, interface: Interface) -> str:
    if field == "protocol":
        return protocol_name(text, interface)
    return text if field == "relation" else language_name(text, interface)


def table_of(found: FoundRun, view: CaseView) -> pd.DataFrame:
    """Return the rows of a view, with the other run's answer and score beside each."""
    places = filtered(found.rows, view, found.beside_score)
    rows = found.rows[[*SCHEMA.names, "rule"]].iloc[places]
    rows = rows.reset_index(drop=True)
    if found.match is None or found.beside is None or found.beside.rows is None:
        return rows
    its = found.match[places]
    others = found.beside.rows[["answer", "score"]].iloc[its].reset_index(drop=True)
    return rows.assign(
        beside_run=found.beside.key,
        beside_answer=others["answer"].astype("str").where(its >= 0),
        beside_score=others["score"].where(its >= 0),
    )


def written(rows: pd.DataFrame, name: str, kind: str) -> str:
    """Write a table as a file that a visitor can download; return its path."""
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=get_upload_folder()))
    plain_name = re.sub(r"[^\w.-]+", "-", name)[:80]
    path = folder / f"cases-{plain_name}-{len(rows)}.{kind}"
    texts = rows.select_dtypes("category").columns
    plain = rows.astype(dict.fromkeys(texts, "str"))
    if kind == "parquet":
        plain.to_parquet(path, compression="zstd", index=False)
    elif kind == "csv":
        texts = plain.select_dtypes("str").columns
        safe = {name: plain[name].map(safe_cell, na_action="ignore") for name in texts}
        plain.assign(**safe).to_csv(path, index=False, lineterminator="\n")
    else:
        plain.to_json(path, orient="records", lines=True, force_ascii=False)
    return str(path)
