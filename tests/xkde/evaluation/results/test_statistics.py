"""Intervals and tests against closed forms and counting by hand.

python -m pytest tests/xkde/evaluation/results/test_statistics.py
"""

import math

import numpy as np
import pytest

from xkde.errors import InputError
from xkde.evaluation.results.statistics import (
    detectable_difference,
    holm,
    mcnemar,
    paired_bootstrap,
    pairs_needed,
    permutation_test,
)


def test_permutation_by_counting() -> None:
    # Differences 1, 1, 1: of eight signings two are as far from zero.
    assert permutation_test([1, 1, 1], [0, 0, 0]) == pytest.approx(2 / 8)
    # Differences 3, -1: sums ±4, ±2; |2| or more: all four.
    assert permutation_test([3, 0], [0, 1]) == 1.0
    # Differences 3, 1: ±4, ±2; |4| in two of four.
    assert permutation_test([3, 1], [0, 0]) == pytest.approx(0.5)
    assert permutation_test([1, 2], [1, 2]) == 1.0


def test_pairs_that_do_not_differ_do_not_matter() -> None:
    first, second = [1.0] * 6 + [0.0] * 50, [0.0] * 56
    assert permutation_test(first, second) == pytest.approx(2 / 64)


def test_drawn_permutations_are_near_the_exact_binomial() -> None:
    # 20 pairs differ, 16 one way: the same as McNemar, p = 0.0118.
    first, second = [1] * 16 + [0] * 4, [0] * 16 + [1] * 4
    exact = mcnemar([bool(x) for x in first], [bool(x) for x in second])
    drawn = permutation_test(first, second, rounds=40_000)
    assert drawn == pytest.approx(exact.p, abs=0.002)
    assert drawn == permutation_test(first, second, rounds=40_000)
    assert permutation_test([1] * 40, [0] * 40, rounds=999) == 1 / 1000


def test_mcnemar_by_counting() -> None:
    # 1 against 5: 2 · (C(6,0) + C(6,1)) / 2⁶ = 14/64.
    first = [True] * 1 + [False] * 5 + [True] * 9
    second = [False] * 1 + [True] * 5 + [True] * 9
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second, found.exact) == (1, 5, True)
    assert found.p == pytest.approx(14 / 64)
    assert mcnemar(second, first).p == found.p
    assert mcnemar([True, False], [True, False]).p == 1.0
    assert mcnemar([True, False], [False, True]).p == 1.0


def test_mcnemar_approximates_many_pairs() -> None:
    # 560 against 500: z = 59/√1060 = 1.8122, two-sided p = 0.0700.
    first = [True] * 560 + [False] * 500
    found = mcnemar(first, [not right for right in first])
    assert not found.exact
    assert found.p == pytest.approx(0.0700, abs=2e-4)


def test_bootstrap_of_shares_is_near_the_normal_interval() -> None:
    random = np.random.default_rng(1)
    first, second = random.random(400) < 0.7, random.random(400) < 0.5
    found = paired_bootstrap(first.tolist(), second.tolist())
    differences = first.astype(float) - second
    spread = 1.96 * differences.std() / math.sqrt(400)
    assert found.value == pytest.approx(differences.mean())
    assert found.low == pytest.approx(found.value - spread, abs=0.01)
    assert found.high == pytest.approx(found.value + spread, abs=0.01)
    assert found.n == 400
    assert found == paired_bootstrap(first.tolist(), second.tolist())
    assert found != paired_bootstrap(first.tolist(), second.tolist(), seed=2)
    narrow = paired_bootstrap(first.tolist(), second.tolist(), level=0.5)
    assert found.low < narrow.low < narrow.high < found.high


def test_bootstrap_of_equal_differences_has_no_width() -> None:
    found = paired_bootstrap([2.0, 3.0, 4.0], [1.0, 2.0, 3.0], rounds=50)
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_bootstrap_draws_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = [1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]
    monkeypatch.setattr("xkde.evaluation.results.statistics._CHUNK", 4 * 7)
    found = paired_bootstrap(first, second, rounds=1000)
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


@pytest.mark.parametrize("test", [paired_bootstrap, permutation_test, mcnemar])
def test_pairs_must_be_pairs(test) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="not 2 and 1"):
        test([1, 0], [1])
    with pytest.raises(InputError, match="at least one"):
        test([], [])


def test_holm_by_hand() -> None:
    # Sorted .01 .03 .04: ×3 = .03, ×2 = .06, ×1 = .04 but never below .06.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_pairs_needed_by_hand() -> None:
    # ψ = .2, d = .1: (1.95996 · √.2 + .841621 · √.19)² / .01
    # = (.876522 + .366854)² / .01 = 1.545984 / .01
    assert pairs_needed(0.1, 0.2) == pytest.approx(154.5984, abs=1e-3)


def test_detectable_difference_is_its_inverse() -> None:
    for n in (50, 519, 1037):
        found = detectable_difference(n, 0.2)
        assert pairs_needed(found, 0.2) == pytest.approx(n, rel=1e-6)
    assert detectable_difference(1037, 0.2) < detectable_difference(519, 0.2)
    assert detectable_difference(519, 0.1) < detectable_difference(519, 0.3)
    assert detectable_difference(3, 0.2) == math.inf
    with pytest.raises(InputError, match="above 0"):
        detectable_difference(100, 0.0)
