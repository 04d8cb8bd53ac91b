"""When an answer is right: exact match after normalisation, and its interval.

Pure functions of strings and numbers; knows no model and no benchmark.
"""

import math
from collections.abc import Sequence

from xkde.text import normalise


def exact_match(answer: str, gold: str) -> bool:
    """Say whether two answers are the same after normalisation."""
    return bool(normalise(gold)) and normalise(answer) == normalise(gold)


def wilson_interval(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a proportion; (0, 1) without observations."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (middle - spread) / scale, (middle + spread) / scale


def mean(values: Sequence[float]) -> float:
    """Return the mean; NaN where nothing was measured."""
    return sum(values) / len(values) if values else math.nan
