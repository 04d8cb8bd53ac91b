"""Intervals and paired tests over edits, against closed forms and counting by hand."""

import math

import numpy as np
import pytest

from xkde.errors import InputError
from xkde.evaluation.results import statistics
from xkde.evaluation.results.statistics import (
    holm,
    mean_interval,
    paired_difference,
    permutation_test,
    share_over_edits,
    wilson_interval,
)


def test_permutation_by_counting() -> None:
    # Differences 1, 1, 1: of eight signings two are as far from zero.
    assert permutation_test([1, 1, 1]) == pytest.approx(2 / 8)
    # Differences 3, -1: sums ±4, ±2; |2| or more: all four.
    assert permutation_test([3, -1]) == 1.0
    # Differences 3, 1: ±4, ±2; |4| in two of four.
    assert permutation_test([3, 1]) == pytest.approx(0.5)
    assert permutation_test([0, 0]) == 1.0


def test_edits_that_do_not_differ_do_not_matter() -> None:
    assert permutation_test([1.0] * 6 + [0.0] * 50) == pytest.approx(2 / 64)


def binomial(heads: int, n: int) -> float:
    tail = sum(math.comb(n, k) for k in range(min(heads, n - heads) + 1))
    return min(1.0, 2 * tail / 2**n)


@pytest.mark.parametrize(("one", "other"), [(1, 5), (16, 4), (12, 12), (560, 500)])
def test_equal_differences_are_mcnemars_exact_test(one: int, other: int) -> None:
    differences = [1.0] * one + [-1.0] * other + [0.0] * 9
    exact = binomial(one, one + other)
    assert permutation_test(differences) == pytest.approx(exact)
    assert permutation_test([-d for d in differences]) == pytest.approx(exact)
    assert permutation_test([3 * d for d in differences]) == pytest.approx(exact)


def test_drawn_signs_are_near_the_exact_binomial() -> None:
    # 20 edits differ, 16 one way, one of them by a hair less: McNemar's p is 0.0118.
    differences = [1.0] * 15 + [0.999] + [-1.0] * 4
    drawn = permutation_test(differences, draws=40_000)
    assert drawn == pytest.approx(binomial(16, 20), abs=0.002)
    assert drawn == permutation_test(differences, draws=40_000)
    assert permutation_test([1.0] * 39 + [2.0], draws=999) == 1 / 1000


def test_signs_are_drawn_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_CHUNK", 20 * 7)
    assert permutation_test([1.0] * 19 + [2.0], draws=999) == 1 / 1000


# ----------------------------------------------------------------------- intervals


def test_wilson_by_hand() -> None:
    # 8 of 10: middle 0.8 + 3.8416/20 = 0.99208; spread 1.96 √(0.016 + 0.009604)
    # = 0.313624; both over 1.38416.
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(0.490162, abs=1e-5)
    assert high == pytest.approx(0.943318, abs=1e-5)


@pytest.mark.parametrize(("hits", "n"), [(1, 1), (3, 7), (50, 100), (999, 1000)])
def test_wilson_ends_solve_the_score_equation(hits: int, n: int) -> None:
    # The closed form is where (hits/n - p)² = z² p (1 - p) / n.
    for p in wilson_interval(hits, n):
        assert (hits / n - p) ** 2 == pytest.approx(1.96**2 * p * (1 - p) / n)


def test_wilson_at_the_borders() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    # None of n: from 0 to z²/(n + z²); all of n mirrors it.
    assert wilson_interval(0, 20) == pytest.approx((0, 3.8416 / 23.8416), abs=1e-12)
    assert wilson_interval(20, 20) == pytest.approx((20 / 23.8416, 1), abs=1e-12)


def test_wilson_narrows_and_mirrors() -> None:
    low, high = wilson_interval(30, 40)
    wide = wilson_interval(3, 4)
    assert wide[0] < low < 0.75 < high < wide[1]
    assert wilson_interval(10, 40) == pytest.approx((1 - high, 1 - low))
    unsure = wilson_interval(30, 40, z=2.576)
    assert unsure[0] < low < high < unsure[1]


def test_one_yes_or_no_of_each_edit_is_wilsons() -> None:
    low, high, method = mean_interval(np.array([1.0, 0.0, 1.0]), np.ones(3))
    assert (low, high) == wilson_interval(2, 3)
    assert method == "wilson"


def test_equal_answers_count_once_for_each_edit() -> None:
    low, high, method = mean_interval(np.zeros(10), np.full(10, 12.0))
    assert (low, high, method) == (*wilson_interval(0, 10), "wilson")
    low, high, _ = mean_interval(np.full(10, 12.0), np.full(10, 12.0))
    assert (low, high) == wilson_interval(10, 10)


def test_answers_that_go_together_are_no_surer_than_one() -> None:
    # Twelve answers to each of 200 edits, all right or all wrong: as 200 answers.
    right = np.arange(200) % 4 != 0
    low, high, method = mean_interval(12.0 * right, np.full(200, 12.0))
    assert method == "bootstrap"
    assert (low, high) == pytest.approx(wilson_interval(150, 200), abs=0.015)


def test_answers_that_do_not_go_together_are_as_sure_as_they_are_many() -> None:
    random = np.random.default_rng(1)
    sums = random.binomial(12, 0.7, 400).astype(float)
    low, high, _ = mean_interval(sums, np.full(400, 12.0))
    spread = 1.96 * math.sqrt(0.21 / 4800)
    middle = sums.sum() / 4800
    assert (low, high) == pytest.approx((middle - spread, middle + spread), abs=0.004)
    assert mean_interval(sums, np.full(400, 12.0))[:2] == (low, high)  # seeded


def test_edits_with_more_answers_weigh_more() -> None:
    sums, counts = np.array([4.0, 0.0, 1.0]), np.array([4.0, 1.0, 2.0])
    low, high, _ = mean_interval(sums, counts)
    assert 0.0 <= low < 5 / 7 < high <= 1.0


# --------------------------------------------------------------------- differences


def test_a_paired_difference_by_hand() -> None:
    # Edit a is better twice, b is the same, c worse once.
    found = paired_difference(
        [1, 1, 0, 1, 0], [0, 0, 0, 1, 1], ["a", "a", "b", "b", "c"]
    )
    assert (found.n, found.edits) == (5, 3)
    assert (found.first, found.second) == (0.6, 0.4)
    assert found.value == pytest.approx(0.2)
    assert (found.only_first, found.only_second) == (2, 1)
    assert found.p == 1.0  # ±2 ∓ 1: every signing is as far from zero as 1
    assert found.test == "permutation"
    assert found.low < found.value < found.high


def test_the_interval_of_a_difference_is_near_the_normal_one() -> None:
    random = np.random.default_rng(1)
    first, second = random.random(400) < 0.7, random.random(400) < 0.5
    found = paired_difference(first, second, np.arange(400))
    differences = first.astype(float) - second
    spread = 1.96 * differences.std() / math.sqrt(400)
    assert found.low == pytest.approx(found.value - spread, abs=0.012)
    assert found.high == pytest.approx(found.value + spread, abs=0.012)
    assert found.test == "mcnemar"
    assert found == paired_difference(first, second, np.arange(400))


def test_doubling_every_answer_changes_nothing() -> None:
    random = np.random.default_rng(2)
    first, second = random.random(60) < 0.7, random.random(60) < 0.4
    once = paired_difference(first, second, np.arange(60))
    twice = paired_difference(
        np.repeat(first, 2), np.repeat(second, 2), np.repeat(np.arange(60), 2)
    )
    assert twice.p == pytest.approx(once.p)
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_equal_differences_have_no_width() -> None:
    found = paired_difference([2.0, 3.0, 4.0], [1.0, 2.0, 3.0], [0, 1, 2])
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_without_a_test_p_stays_one() -> None:
    assert paired_difference([1] * 9, [0] * 9, range(9), tested=False).p == 1.0


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(InputError, match="not 2 and 1"):
        paired_difference([1, 0], [1], [0, 1])
    with pytest.raises(InputError, match="at least one"):
        paired_difference([], [], [])


def test_holm_by_hand() -> None:
    # Sorted .01 .03 .04: ×3 = .03, ×2 = .06, ×1 = .04 but never below .06.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_a_share_counts_answers_and_edits() -> None:
    # Two edits in twelve languages each, one always right: that is one of two.
    values, edits = [True] * 12 + [False] * 12, ["a"] * 12 + ["b"] * 12
    found = share_over_edits(values, edits)
    assert (found["share"], found["n"], found["edits"]) == (0.5, 24, 2)
    assert (found["low"], found["high"]) == (0.0, 1.0)  # redrawn: aa, ab, bb
    # All equal: Wilson's over edits, not over answers.
    low, high = wilson_interval(2, 2)
    right = share_over_edits([True] * 24, edits)
    assert (right["low"], right["high"]) == (low, high)
    assert share_over_edits([], [])["share"] is None
