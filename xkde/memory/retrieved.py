"""What a memory says to a query: its nearest edits, and which of them are stated.

Beside the edits that reach the threshold it keeps those that nearly do, to be seen.
They are stated in the memory's order, so that of two answers the later stands last.

Run its tests: ``python -m pytest tests/xkde/memory/test_retrieved.py``
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from xkde.memory.index import MemoryIndex
from xkde.memory.retrieval import WEIGHT, Retrieved, retrieve_all
from xkde.types import Edit, Query

AT_MOST = 3  # edits that are stated with one query
SHOWN = 5  # edits that are kept to be seen


@dataclass(frozen=True)
class Recalled:
    """A memory's nearest edits for one query, the best first."""

    nearest: tuple[Retrieved, ...]
    threshold: float
    at_most: int = AT_MOST

    @property
    def passed(self) -> tuple[Retrieved, ...]:
        """Those that are stated, the best first."""
        good = [each for each in self.nearest if each.score >= self.threshold]
        return tuple(good[: self.at_most])

    @property
    def stated(self) -> tuple[Edit, ...]:
        """Their edits as they stand in the prompt; none: no edit applies."""
        return tuple(e.edit for e in sorted(self.passed, key=lambda e: e.place))


def recall(
    index: MemoryIndex,
    queries: Sequence[Query],
    threshold: float,
    weight: float = WEIGHT,
) -> tuple[Recalled, ...]:
    """Return what is nearest to each query."""
    found = retrieve_all(index, queries, max(SHOWN, AT_MOST), -math.inf, weight)
    return tuple(Recalled(nearest, threshold) for nearest in found)
