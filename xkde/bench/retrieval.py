"""Latency of retrieval from memories of 1,000, 10,000 and 100,000 edits.

The edits are Atlas's questions about invented people. A sample of them is encoded; its
vectors, repeated with noise, serve for the rest, so that all vectors are distinct. The
latency of a query includes encoding, matching of names and exact search. Qdrant's local
mode is measured if its client is installed. Of the largest memory, TOGETHER queries at
once are compared, less their encoding, with the same scores as numpy and scipy give
them: one product of the vectors, one sparse product of the names' n-grams, and the best
of each query. Their dense product alone, which leaves out the names, is given too.

Run it: ``python -m xkde bench retrieval``
"""

import os
import random
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import psutil

from xkde import paths
from xkde.data.atlas.novel_names import title
from xkde.data.atlas.questions import wordings
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.memory.index import (
    Encoder,
    Kind,
    MakeSearch,
    NameIndex,
    Numbers,
    Scores,
    Vectors,
    build_index,
    connect_qdrant,
    exact_search,
    ngrams,
    qdrant_search,
)
from xkde.memory.retrieval import WEIGHT, retrieve, retrieve_all
from xkde.types import Edit, Query

SIZES = (1_000, 10_000, 100_000)
QUERIES = 200
TOGETHER, ROUNDS = 32, 15
ENCODED = 1_000  # edits whose encoding is timed
NOISE = 0.3  # added to a vector before its length is made one again
NAME = "atlas-encoder"
QDRANT_MOST = 10_000  # its client advises against more in its local mode
RELATION = "birthplace"


class _PrecomputedEncoder:
    """Returns given vectors for the edits, and encodes queries."""

    def __init__(self, encoder: Encoder, vectors: Vectors) -> None:
        self.name, self.encoder, self.vectors = encoder.name, encoder, vectors

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        return self.vectors if kind == "edit" else self.encoder.encode(texts, kind)


def measure(
    sizes: Sequence[int] = SIZES, queries: int = QUERIES, encoded: int = ENCODED
) -> dict[str, object]:
    """Return build times, latencies and memory for every size."""
    from xkde.engines.encoder import load_encoder

    encoder = load_encoder(paths.checkpoints() / NAME, device="cpu")
    edits = invented_edits(max(sizes))
    sample = [f"{edit.question} {edit.answer}" for edit in edits[:encoded]]
    encoder.encode(sample[:8], "edit")  # warm-up
    started = time.perf_counter()
    base = encoder.encode(sample, "edit")
    seconds = time.perf_counter() - started
    report: dict[str, object] = {
        "edits_encoded_per_second": round(len(sample) / seconds)
    }
    vectors = _noisy_copies(base, max(sizes))
    for size in sizes:
        report |= _measure_search(
            encoder, edits[:size], vectors[:size], queries, exact_search, "exact"
        )
    report |= many_at_once(encoder, edits, vectors)
    if find_spec("qdrant_client"):
        size = min(QDRANT_MOST, max(sizes))
        search = qdrant_search(connect_qdrant())
        report |= _measure_search(
            encoder, edits[:size], vectors[:size], queries, search, "qdrant"
        )
    return report | {
        "weights": NAME,
        "width": base.shape[1],
        "resident_mb": round(psutil.Process().memory_info().rss / 1e6),
        "cores": os.cpu_count(),
        "protocol": f"{queries} queries, one at a time, encoding included; vectors of "
        f"{len(base)} edits, repeated with noise; memory: the arrays of the index",
    }


def _measure_search(
    encoder: Encoder,
    edits: list[Edit],
    vectors: Vectors,
    queries: int,
    search: MakeSearch,
    name: str,
) -> dict[str, object]:
    started = time.perf_counter()
    precomputed = _PrecomputedEncoder(encoder, vectors)
    index = build_index(edits, precomputed, make_search=search)
    built = time.perf_counter() - started
    names = index.names
    arrays = (index.vectors, names.sizes, names.begins, names.numbers)
    times = []
    for place in np.linspace(0, len(edits) - 1, queries).astype(int):
        query = Query(edits[place].question, edits[place].language)
        started = time.perf_counter()
        retrieve(index, query, k=3, threshold=-np.inf)
        times.append(1e3 * (time.perf_counter() - started))
    key = f"{name}_{len(edits)}"
    return {
        f"{key}_build_s": round(built, 2),
        f"{key}_p50_ms": round(float(np.percentile(times, 50)), 2),
        f"{key}_p95_ms": round(float(np.percentile(times, 95)), 2),
        f"{key}_memory_mb": round(sum(a.nbytes for a in arrays) / 1e6, 1),
    }


def many_at_once(
    encoder: Encoder, edits: list[Edit], vectors: Vectors
) -> dict[str, object]:
    """Return milliseconds of TOGETHER queries: ours, its parts, and one product."""
    index = build_index(edits, _PrecomputedEncoder(encoder, vectors))
    places = np.linspace(0, len(edits) - 1, TOGETHER).astype(int)
    queries = [Query(edits[i].question, edits[i].language) for i in places]
    texts = [query.text for query in queries]
    encoded = encoder.encode(texts, "query")
    names = _names_by_scipy(index.names)

    def both_products() -> Numbers:
        scores = encoded @ vectors.T + WEIGHT * names(texts)
        return np.argpartition(scores, -3, axis=1)[:, -3:]

    ways: dict[str, Callable[[], object]] = {
        "retrieve_all": lambda: retrieve_all(index, queries, k=3, threshold=-np.inf),
        "of_that_encoding": lambda: encoder.encode(texts, "query"),
        "of_that_names": lambda: [index.names.scores(text) for text in texts],
        "both_products": both_products,
        "one_product": lambda: np.argpartition(encoded @ vectors.T, -3, axis=1)[:, -3:],
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):  # in turn, so that other load affects all
        for name, way in ways.items():
            began = time.process_time()
            way()
            times[name].append(1e3 * (time.process_time() - began))
    found = {name: round(float(np.median(each)), 1) for name, each in times.items()}
    search = found["retrieve_all"] - found["of_that_encoding"]
    key = f"{TOGETHER}_of_{len(edits)}"
    ratios: dict[str, object] = {
        f"{key}_{name}_by_ours_without_encoding": round(found[name] / search, 2)
        for name in ("both_products", "one_product")
    }
    return {f"{key}_{name}_ms": ms for name, ms in found.items()} | ratios


def _names_by_scipy(index: NameIndex) -> Callable[[Sequence[str]], Scores]:
    """Return a function from texts to names' scores, (texts, names), by scipy."""
    matrix = import_module("scipy.sparse").csr_matrix
    ones = np.ones(len(index.numbers), np.float32)
    shape = (len(index.ids), len(index.sizes))
    known = matrix((ones, index.numbers, index.begins), shape=shape)

    def scores(texts: Sequence[str]) -> Scores:
        ids = [[index.ids[n] for n in ngrams(t) if n in index.ids] for t in texts]
        begins, flat = np.cumsum([0, *map(len, ids)]), np.concatenate(ids)
        shape = (len(texts), len(index.ids))
        asked = matrix((np.ones(len(flat), np.float32), flat, begins), shape=shape)
        shares: Scores = (asked @ known).toarray() / index.sizes
        return shares

    return scores


def invented_edits(count: int) -> list[Edit]:
    """Return ``count`` edits about invented people, in twelve languages."""
    generator, world = random.Random(0), atlas()
    cities = world.by_kind["city"]
    templates = {c: wordings(world, RELATION, c)[0] for c in ATLAS_LANGUAGES}
    edits: dict[str, Edit] = {}  # by subject, which makes them distinct
    while len(edits) < count:
        code = ATLAS_LANGUAGES[len(edits) % len(ATLAS_LANGUAGES)]
        subject = f"{title(generator)} {title(generator)}"
        answer = world.names[generator.choice(cities)][code]
        text = templates[code].replace("{subject}", subject)
        edits.setdefault(subject, Edit(text, answer, code, subject))
    return list(edits.values())


def _noisy_copies(base: Vectors, count: int) -> Vectors:
    """Return (count, width): the vectors of ``base``, then noisy copies of them."""
    generator = np.random.default_rng(0)
    many = base[np.arange(count) % len(base)]
    noise = generator.standard_normal(many.shape, dtype=np.float32)
    many = many + noise * np.float32(NOISE / np.sqrt(base.shape[1]))
    many[: len(base)] = base[:count]
    scaled: Vectors = many / np.linalg.norm(many, axis=1, keepdims=True)
    return scaled
