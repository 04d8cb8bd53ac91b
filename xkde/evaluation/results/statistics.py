"""Is a difference more than chance: paired intervals and tests, numpy only.

Everything is paired: two editors, or one before and after, over the same cases in the
same order. Seeded, so a number can be repeated. The interval of one share is
``metrics.wilson_interval``. Knows no model and no benchmark.

    python -m pytest tests/xkde/evaluation/results/test_statistics.py
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from xkde.errors import InputError

ROUNDS = 10_000
SEED = 20_250_101
Values = npt.NDArray[np.float64]

_CHUNK = 4_000_000  # random numbers held at a time: 32 MB
_ALL_SIGNS = 16  # up to here every assignment of signs is tried: 65,536
_EXACT_PAIRS = 1_000  # up to here McNemar's test counts; above, it approximates


@dataclass(frozen=True)
class Difference:
    """Mean of first minus mean of second over ``n`` pairs, with its interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class McNemar:
    """Pairs of which only one is right, and how surprising their imbalance is."""

    only_first: int
    only_second: int
    p: float
    exact: bool


def _paired(first: Sequence[float], second: Sequence[float]) -> Values:
    """Return first minus second, pair by pair."""
    if len(first) != len(second):
        raise InputError(
            f"A paired comparison needs the same cases on both sides, not {len(first)} "
            f"and {len(second)}. Keep the cases that both have."
        )
    if not len(first):
        raise InputError("A paired comparison needs at least one case.")
    return np.asarray(first, dtype=float) - np.asarray(second, dtype=float)


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    *,
    rounds: int = ROUNDS,
    level: float = 0.95,
    seed: int = SEED,
) -> Difference:
    """Return the mean difference with its percentile interval over redrawn cases."""
    differences = _paired(first, second)
    n = len(differences)
    random = np.random.default_rng(seed)
    means = np.concatenate(
        [
            differences[random.integers(0, n, (size, n))].mean(axis=1)
            for size in _chunks(rounds, n)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(differences.mean()), float(low), float(high), n)


def permutation_test(
    first: Sequence[float],
    second: Sequence[float],
    *,
    rounds: int = ROUNDS,
    seed: int = SEED,
) -> float:
    """Return the two-sided p of the mean difference if each pair's order were chance.

    Every assignment of signs where there are few pairs that differ; drawn ones else,
    the observed one counted among them.
    """
    differences = _paired(first, second)
    moving = differences[differences != 0]
    n = len(moving)
    if n == 0:
        return 1.0
    # Sums that are equal but for rounding count as equal.
    observed = abs(moving.sum()) - 1e-9 * np.abs(moving).sum()
    if n <= _ALL_SIGNS:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ moving) >= observed).mean())
    random = np.random.default_rng(seed)
    as_extreme = 0
    for size in _chunks(rounds, n):
        signs = 1 - 2 * random.integers(0, 2, (size, n))
        as_extreme += int((np.abs(signs @ moving) >= observed).sum())
    return (as_extreme + 1) / (rounds + 1)


def _chunks(rounds: int, n: int) -> list[int]:
    """Return how many rounds to draw at a time."""
    size = max(1, _CHUNK // n)
    return [min(size, rounds - start) for start in range(0, rounds, size)]


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """Test whether two right-or-wrong columns differ: exact, for many pairs by chi².

    The exact test asks a fair coin; the approximation is continuity-corrected.
    """
    differences = _paired(first, second)
    one, other = int((differences > 0).sum()), int((differences < 0).sum())
    n = one + other
    if n <= _EXACT_PAIRS:
        tail = sum(math.comb(n, k) for k in range(min(one, other) + 1))
        return McNemar(one, other, min(1.0, 2 * tail / 2**n), exact=True)
    chi = max(0, abs(one - other) - 1) / math.sqrt(n)
    return McNemar(one, other, math.erfc(chi / math.sqrt(2)), exact=False)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number by Holm's method, in their order."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def pairs_needed(
    difference: float, discordant: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Return how many pairs show a difference of two shares (Connor 1987).

    ``discordant`` is the share of pairs of which only one is right; a difference cannot
    be larger.
    """
    normal = NormalDist()
    surprise = normal.inv_cdf(1 - alpha / 2) * math.sqrt(discordant)
    chance = normal.inv_cdf(power) * math.sqrt(discordant - difference**2)
    return (surprise + chance) ** 2 / difference**2


def detectable_difference(
    n: int, discordant: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Return the smallest difference of two paired shares that ``n`` pairs show.

    Infinite where even the largest, ``discordant`` itself, needs more pairs.
    """
    if not 0 < discordant <= 1 or n < 1:
        raise InputError(
            "The share of discordant pairs lies above 0 and at most at 1, and there is "
            "at least one pair."
        )
    low, high = 0.0, discordant
    if pairs_needed(high, discordant, alpha=alpha, power=power) > n:
        return math.inf
    for _ in range(60):
        middle = (low + high) / 2
        if pairs_needed(middle, discordant, alpha=alpha, power=power) > n:
            low = middle
        else:
            high = middle
    return high
