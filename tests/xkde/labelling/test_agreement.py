"""Agreement by hand."""

import pytest

from tests.helpers.label_samples import case, label, said
from xkde.labelling.agreement import (
    MACHINE,
    agreement_of,
    cohen_kappa,
    krippendorff_alpha,
)
from xkde.labelling.records import LabelledCase


def test_alpha_by_hand() -> None:
    # Four cases of two annotators, one differs: values a a, a a, b b, a b.
    # o_aa = 4, o_bb = 2, o_ab = o_ba = 1; n_a = 5, n_b = 3, n = 8.
    # D_o = 2/8; D_e = 2·5·3/(8·7); alpha = 1 − 7·2/30.
    units = [["a", "a"], ["a", "a"], ["b", "b"], ["a", "b"]]
    assert krippendorff_alpha(units) == pytest.approx(1 - 14 / 30)


def test_alpha_of_three_with_gaps_is_that_of_the_literature() -> None:
    # Krippendorff, “Computing Krippendorff's Alpha-Reliability” (2011), example C:
    # four observers, twelve units, nominal: alpha = 0.743.
    rows = (
        "1 2 3 3 2 1 4 1 2 . . .".split(), "1 2 3 3 2 2 4 1 2 5 . 3".split(),
        ". 3 3 3 2 3 4 2 2 5 1 .".split(), "1 2 3 3 2 4 4 1 2 5 1 .".split(),
    )  # fmt: skip
    units = [[v for v in unit if v != "."] for unit in zip(*rows, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_without_variety_or_without_two_there_is_no_number() -> None:
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) is None
    assert krippendorff_alpha([["a"], ["b"]]) is None
    assert krippendorff_alpha([]) is None
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None


def test_kappa_by_hand() -> None:
    # p_o = 3/4; p_e = 3/4·1/2 + 1/4·1/2 = 1/2
    assert cohen_kappa(list("aaab"), list("aabb")) == pytest.approx(0.5)


def test_annotators_and_machine_are_compared_where_both_spoke() -> None:
    cases = [
        said(1, "broken", Ada="broken", Bo="broken"),
        said(2, "broken", Ada="near_miss", Bo="broken"),
        said(3, "leaked", Ada="leaked"),
    ]
    found = agreement_of(cases)
    by_names = {(pair.first, pair.second): pair for pair in found.pairs}
    assert set(by_names) == {("Ada", "Bo"), ("Ada", MACHINE), ("Bo", MACHINE)}
    two = by_names["Ada", "Bo"]
    assert (two.cases, two.edits, two.agreed, two.share) == (2, 2, 1, 0.5)
    assert two.table == {("broken", "broken"): 1, ("near_miss", "broken"): 1}
    assert two.low < 0.5 < two.high
    assert by_names["Ada", MACHINE].cases == 3
    assert found.rated == 2
    assert [each.case.id for each in found.disputed] == [case(2).id]


def test_what_is_settled_is_disputed_no_more_and_counts() -> None:
    disputed = said(1, "broken", Ada="near_miss", Bo="broken")
    agreed = label(1, "leaked", settles=True)
    settled = LabelledCase(disputed.case, (*disputed.labels, agreed))
    assert disputed.is_disputed
    assert not settled.is_disputed
    assert settled.kind == "leaked"
    assert set(settled.own) == {"Ada", "Bo"}
