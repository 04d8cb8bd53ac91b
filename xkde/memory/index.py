"""The index of a memory: the vector and the name of every edit, and their search.

All vectors form one matrix, (edits, width). The search is exact by default: one matrix
product for many queries. ``qdrant_search`` replaces it by a Qdrant collection, for
memories that are too large for that. The index receives its encoder; it loads none.

The lexical part of a score is the share of the n-grams of an edit's name that the query
contains: trigrams of each word with its borders, bigrams in scripts that write no
borders between words (Chinese, Thai). Accents are removed and Cyrillic is
transliterated, so two thirds of "Barcelona" are found in "Барселона".
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from xkde.errors import InputError, SettingsError
from xkde.text import UNSPACED, normalise
from xkde.types import Edit

Scores = NDArray[np.float32]

_CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ",
        "a b v g d e e zh z i i k l m n o p r s t u f h c ch sh sch  y  e yu ya "
        "i i e g".split(" "),
        strict=True,
    )
)
_ROMAN = str.maketrans(_CYRILLIC)
_RUNS = re.compile(rf"[{UNSPACED}]+|[^\s{UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
_LATIN_RUN = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f'’ -]*")


@lru_cache(maxsize=200_000)
def ngrams(text: str) -> frozenset[str]:
    """Return the n-grams of a text that are compared."""
    grams: set[str] = set()
    for run in _RUNS.findall(_plain(text)):
        if _IS_UNSPACED.match(run):
            grams.update(run[i : i + 2] for i in range(max(1, len(run) - 1)))
        else:
            word = f" {run} "
            grams.update(word[i : i + 3] for i in range(len(word) - 2))
    return frozenset(grams)


def _plain(text: str) -> str:
    """Return a text normalised, without accents, Cyrillic transliterated."""
    roman = normalise(text).translate(_ROMAN)
    if roman.isascii():
        return roman
    apart = unicodedata.normalize("NFD", roman)
    kept = "".join(c for c in apart if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", kept)


def name_of(edit: Edit) -> str:
    """Return what to look for in queries: the subject, or the question's names.

    Names are words with a capital, except the first, or with a digit; in a script
    without word borders, Latin words. "" if there are none.
    """
    if edit.subject:
        return edit.subject
    question = edit.question.strip()
    if _IS_UNSPACED.search(question):
        return " ".join(run.strip() for run in _LATIN_RUN.findall(question))
    words = question.split()[1:]
    return " ".join(word for word in words if _is_namelike(word))


def _is_namelike(word: str) -> bool:
    letters = [c for c in word if c.isalnum()]
    return bool(letters) and (letters[0].isupper() or any(c.isdigit() for c in letters))


@dataclass(frozen=True)
class NameIndex:
    """Inverted index: names ``numbers[begins[i]:begins[i + 1]]`` have n-gram i."""

    sizes: Scores  # n-grams of each name, 1 for a name without any
    ids: dict[str, int]  # n-gram -> i
    begins: NDArray[np.int64]
    numbers: NDArray[np.int32]

    def scores(self, query: str) -> Scores:
        """Return the share of each name's n-grams in a query, (names,), 0 to 1."""
        ids = [self.ids[ngram] for ngram in ngrams(query) if ngram in self.ids]
        if not ids:
            return np.zeros(len(self.sizes), dtype=np.float32)
        matches = np.concatenate(
            [self.numbers[self.begins[i] : self.begins[i + 1]] for i in ids],
            dtype=np.intp,  # which bincount would make of them otherwise
        )
        counts = np.bincount(matches, minlength=len(self.sizes))
        return counts.astype(np.float32) / self.sizes


def index_names(names: Sequence[str]) -> NameIndex:
    """Return the index of names, in their order."""
    by_name = [ngrams(name) for name in names]
    ids: dict[str, int] = {}
    flat = np.fromiter(
        (ids.setdefault(ngram, len(ids)) for grams in by_name for ngram in grams),
        dtype=np.int64,
    )
    sizes = np.array([len(grams) for grams in by_name], dtype=np.int64)
    numbers = np.repeat(np.arange(len(by_name), dtype=np.int32), sizes)
    order = np.argsort(flat, kind="stable")
    begins = np.zeros(len(ids) + 1, dtype=np.int64)
    np.cumsum(np.bincount(flat, minlength=len(ids)), out=begins[1:])
    return NameIndex(
        sizes=np.maximum(sizes, 1).astype(np.float32),
        ids=ids,
        begins=begins,
        numbers=numbers[order],
    )


Vectors = NDArray[np.float32]  # (texts, width), each of length one
Moments = NDArray[np.float64]
Numbers = NDArray[np.int64]
Kind = Literal["edit", "query"]  # some encoders have a prompt for each

_NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.float32))
ROUNDING = 1e-4  # no product of vectors of length one is wrong by more
BLOCK = 256  # scores of which the highest is taken first
CACHED_TEXTS = 50_000  # vectors that a CachedEncoder keeps: 40 MB at a width of 192
# Qdrant returns candidates by their dense score alone. The best sum of both scores need
# not be among the best of either, so more are fetched than are wanted.
CANDIDATES = 50
CANDIDATE_FACTOR = 4
POINTS_PER_UPLOAD = 1_000
IN_THIS_PROCESS = ":memory:"


class Encoder(Protocol):
    """Turns texts into vectors of length one, (texts, width)."""

    @property
    def name(self) -> str: ...

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors: ...


@dataclass(frozen=True)
class NamesOnly:
    """Stands in for a missing encoder: all dense scores are 0, only names count."""

    name: str = "names only"

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return vectors of width 0."""
        return np.zeros((len(texts), 0), dtype=np.float32)


@dataclass(frozen=True)
class CachedEncoder:
    """An encoder that keeps the vectors of texts; any thread may use it.

    Full, the cache is emptied. Several sessions may share it: they can read nobody's
    texts from it.
    """

    encoder: Encoder
    capacity: int = CACHED_TEXTS
    cache: dict[tuple[Kind, str], Vectors] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the encoder."""
        return self.encoder.name

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return the vectors of texts; only those not in the cache are computed."""
        if not texts:
            return self.encoder.encode(texts, kind)
        known: dict[str, Vectors] = {}
        new = []
        for text in dict.fromkeys(texts):
            # One look-up: another thread may empty the cache at any moment.
            vector = self.cache.get((kind, text))
            if vector is None:
                new.append(text)
            else:
                known[text] = vector
        if new:
            computed = dict(zip(new, self.encoder.encode(new, kind), strict=True))
            if len(self.cache) + len(new) > self.capacity:
                self.cache.clear()
            self.cache.update({(kind, text): v for text, v in computed.items()})
            known |= computed
        return np.stack([known[text] for text in texts])


class Search(Protocol):
    """Finds the edits with the highest sum of dense and weighted lexical score."""

    def __call__(
        self, queries: Vectors, lexical: Sequence[Scores], k: int, weight: float
    ) -> list[tuple[Numbers, Vectors]]:
        """Return, for each query, (indices, dense scores) of the ``k`` best, unsorted.

        ``queries`` are (queries, width), ``lexical`` has (edits,) for each.
        """


MakeSearch = Callable[[Vectors], Search]  # (edits, width) -> the search over them


@dataclass(frozen=True)
class MemoryIndex:
    """Edits with their vectors and names. Make it with ``build_index``."""

    edits: tuple[Edit, ...]
    encoder: Encoder
    vectors: Vectors
    names: NameIndex
    search: Search

    @cached_property
    def moments(self) -> tuple[Moments, Moments]:
        """The sum of the vectors, (width,), and of their products, (width, width)."""
        exact = self.vectors.astype(np.float64)
        return exact.sum(axis=0), exact.T @ exact


def statement(edit: Edit) -> str:
    """Return the text of an edit that is encoded: as it stands in a prompt."""
    return f"{edit.question} {edit.answer}"


def build_index(
    edits: Sequence[Edit],
    encoder: Encoder,
    *,
    before: MemoryIndex | None = None,
    make_search: MakeSearch | None = None,
) -> MemoryIndex:
    """Return the index of edits; vectors that ``before`` has are not computed again.

    Raises InputError if the encoder's vectors do not have length one.
    """
    vectors = _vectors(edits, encoder, before)
    return MemoryIndex(
        edits=tuple(edits),
        encoder=encoder,
        vectors=vectors,
        names=index_names([name_of(edit) for edit in edits]),
        search=(make_search or exact_search)(vectors),
    )


def _vectors(
    edits: Sequence[Edit], encoder: Encoder, before: MemoryIndex | None
) -> Vectors:
    texts = [statement(edit) for edit in edits]
    known: dict[str, Vectors] = {}
    if before is not None and before.encoder.name == encoder.name:
        known = {
            statement(edit): vector
            for edit, vector in zip(before.edits, before.vectors, strict=True)
        }
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if new:
        encoded = encoder.encode(new, "edit")
        _check(encoded, len(new), encoder.name)
        known.update(zip(new, encoded, strict=True))
    if not texts:
        return np.zeros((0, 0), dtype=np.float32)
    return np.stack([known[text] for text in texts]).astype(np.float32, copy=False)


def _check(vectors: Vectors, count: int, name: str) -> None:
    """Raise InputError unless there is one vector of length one for each text."""
    if vectors.shape == (count, 0):
        return  # NamesOnly
    lengths = np.linalg.norm(vectors, axis=-1)
    if vectors.shape[:1] != (count,) or not np.allclose(lengths, 1, atol=1e-3):
        raise InputError(
            f"The encoder “{name}” does not give one vector of length one for each "
            "text. Choose another encoder, or save it again."
        )


def exact_search(vectors: Vectors) -> Search:
    """Return the search that compares every query with every vector."""

    def best(
        query: Vectors, product: Scores, names: Scores, k: int, weight: float
    ) -> tuple[Numbers, Vectors]:
        product += weight * names
        near = np.flatnonzero(product >= border(product, k) - ROUNDING)
        exact = (vectors[near] * query.astype(np.float64)).sum(axis=1)
        dense = exact.astype(np.float32)
        chosen = top(dense + weight * names[near], k)
        return near[chosen], dense[chosen]

    def search(
        queries: Vectors, lexical: Sequence[Scores], k: int, weight: float
    ) -> list[tuple[Numbers, Vectors]]:
        if not len(vectors):
            return [_NOTHING for _ in queries]
        # The bits of a product depend on its shape. So it only narrows the choice: one
        # query and many find the same, and equal vectors have equal scores.
        return [
            best(*each, k, weight)
            for each in zip(queries, queries @ vectors.T, lexical, strict=True)
        ]

    return search


def border(scores: Scores, k: int) -> float:
    """Return a number that at least ``k`` scores reach, the k-th highest or less."""
    if k > len(scores) // BLOCK:
        return -np.inf if k > len(scores) else float(np.partition(scores, -k)[-k])
    rows = len(scores) // BLOCK
    highest = scores[: rows * BLOCK].reshape(rows, BLOCK).max(axis=1)
    return float(np.partition(highest, -k)[-k])


def top(scores: Vectors, k: int) -> Numbers:
    """Return the indices of the ``k`` highest scores, unsorted.

    Of equal scores at the border the last ones are taken; ``argpartition`` would take
    any of them, and not always the same ones.
    """
    if k >= len(scores):
        return np.arange(len(scores), dtype=np.int64)
    if k < 1:
        return np.zeros(0, dtype=np.int64)
    border = np.partition(scores, -k)[-k]
    above, level = np.flatnonzero(scores > border), np.flatnonzero(scores == border)
    return np.concatenate([above, level[len(level) - (k - len(above)) :]])


def connect_qdrant(where: str = IN_THIS_PROCESS, api_key: str = "") -> object:
    """Return a Qdrant client of a server, of a folder or of this process's memory.

    Only a server builds a graph of the vectors; the other two compare with each of
    them. Raises SettingsError if the package ``qdrant-client`` is not installed.
    """
    if find_spec("qdrant_client") is None:
        raise SettingsError(
            "Qdrant needs its client. Install it: pip install qdrant-client"
        )
    client = import_module("qdrant_client").QdrantClient
    if where.startswith(("http://", "https://")):
        return client(url=where, api_key=api_key or None)
    return client(IN_THIS_PROCESS) if where == IN_THIS_PROCESS else client(path=where)


def qdrant_search(client: object, collection: str = "edits") -> MakeSearch:
    """Return a function that fills a collection anew and searches in it.

    Qdrant computes the dense scores; names are matched here; the best candidates of
    both are joined.
    """

    def make_search(vectors: Vectors) -> Search:
        _upload(client, collection, vectors)
        count = len(vectors)

        def best(
            query: Vectors, lexical: Scores, k: int, weight: float
        ) -> tuple[Numbers, Vectors]:
            if not count:
                return _NOTHING
            count_wanted = max(CANDIDATES, CANDIDATE_FACTOR * k)
            dense = _nearest(client, collection, query, count_wanted)
            named = [int(i) for i in top(lexical, count_wanted) if lexical[i] > 0]
            missing = [index for index in named if index not in dense]
            if missing:
                dense |= _nearest(client, collection, query, len(missing), missing)
            indices = np.array(sorted(dense), dtype=np.int64)
            scores = np.array([dense[int(i)] for i in indices], dtype=np.float32)
            chosen = top(scores + weight * lexical[indices], k)
            return indices[chosen], scores[chosen]

        return lambda queries, lexical, k, weight: [
            best(*each, k, weight) for each in zip(queries, lexical, strict=True)
        ]

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
        collection,
        vectors=vectors,
        ids=range(len(vectors)),
        batch_size=POINTS_PER_UPLOAD,
    )


def _nearest(
    client: Any,
    collection: str,
    query: Vectors,
    limit: int,
    among: list[int] | None = None,
) -> dict[int, float]:
    """Return index -> score of the nearest points, of all or of those in ``among``."""
    models = import_module("qdrant_client.models")
    chosen = None
    if among is not None:
        chosen = models.Filter(must=[models.HasIdCondition(has_id=among)])
    response = client.query_points(
        collection,
        query=query.tolist(),
        limit=limit,
        query_filter=chosen,
        with_payload=False,
    )
    return {int(point.id): float(point.score) for point in response.points}
