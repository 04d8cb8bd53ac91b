"""Which answers are shown: filters, orders, addresses."""

from urllib.parse import parse_qsl

import numpy as np
import pytest

from pages.benchmarks.cases.view import FAILED, SORTS, CasePlace, CaseView, filtered
from tests.helpers.measured_samples import forced, table
from tests.helpers.result_samples import row
from xkde.labelling.queue import QueueChoice

WRONG = {"exact": False, "alias": False, "lenient": False, "contains": False, "f1": 0.0}
ROWS = table(
    row(case="a"),
    row(case="b", **(WRONG | {"alias": True, "lenient": True}), relation="mayor"),
    row(case="c", **(WRONG | {"lenient": True}), target="th"),
    row(case="d", **(WRONG | {"contains": True, "f1": 0.5}), source="zh"),
    row(case="e", **(WRONG | {"f1": 0.4}), in_target=False, in_source=True),
    row(case="f", **WRONG, answer="Tōkyō", clean=False),
    row(case="g", **dict.fromkeys(WRONG), answer=None),
    forced(case="h"),
    forced(case="i", token_accuracy=0.5),
    forced(case="j", token_accuracy=0.0, probe="locality"),
    forced(case="k", token_accuracy=None, answer=None),
)


def cases(view: CaseView, beside: np.ndarray | None = None) -> str:
    return "".join(ROWS["case"].iloc[filtered(ROWS, view, beside)])


@pytest.mark.parametrize(
    ("view", "found"),
    [
        (CaseView(), "abcdefghijk"),
        (CaseView(protocol="generated"), "abcdefg"),
        (CaseView(probe="locality"), "j"),
        (CaseView(source="zh"), "d"),
        (CaseView(target="th"), "c"),
        (CaseView(target="xx"), ""),
        (CaseView(relation="mayor"), "b"),
        (CaseView(rule="right"), "ah"),
        (CaseView(rule="wrong"), "bcdefij"),
        (CaseView(rule="unmeasured"), "gk"),
        (CaseView(rule="contains"), "d"),
        (CaseView(spoken="in_source"), "e"),
        (CaseView(spoken="not_in_target"), "e"),
        (CaseView(clean="defects"), "f"),
        (CaseView(text="tōky"), "f"),
        (CaseView(text="("), ""),
        (CaseView(descending=True), "kjihgfedcba"),
        (CaseView(sort="score", protocol="generated"), "bcdefag"),  # unmeasured last
        (CaseView(sort="score", descending=True, protocol="generated"), "abcdefg"),
        (CaseView(sort="f1", descending=True, protocol="generated"), "adebcfg"),
        (CaseView(sort="target"), "cabdefghijk"),
        (CaseView(versus="both"), ""),  # beside nothing
    ],
)
def test_filters_and_orders(view: CaseView, found: str) -> None:
    assert cases(view) == found


def test_beside_another_run() -> None:
    other = np.array([1, 1, 0, 0, np.nan, 0, 1, 0, 1, 1, 1.0])
    assert cases(CaseView(versus="only_this"), other) == "h"
    assert cases(CaseView(versus="only_other"), other) == "bij"
    assert cases(CaseView(versus="both"), other) == "a"
    assert cases(CaseView(versus="neither"), other) == "cdf"


FULL = CaseView(
    run="shipped/atlas", beside="evaluations/x", protocol="generated", probe="locality",
    source="en", target="zh", relation="a & b", rule="wrong", versus="only_other",
    spoken="copied", clean="clean", text="a=b&大阪", sort="case", descending=True,
    page=3, size=100,
)  # fmt: skip


@pytest.mark.parametrize("view", [CaseView(), FULL])
def test_an_address_holds_the_view(view: CaseView) -> None:
    query = view.to_query()
    assert all(isinstance(value, str) and value for value in query.values())
    assert CaseView.from_query(query) == view


def test_addresses_are_not_trusted() -> None:
    query = {"leaf": "-3", "rows": "100000", "order": "password", "rule": "evil",
             "versus": "x", "spoken": "y", "defects": "z", "probe": "w"}  # fmt: skip
    assert CaseView.from_query(query) == CaseView()
    assert CaseView.from_query({"leaf": "9" * 99}).page == 1
    assert len(CaseView.from_query({"find": "a" * 9_999}).text) == 200


def test_every_sort_keeps_every_row() -> None:
    for sort in SORTS:
        assert sorted(cases(CaseView(sort=sort))) == list("abcdefghijk")


def test_a_place_is_reopened_by_its_address() -> None:
    for place in (CasePlace(), CasePlace(FULL, 205), CasePlace(FULL, 200)):
        query = dict(parse_qsl(place.address()))
        assert (query["tab"], query["view"]) == ("benchmarks", "cases")
        assert CasePlace.from_query(query) == place
    assert CasePlace.from_query({"nth": "-4"}).at == 0


def test_failures_lead_to_a_queue_that_draws_the_same() -> None:
    view = CaseView(
        run="evaluations/one", beside="evaluations/other", target="th",
        failure="near_miss", versus="only_other", text="no such filter there",
    )  # fmt: skip
    query = dict(parse_qsl(view.queue_address()))
    assert query["tab"] == "errors"
    choice = QueueChoice.from_query(query)
    assert (choice.run, choice.beside) == (view.run, view.beside)
    assert (choice.side, choice.target, choice.kind) == (
        "only_second", "th", "near_miss",
    )  # fmt: skip
    assert not QueueChoice.from_query(
        dict(parse_qsl(CaseView(failure=FAILED).queue_address()))
    ).kind
