"""Slices of a run as sentences that lead to their answers; kinds as bars."""

from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import pytest

from pages.benchmarks.cases.render import prefill
from pages.benchmarks.cases.view import CasePlace, CaseView, filtered
from pages.benchmarks.kinds import kind_bar, kind_counts
from pages.benchmarks.measured.slices import slices_html
from pages.benchmarks.sources import MeasuredChoice, MeasuredSource, with_kinds
from pages.shell.strings import Interface
from xkde.evaluation.analysis.kinds import Kind
from xkde.evaluation.results.local_runs import opened, run_of

LTE = "shipped/editors/lte"


@pytest.fixture(scope="module")
def source() -> MeasuredSource:
    run = run_of(LTE)
    rows = opened(run, kinds=True)
    return MeasuredSource(LTE, "LTE", run.about, run.state, len(rows), rows)


@pytest.mark.parametrize(
    ("interface", "words"),
    [("en", "in another language than the edit&#39;s"), ("zh", "与编辑语言不同")],
)
def test_the_worst_slices_are_said_and_lead_to_their_answers(
    source: MeasuredSource, interface: Interface, words: str
) -> None:
    choice = MeasuredChoice(probe="generality", source="all")
    html = slices_html([source], choice, False, interface)
    assert words in html
    query = parse_qs(html.partition('data-cases="')[2].partition('"')[0])
    view = CaseView.from_query(
        {name.removeprefix("amp;"): values[0] for name, values in query.items()}
    )
    assert source.rows is not None
    assert view.slice and len(filtered(source.rows, view)) > 0


def test_cases_are_filtered_and_sorted_by_kind(source: MeasuredSource) -> None:
    rows = source.rows
    assert rows is not None
    of_kind = filtered(rows, CaseView(failure=Kind.OLD_FACT))
    assert (rows["kind"].iloc[of_kind] == Kind.OLD_FACT).all()
    failed = filtered(rows, CaseView(failure="failed", sort="kind"))
    names = rows["kind"].iloc[failed].astype(str).tolist()
    assert names == sorted(names) and Kind.RIGHT not in names
    view = CaseView(run=LTE, failure=Kind.OLD_FACT, protocol="generated")
    shown = prefill(CasePlace(view), "en")
    assert "kept the old fact" in shown["case"]
    assert "was true before the edit" in shown["case"]


def test_a_bar_counts_every_answer_once(source: MeasuredSource) -> None:
    rows = source.rows
    assert rows is not None
    counts = kind_counts(rows, np.ones(len(rows), dtype=bool), ["probe"])
    assert sum(sum(each.values()) for each in counts.values()) == len(rows)
    bar = kind_bar(counts["reliability",], "en")
    assert bar is not None
    assert sum(share for _, share in bar.parts) == pytest.approx(100)
    assert kind_bar({}, "en") is None
    assert with_kinds(replace(source, rows=None)).rows is None
