"""Retrieval: which edits of a memory concern a query, in whatever language, or none.

    score(edit, query) = cos(vector of edit, vector of query)
                         + weight * (share of the edit's name that the query contains)

An edit applies if its score reaches the threshold. Both constants are measured for each
encoder (``python -m xkde retrieval --keep``). The more edits a memory has, the nearer
comes one of them to a query that is about none. So an encoder may ask more of a large
memory: a score must stand out from the cosines of the other edits,

    score(edit, query) >= mean + outlier * standard deviation

    index = build_index(memory.edits, encoder)
    retrieve(index, Query("日本的首都是哪里？", "zh"), k=3, threshold=0.8)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xkde.memory.index import MemoryIndex, Numbers, Vectors
from xkde.types import Edit, Query

WEIGHT = 0.2  # of the lexical score, where none was measured
THRESHOLD = 0.75  # where none was measured
MOST_STATED = 3  # edits that one prompt states
TOGETHER = 32  # queries whose scores are in memory at once
NEAREST = 5  # edits that are kept for display, whatever their score
LARGE = 50  # edits of a memory from which on a score must stand out


@dataclass(frozen=True)
class Calibration:
    """The threshold and the lexical weight that suit an encoder.

    ``outlier`` is how many standard deviations a score must stand out in a large
    memory; 0: the threshold alone decides.
    """

    threshold: float = THRESHOLD
    weight: float = WEIGHT
    outlier: float = 0.0


def calibration_of(card: Mapping[str, Any]) -> Calibration:
    """Return what an encoder's card says was measured, else the defaults."""
    measured = card.get("retrieval", {})
    return Calibration(
        float(measured.get("threshold", THRESHOLD)),
        float(measured.get("weight", WEIGHT)),
        float(measured.get("outlier", 0.0)),
    )


@dataclass(frozen=True)
class Retrieved:
    """An edit that may concern a query; ``place`` is its index in the memory.

    ``dense`` is a cosine, -1 to 1; ``lexical`` is 0 to 1; ``score`` joins both.
    """

    edit: Edit
    dense: float
    lexical: float
    score: float
    place: int


@dataclass(frozen=True)
class Recalled:
    """The edits nearest to one query, the best first, and which of them are stated."""

    nearest: tuple[Retrieved, ...]
    threshold: float
    at_most: int = MOST_STATED

    @property
    def passed(self) -> tuple[Retrieved, ...]:
        """The edits that reach the threshold, the best first, at most ``at_most``."""
        above = [each for each in self.nearest if each.score >= self.threshold]
        return tuple(above[: self.at_most])

    @property
    def stated(self) -> tuple[Edit, ...]:
        """The same in the memory's order: of two answers the later one stands last."""
        return tuple(e.edit for e in sorted(self.passed, key=lambda e: e.place))


def recall(
    index: MemoryIndex,
    queries: Sequence[Query],
    calibration: Calibration,
    at_most: int = MOST_STATED,
) -> tuple[Recalled, ...]:
    """Return the nearest edits of each query, those below the threshold among them."""
    if not index.edits or not queries:
        return tuple(Recalled((), calibration.threshold, at_most) for _ in queries)
    texts = [query.text for query in queries]
    vectors = index.encoder.encode(texts, "query")
    kept = max(NEAREST, at_most)
    nearest = _retrieve(index, texts, vectors, kept, -math.inf, calibration.weight)
    thresholds = [calibration.threshold] * len(queries)
    if calibration.outlier and len(index.edits) >= LARGE:
        thresholds = _thresholds(index, vectors, nearest, calibration)
    return tuple(
        Recalled(edits, threshold, at_most)
        for edits, threshold in zip(nearest, thresholds, strict=True)
    )


def _thresholds(
    index: MemoryIndex,
    vectors: Vectors,
    nearest: Sequence[Sequence[Retrieved]],
    calibration: Calibration,
) -> list[float]:
    """Return what stands out for each query from all edits but those it may be about.

    Mean and variance of the cosines v·q follow from sums over the vectors v:
    Σ v·q = (Σ v)·q and Σ (v·q)² = qᵀ (Σ v vᵀ) q.
    """
    sums, products = index.moments
    others = len(index.edits) - MOST_STATED
    found = []
    for vector, edits in zip(vectors.astype(np.float64), nearest, strict=True):
        best = np.array([each.dense for each in edits[:MOST_STATED]])
        mean = (sums @ vector - best.sum()) / others
        square = (vector @ products @ vector - best @ best) / others
        deviation = math.sqrt(max(0.0, square - mean**2))
        found.append(max(calibration.threshold, mean + calibration.outlier * deviation))
    return found


def retrieve(
    index: MemoryIndex,
    query: Query,
    k: int = 1,
    threshold: float = THRESHOLD,
    weight: float = WEIGHT,
) -> tuple[Retrieved, ...]:
    """Return at most ``k`` edits that concern a query, the best first; () for none."""
    return retrieve_all(index, [query], k, threshold, weight)[0]


def retrieve_all(
    index: MemoryIndex,
    queries: Sequence[Query],
    k: int = 1,
    threshold: float = THRESHOLD,
    weight: float = WEIGHT,
) -> list[tuple[Retrieved, ...]]:
    """Return the same for many queries, which are encoded together."""
    if not index.edits or not queries or k < 1:
        return [() for _ in queries]
    texts = [query.text for query in queries]
    vectors = index.encoder.encode(texts, "query")
    return _retrieve(index, texts, vectors, k, threshold, weight)


def _retrieve(
    index: MemoryIndex,
    texts: Sequence[str],
    vectors: Vectors,
    k: int,
    threshold: float,
    weight: float,
) -> list[tuple[Retrieved, ...]]:
    found: list[tuple[Retrieved, ...]] = []
    for i in range(0, len(texts), TOGETHER):
        lexical = [index.names.scores(text) for text in texts[i : i + TOGETHER]]
        best = index.search(vectors[i : i + TOGETHER], lexical, k, weight)
        found += [
            _ranked(index, *each, k, threshold, weight)
            for each in zip(lexical, best, strict=True)
        ]
    return found


def _ranked(
    index: MemoryIndex,
    lexical: Vectors,
    best: tuple[Numbers, Vectors],
    k: int,
    threshold: float,
    weight: float,
) -> tuple[Retrieved, ...]:
    places, dense = best
    scores = dense + weight * lexical[places]
    # Of equal scores the later edit comes first: it was stated last.
    order = sorted(
        (i for i in range(len(places)) if scores[i] >= threshold),
        key=lambda i: (-scores[i], -places[i]),
    )
    return tuple(
        Retrieved(
            edit=index.edits[places[i]],
            dense=float(dense[i]),
            lexical=float(lexical[places[i]]),
            score=float(scores[i]),
            place=int(places[i]),
        )
        for i in order[:k]
    )


def all_scores(index: MemoryIndex, queries: Sequence[Query]) -> tuple[Vectors, Vectors]:
    """Return dense and lexical scores, both (queries, edits), to measure retrieval."""
    vectors = index.encoder.encode([query.text for query in queries], "query")
    lexical = np.stack([index.names.scores(query.text) for query in queries])
    return vectors @ index.vectors.T, lexical
