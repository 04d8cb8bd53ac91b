"""The index of a memory: every edit's vector and name, and how the nearest are found.

Vectors lie in one matrix and are searched exactly, by a product and a partition;
another ``Search`` may take its place (``xkde.memory.qdrant``). The encoder is given:
any function from texts to vectors of length one. Knows no model.

Run its tests: ``python -m pytest tests/xkde/memory/test_retrieval.py``
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from xkde.errors import InputError
from xkde.memory.lexical import NameIndex, index_names, names_of
from xkde.types import Edit

Vectors = NDArray[np.float32]  # (texts, width), each of length one
Numbers = NDArray[np.int64]
Kind = Literal["edit", "query"]  # some encoders read the two otherwise


class Encoder(Protocol):
    """What an index asks of an encoder."""

    @property
    def name(self) -> str: ...

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors: ...


class Search(Protocol):
    """How the nearest edits are found, by the sum of both scores."""

    def __call__(
        self, query: Vectors, lexical: Vectors, k: int, weight: float
    ) -> tuple[Numbers, Vectors]:
        """Return (numbers, dense scores) of at least the ``k`` best edits, if so many.

        ``query`` is (width,), ``lexical`` has a score for each edit; in any order.
        """


# Vectors, in the order of the edits -> the way to search them
MakeSearch = Callable[[Vectors], Search]


@dataclass(frozen=True)
class MemoryIndex:
    """Edits, ready to be found. Make it with ``build_index``."""

    edits: tuple[Edit, ...]
    encoder: Encoder
    vectors: Vectors
    names: NameIndex
    search: Search


def statement(edit: Edit) -> str:
    """Return an edit as it stands in a prompt, which is what an encoder reads."""
    return f"{edit.question} {edit.answer}"


def build_index(
    edits: Sequence[Edit],
    encoder: Encoder,
    *,
    before: MemoryIndex | None = None,
    make_search: MakeSearch | None = None,
) -> MemoryIndex:
    """Return the index of edits; what ``before`` has encoded is not encoded again."""
    vectors = _vectors(edits, encoder, before)
    return MemoryIndex(
        edits=tuple(edits),
        encoder=encoder,
        vectors=vectors,
        names=index_names(names_of(edits)),
        search=(make_search or exact)(vectors),
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
        found = encoder.encode(new, "edit")
        _check(found, len(new), encoder.name)
        known.update(zip(new, found, strict=True))
    if not texts:
        return np.zeros((0, 0), dtype=np.float32)
    return np.stack([known[text] for text in texts]).astype(np.float32, copy=False)


def _check(vectors: Vectors, count: int, name: str) -> None:
    """Refuse what would make every score a lie: another number, NaN, other lengths."""
    if vectors.shape == (count, 0):
        return  # names alone are to count
    lengths = np.linalg.norm(vectors, axis=-1)
    if vectors.shape[:1] != (count,) or not np.allclose(lengths, 1, atol=1e-3):
        raise InputError(
            f"The encoder “{name}” does not give one vector of length one for each "
            "text. Choose another encoder, or save it again."
        )


def exact(vectors: Vectors) -> Search:
    """Return the search that looks at every vector."""

    def search(
        query: Vectors, lexical: Vectors, k: int, weight: float
    ) -> tuple[Numbers, Vectors]:
        if not len(vectors):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        dense = vectors @ query
        best = top(dense + weight * lexical, k)
        return best, dense[best]

    return search


def top(scores: Vectors, k: int) -> Numbers:
    """Return the places of the ``k`` highest scores, in no order; all where fewer.

    Of equal scores at the border the last ones are taken, so that it is always the same
    ones: ``argpartition`` alone would take any.
    """
    if k >= len(scores):
        return np.arange(len(scores), dtype=np.int64)
    if k < 1:
        return np.zeros(0, dtype=np.int64)
    border = np.partition(scores, -k)[-k]
    above, level = np.flatnonzero(scores > border), np.flatnonzero(scores == border)
    return np.concatenate([above, level[len(level) - (k - len(above)) :]])
