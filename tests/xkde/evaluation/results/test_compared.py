"""Two runs question by question: who has what right, and whether that is chance."""

import numpy as np

from tests.helpers.measured_samples import forced, table
from tests.helpers.result_samples import row
from xkde.evaluation.results.compared import (
    compared,
    matched,
    other_protocol,
    values_beside,
)
from xkde.evaluation.results.rows import values_of, where


def test_questions_are_found_again_in_any_order() -> None:
    one = table(row(case="a"), row(case="b"), row(case="c", gold="x"))
    other = table(row(case="c", gold="y"), row(case="b"), row(case="a"))
    assert matched(one, other).tolist() == [2, 1, -1]  # another gold is another one


def test_directions_count_but_for_an_unedited_run() -> None:
    one = table(row(case="a", source="zh"), row(case="a", source="en"))
    plain = table(row(case="a", source="en", editor="none"))
    assert matched(one, plain).tolist() == [-1, 0]
    assert matched(one, plain, is_plain=True).tolist() == [0, 0]
    other = table(row(case="z", source="en"))
    assert matched(one, other).tolist() == [-1, -1]
    assert matched(one, other, is_plain=True).tolist() == [0, 0]


def test_questions_of_one_probe_are_told_apart() -> None:
    one = table(row(question=0), row(question=1))
    assert matched(one, table(row(question=1))).tolist() == [-1, 0]


def test_mcnemar_where_a_case_answers_once() -> None:
    first = table(*(row(case=f"c{n}", exact=n < 9) for n in range(10)))
    second = table(*(row(case=f"c{n}", exact=n < 2) for n in range(10)))
    beside = values_beside(first, second, "score")
    score = values_of(first, "score")
    (found,) = compared(first, where(first, {}), score, beside, "probe")
    its = found.difference
    assert found.group == {"probe": "reliability"}
    assert (its.n, its.edits, its.first, its.second) == (10, 10, 0.9, 0.2)
    assert (its.only_first, its.only_second, its.test) == (7, 0, "mcnemar")
    assert its.p == found.corrected == 2 / 2**7
    assert 0.3 < its.low < its.value < its.high <= 1


def test_cases_are_permuted_where_they_answer_often() -> None:
    rows = [row(case=f"c{n}", target=code) for n in range(6) for code in ("zh", "th")]
    first = table(*rows)
    score, zeros = values_of(first, "score"), np.zeros(len(first))
    (found,) = compared(first, where(first, {}), score, zeros, "probe")
    its = found.difference
    assert (its.test, its.n, its.edits) == ("permutation", 12, 6)
    assert its.p == 2 / 2**6  # all six cases moved one way: two of 64 assignments


def test_holm_holds_for_the_lines_of_a_table() -> None:
    rows = [row(case=f"c{n}", target=code) for n in range(6) for code in ("zh", "th")]
    first = table(*rows)
    score, zeros = values_of(first, "score"), np.zeros(len(first))
    found = compared(first, where(first, {}), score, zeros, "target")
    assert [its.difference.p for its in found] == [2 / 2**6] * 2
    assert [its.corrected for its in found] == [4 / 2**6] * 2


def test_what_one_side_lacks_is_left_out() -> None:
    first = table(row(case="a"), row(case="b"))
    beside = values_beside(first, table(row(case="b", exact=None)), "score")
    score = values_of(first, "score")
    assert compared(first, where(first, {}), score, beside, "probe") == []


def test_the_other_protocol_of_the_same_question() -> None:
    rows = table(
        row(case="a"), forced(case="b", token_accuracy=0.25),
        forced(case="a", token_accuracy=0.5), row(case="c"),
    )  # fmt: skip
    found = other_protocol(rows)
    assert np.array_equal(found, [0.5, np.nan, 1.0, np.nan], equal_nan=True)
