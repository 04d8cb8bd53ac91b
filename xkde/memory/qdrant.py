"""Qdrant as the search of a memory, where looking at every vector takes too long.

Its client is an extra (``pip install qdrant-client``) and is imported when it is asked
for. Without an address it runs in this process, in memory or in a folder, and there it
looks at every vector too; a server has a graph of them. Dense scores are Qdrant's,
names are looked up here, and the best of both are joined.

Run its tests: ``python -m pytest tests/xkde/memory/test_qdrant.py``
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from xkde.errors import SettingsError
from xkde.memory.index import MakeSearch, Numbers, Search, Vectors, top

POOL = 50  # candidates of each kind, at least: the best sum need not be best in either
POOL_TIMES = 4  # as many times what is asked for
BATCH = 1_000  # points of one upload
IN_THIS_PROCESS = ":memory:"


def connect(where: str = IN_THIS_PROCESS, api_key: str = "") -> Any:
    """Return a client: of a server by its address, of a folder, or of this process."""
    if find_spec("qdrant_client") is None:
        raise SettingsError(
            "Qdrant needs its client. Install it: pip install qdrant-client"
        )
    client = import_module("qdrant_client").QdrantClient
    if where.startswith(("http://", "https://")):
        return client(url=where, api_key=api_key or None)
    return client(IN_THIS_PROCESS) if where == IN_THIS_PROCESS else client(path=where)


def in_qdrant(client: Any, collection: str = "edits") -> MakeSearch:
    """Return what puts vectors into a collection, anew, and searches them there."""

    def make_search(vectors: Vectors) -> Search:
        _upload(client, collection, vectors)
        count = len(vectors)

        def search(
            query: Vectors, lexical: Vectors, k: int, weight: float
        ) -> tuple[Numbers, Vectors]:
            if not count:
                return np.zeros(0, np.int64), np.zeros(0, np.float32)
            pool = max(POOL, POOL_TIMES * k)
            dense = _nearest(client, collection, query, pool)
            named = [int(i) for i in top(lexical, pool) if lexical[i] > 0]
            missing = [place for place in named if place not in dense]
            if missing:
                dense |= _nearest(client, collection, query, len(missing), missing)
            places = np.array(sorted(dense), dtype=np.int64)
            scores = np.array([dense[int(i)] for i in places], dtype=np.float32)
            best = top(scores + weight * lexical[places], k)
            return places[best], scores[best]

        return search

    return make_search


def _upload(client: Any, collection: str, vectors: Vectors) -> None:
    models = import_module("qdrant_client.models")
    if client.collection_exists(collection):
        client.delete_collection(collection)
    if not len(vectors):
        return
    client.create_collection(
        collection,
        vectors_config=models.VectorParams(
            size=vectors.shape[1], distance=models.Distance.COSINE
        ),
    )
    client.upload_collection(
        collection, vectors=vectors, ids=range(len(vectors)), batch_size=BATCH
    )


def _nearest(
    client: Any,
    collection: str,
    query: Vectors,
    limit: int,
    among: list[int] | None = None,
) -> dict[int, float]:
    """Return the nearest points with their scores, of all or among some."""
    models = import_module("qdrant_client.models")
    chosen = None
    if among is not None:
        chosen = models.Filter(must=[models.HasIdCondition(has_id=among)])
    found = client.query_points(
        collection,
        query=query.tolist(),
        limit=limit,
        query_filter=chosen,
        with_payload=False,
    )
    return {int(point.id): float(point.score) for point in found.points}
