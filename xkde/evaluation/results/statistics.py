"""Intervals and paired tests over edits: the only ones of the project.

The edit is the unit. Answers about one edit, in twelve languages or to several probes,
are right or wrong together, so counting each answer makes an interval too narrow.

- Interval of a mean: edits are redrawn with all their answers (percentile bootstrap of
  clusters: https://doi.org/10.1017/CBO9780511802843). Where each edit gives one yes or
  no, and where all answers are equal, it is Wilson's over edits
  (https://doi.org/10.1080/01621459.1927.10502953), with z = 1.96, p̂ = k / n:
      (p̂ + z²/2n ± z √(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n)
- Paired test: under the null hypothesis the sign of each edit's difference is a coin.
  All signs are tried for up to 16 edits that differ; where all differ by the same
  amount this is McNemar's exact test; otherwise signs are drawn, and the observed ones
  count as one draw (https://doi.org/10.2202/1544-6115.1585).
- Several tests in one table: Holm (https://www.jstor.org/stable/4615733).

Seeded, so that a number can be repeated. Knows no model and no benchmark.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xkde.errors import InputError

REDRAWS = 1_000  # of the edits, for an interval
DRAWN_SIGNS = 10_000  # of a permutation test: p down to 1 in 10,001
SEED = 20_250_101
Values = NDArray[np.float64]
Method = Literal["wilson", "bootstrap"]
Test = Literal["mcnemar", "permutation"]

_CHUNK = 4_000_000  # random numbers held at a time: 32 MB
_ALL_SIGNS = 16  # edits up to which every assignment of signs is tried: 65,536


@dataclass(frozen=True)
class PairedDifference:
    """First minus second over the same ``n`` questions about the same ``edits``.

    ``only_first`` counts questions that only the first answers right.
    """

    n: int
    edits: int
    first: float
    second: float
    low: float  # of first minus second
    high: float
    only_first: int
    only_second: int
    test: Test
    p: float

    @property
    def value(self) -> float:
        """First minus second."""
        return self.first - self.second


def wilson_interval(hits: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a proportion; (0, 1) without observations."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def mean_interval(sums: Values, counts: Values) -> tuple[float, float, Method]:
    """Return the 95 % interval of ``sums.sum() / counts.sum()``, and its method.

    ``sums`` and ``counts``, both (edits,), are the sum of values and the number of
    answers of each edit; every edit has at least one answer.
    """
    edits = len(sums)
    is_one_each = bool(counts.max() == 1 and np.isin(sums, (0.0, 1.0)).all())
    if is_one_each or not sums.any() or (sums == counts).all():
        # Redrawing equal answers cannot tell how sure they are.
        share = float(sums.sum() / counts.sum())
        return (*wilson_interval(share * edits, edits), "wilson")
    return (*_redrawn_interval(sums, counts), "bootstrap")


def share_over_edits(
    values: Sequence[bool], edits: Sequence[str]
) -> dict[str, float | int | None]:
    """Return a share with its interval over edits, ``n`` answers and ``edits``.

    ``edits`` says which edit each answer is about. Without answers nothing is known.
    """
    if not len(values):
        return {"share": None, "low": 0.0, "high": 1.0, "n": 0, "edits": 0}
    _, of_edit = np.unique(np.asarray(edits), return_inverse=True)
    sums: Values = np.bincount(of_edit, np.asarray(values, dtype=float)).astype(float)
    counts = np.bincount(of_edit).astype(float)
    low, high, _ = mean_interval(sums, counts)
    share = float(sums.sum() / counts.sum())
    return {
        "share": share, "low": low, "high": high, "n": len(values), "edits": len(sums),
    }  # fmt: skip


def _redrawn_interval(sums: Values, counts: Values) -> tuple[float, float]:
    weights = _redraws(len(sums))
    low, high = np.quantile((weights @ sums) / (weights @ counts), [0.025, 0.975])
    return float(low), float(high)


def difference_interval(
    sums: Values, counts: Values, other_sums: Values, other_counts: Values
) -> tuple[float, float]:
    """Return the 95 % interval of a mean minus another over the same drawn edits.

    All are (edits,); an edit may have answers on one side only. Redraws without answers
    on both sides are left out.
    """
    weights = _redraws(len(sums))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weights @ sums) / (weights @ counts)
        drawn = mean - (weights @ other_sums) / (weights @ other_counts)
    low, high = np.quantile(drawn[np.isfinite(drawn)], [0.025, 0.975])
    return float(low), float(high)


@lru_cache(maxsize=8)
def _redraws(edits: int) -> Values:
    """Return how often each edit is drawn in each redraw: (REDRAWS, edits)."""
    random = np.random.default_rng(SEED)
    drawn = random.multinomial(edits, np.full(edits, 1 / edits), size=REDRAWS)
    return drawn.astype(np.float64)


def paired_difference(
    first: ArrayLike, second: ArrayLike, edits: ArrayLike, *, tested: bool = True
) -> PairedDifference:
    """Compare two values of each question; ``edits`` says which edit it is about.

    All three are (questions,). Without ``tested`` p stays 1. Raises InputError where
    the two sides do not hold the same questions, or none.
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    _, of_edit = np.unique(np.asarray(edits), return_inverse=True)
    if not len(one) == len(other) == len(of_edit):
        raise InputError(
            f"A paired comparison needs the same cases on both sides, not {len(one)} "
            f"and {len(other)}. Keep the cases that both have."
        )
    if not len(one):
        raise InputError("A paired comparison needs at least one case.")
    counts = np.bincount(of_edit).astype(float)
    differences = np.bincount(of_edit, one - other).astype(float)
    low, high = _redrawn_interval(differences, counts)
    is_yes_no = bool(np.isin([one, other], (0.0, 1.0)).all())
    return PairedDifference(
        n=len(one),
        edits=len(counts),
        first=float(one.mean()),
        second=float(other.mean()),
        low=low,
        high=high,
        only_first=int(((one == 1) & (other < 1)).sum()),
        only_second=int(((other == 1) & (one < 1)).sum()),
        test="mcnemar" if is_yes_no and counts.max() == 1 else "permutation",
        p=permutation_test(differences) if tested else 1.0,
    )


def permutation_test(
    differences: ArrayLike, *, draws: int = DRAWN_SIGNS, seed: int = SEED
) -> float:
    """Return the two-sided p of the sum of ``differences`` (edits,) by sign."""
    every = np.asarray(differences, dtype=float)
    moving = every[every != 0]
    n, sizes = len(moving), np.abs(moving)
    if n == 0:
        return 1.0
    if n > _ALL_SIGNS and np.allclose(sizes, sizes[0]):
        return _binomial(int((moving > 0).sum()), n)
    # Sums that are equal but for rounding count as equal.
    observed = abs(moving.sum()) - 1e-9 * sizes.sum()
    if n <= _ALL_SIGNS:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ moving) >= observed).mean())
    random = np.random.default_rng(seed)
    as_extreme, size = 0, max(1, _CHUNK // n)
    for start in range(0, draws, size):
        rows = min(size, draws - start)
        bits = np.unpackbits(np.frombuffer(random.bytes(rows * n // 8 + 1), np.uint8))
        turned = bits[: rows * n].reshape(rows, n).astype(np.float64) @ moving
        as_extreme += int((np.abs(moving.sum() - 2 * turned) >= observed).sum())
    return (as_extreme + 1) / (draws + 1)


def _binomial(heads: int, n: int) -> float:
    """Return the two-sided p of ``heads`` of ``n`` throws of a fair coin."""
    tail = min(heads, n - heads)
    # log C(n, k) for k = 0 … tail, by C(n, k) = C(n, k − 1) · (n − k + 1) / k
    steps = np.log(np.arange(n, n - tail, -1)) - np.log(np.arange(1, tail + 1))
    logs = np.concatenate([[0.0], np.cumsum(steps)]) - n * math.log(2)
    return min(1.0, 2 * float(np.exp(logs).sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number by Holm's method, in their order."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected
