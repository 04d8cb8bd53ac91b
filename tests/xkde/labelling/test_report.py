"""Counts by hand, intervals over edits, ten cases of every kind."""

import pytest

from tests.helpers.label_samples import case, label, said
from xkde.evaluation.results.statistics import wilson_interval
from xkde.labelling.records import LabelledCase
from xkde.labelling.report import report_of

CASES = [
    said(1, "broken", Ada="broken", Bo="broken"),
    said(2, "broken", Ada="near_miss"),
    said(3, "near_miss", Ada="near_miss"),
    said(4, "leaked", Ada="near_miss"),
]


def test_counts_are_of_cases_and_intervals_over_edits() -> None:
    report = report_of(CASES)
    by_kind = {its.kind: its for its in report.counts}
    assert (report.cases, report.edits, report.labels) == (4, 4, 5)
    near = by_kind["near_miss"]
    assert (near.cases, near.share, near.by_machine) == (3, 0.75, 1)
    assert (near.low, near.high) == pytest.approx(wilson_interval(3, 4))
    assert (by_kind["leaked"].cases, by_kind["leaked"].by_machine) == (0, 1)
    assert report.counts[0] == near


def test_answers_about_one_edit_are_one() -> None:
    same = [
        LabelledCase(case(n, case="one"), (label(n, "broken" if n < 3 else "leaked"),))
        for n in range(1, 5)
    ]
    report = report_of(same)
    assert report.edits == 1
    assert all(its.edits == 1 and its.share == 0.5 for its in report.counts
               if its.cases)  # fmt: skip


def test_typical_cases_are_of_each_kind_and_only_what_may_be_quoted() -> None:
    many = [*CASES, *(said(n, "broken", Ada="broken") for n in range(5, 30))]
    report = report_of(many, may_quote=lambda its: its.id != case(1).id)
    assert len(report.typical) == 10
    assert {its.kind for its in report.typical} == {"broken", "near_miss"}
    assert len({its.case.id for its in report.typical}) == 10
    assert case(1).id not in {its.case.id for its in report.typical}
