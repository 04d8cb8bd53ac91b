"""How fast a memory is searched: 1,000, 10,000 and 100,000 edits, exactly.

Edits are questions of Atlas about invented people; their vectors are the encoder's for
a sample, repeated with noise for the rest, so that the search is measured on as many
distinct vectors as there are edits. A query's latency is encoding, matching of names
and search together. Qdrant's local mode is measured where its client is installed.

Run it: ``python -m xkde bench retrieval``
"""

import os
import random
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import psutil

from xkde import paths
from xkde.data.atlas.novel_names import title
from xkde.data.atlas.questions import wordings
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.memory.index import MakeSearch, Vectors, build_index, exact
from xkde.memory.retrieval import retrieve
from xkde.types import Edit, Query

SIZES = (1_000, 10_000, 100_000)
QUERIES = 200
ENCODED = 1_000  # edits whose encoding is timed
NOISE = 0.3  # added to a vector before its length is made one again
NAME = "atlas-encoder"
# The client itself advises against more in its local mode.
QDRANT_MOST = 10_000
RELATION = "birthplace"


class _Prepared:
    """An encoder that has read the edits already, and reads queries for real."""

    def __init__(self, real: Any, vectors: Vectors) -> None:
        self.name, self.real, self.vectors = real.name, real, vectors

    def encode(self, texts: Sequence[str], kind: str) -> Vectors:
        return self.vectors if kind == "edit" else self.real.encode(texts, kind)


def measure(
    sizes: Sequence[int] = SIZES, queries: int = QUERIES, encoded: int = ENCODED
) -> dict[str, Any]:
    """Measure every size."""
    real, weights = _encoder()
    edits = invented_edits(max(sizes))
    sample = [f"{edit.question} {edit.answer}" for edit in edits[:encoded]]
    real.encode(sample[:8], "edit")  # what is set up at first
    started = time.perf_counter()
    base = real.encode(sample, "edit")
    seconds = time.perf_counter() - started
    told: dict[str, Any] = {"edits_encoded_per_second": round(len(sample) / seconds)}
    vectors = _many(base, max(sizes))
    for size in sizes:
        told |= _measured(real, edits[:size], vectors[:size], queries, exact, "exact")
    if find_spec("qdrant_client"):
        from xkde.memory.qdrant import connect, in_qdrant

        size = min(QDRANT_MOST, max(sizes))
        search = in_qdrant(connect())
        told |= _measured(real, edits[:size], vectors[:size], queries, search, "qdrant")
    return told | {
        "weights": weights,
        "width": base.shape[1],
        "resident_mb": round(psutil.Process().memory_info().rss / 1e6),
        "cores": os.cpu_count(),
        "protocol": f"{queries} queries, one at a time, encoding included; vectors of "
        f"{len(base)} edits, repeated with noise; memory: the arrays of the index",
    }


def _measured(
    real: Any,
    edits: list[Edit],
    vectors: Vectors,
    queries: int,
    search: MakeSearch,
    name: str,
) -> dict[str, Any]:
    started = time.perf_counter()
    index = build_index(edits, _Prepared(real, vectors), make_search=search)
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


def invented_edits(count: int) -> list[Edit]:
    """Return as many edits of invented people, in twelve languages."""
    random_, world = random.Random(0), atlas()
    cities = world.by_kind["city"]
    asked = {c: wordings(world, RELATION, c)[0] for c in ATLAS_LANGUAGES}
    edits: dict[str, Edit] = {}  # by subject: none comes twice
    while len(edits) < count:
        code = ATLAS_LANGUAGES[len(edits) % len(ATLAS_LANGUAGES)]
        subject = f"{title(random_)} {title(random_)}"
        answer = world.names[random_.choice(cities)][code]
        text = asked[code].replace("{subject}", subject)
        edits.setdefault(subject, Edit(text, answer, code, subject))
    return list(edits.values())


def _many(base: Vectors, count: int) -> Vectors:
    """Return ``count`` vectors of length one around those given."""
    random_ = np.random.default_rng(0)
    many = base[np.arange(count) % len(base)]
    noise = random_.standard_normal(many.shape, dtype=np.float32)
    many = many + noise * np.float32(NOISE / np.sqrt(base.shape[1]))
    many[: len(base)] = base[:count]
    return many / np.linalg.norm(many, axis=1, keepdims=True)


def _encoder() -> tuple[Any, str]:
    from xkde.engines.encoder import TextEncoder, load_encoder
    from xkde.training.atlas_models.encoder import EncoderSettings, fresh_encoder

    folder = paths.checkpoints() / NAME
    if folder.is_dir():
        return load_encoder(folder, device="cpu"), NAME
    model, tokenizer = fresh_encoder(EncoderSettings())
    return TextEncoder("random", model.eval(), tokenizer), "random"
