"""Which edits concern a query, in whatever language, or that none does.

A score is the cosine of two vectors plus a share of the lexical match of names; what
does not reach the threshold does not apply. One function, whatever the search.

    index = build_index(memory.edits, encoder)
    retrieve(index, Query("日本的首都是哪里？", "zh"), k=3, threshold=0.8)

Run its tests: ``python -m pytest tests/xkde/memory/test_retrieval.py``
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from xkde.memory.index import MemoryIndex, Vectors
from xkde.types import Edit, Query

WEIGHT = 0.2  # of the lexical score; an encoder's card may have a better one
THRESHOLD = 0.75  # where nothing was measured; ``python -m xkde retrieval`` does


@dataclass(frozen=True)
class Retrieved:
    """An edit that may concern a query; ``place`` is where it stands in the index.

    ``dense`` is a cosine, -1 to 1; ``lexical`` 0 to 1; ``score`` joins both.
    """

    edit: Edit
    dense: float
    lexical: float
    score: float
    place: int


def retrieve(
    index: MemoryIndex,
    query: Query,
    k: int = 1,
    threshold: float = THRESHOLD,
    weight: float = WEIGHT,
) -> tuple[Retrieved, ...]:
    """Return at most ``k`` edits that concern a query, the best first.

    Nothing means that no edit applies.
    """
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
    vectors = index.encoder.encode([query.text for query in queries], "query")
    return [
        _retrieve(index, query, vector, k, threshold, weight)
        for query, vector in zip(queries, vectors, strict=True)
    ]


def _retrieve(
    index: MemoryIndex,
    query: Query,
    vector: Vectors,
    k: int,
    threshold: float,
    weight: float,
) -> tuple[Retrieved, ...]:
    lexical = index.names.scores(query.text)
    places, dense = index.search(vector, lexical, k, weight)
    scores = dense + weight * lexical[places]
    # Of equal scores the later edit comes first: it is what was said last.
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
    """Return dense and lexical scores, (queries, edits): to measure, not to retrieve.

    ``retrieve`` gives the same numbers, whatever the weight and the threshold.
    """
    vectors = index.encoder.encode([query.text for query in queries], "query")
    lexical = np.stack([index.names.scores(query.text) for query in queries])
    return vectors @ index.vectors.T, lexical


def retriever(
    index: MemoryIndex,
    k: int = 1,
    threshold: float = THRESHOLD,
    weight: float = WEIGHT,
) -> Callable[[Query], tuple[Edit, ...]]:
    """Return what editors in the prompt take: the edits that concern a query."""

    def concerned(query: Query) -> tuple[Edit, ...]:
        found = retrieve(index, query, k, threshold, weight)
        return tuple(retrieved.edit for retrieved in found)

    return concerned
