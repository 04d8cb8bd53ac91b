"""A session's memory asked: the encoder that is here, and what it finds for queries.

The encoder is Atlas's own where its checkpoint is here, loaded when a memory is first
used; without one the letters of names alone are compared. Knows no component.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/memory/test_page.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from xkde import paths
from xkde.checkpoints.weights import read_json
from xkde.memory.index import CachedEncoder, Encoder, NamesOnly, build_index
from xkde.memory.retrieval import Calibration, Recalled, calibration_of, recall
from xkde.types import Edit, Query

ENCODER = "atlas-encoder"  # among the embedded checkpoints


@dataclass(frozen=True)
class Use:
    """A memory that a question is to be asked with."""

    edits: tuple[Edit, ...]
    threshold: float


def folder() -> Path | None:
    """Return where the encoder lies, or None where there is none."""
    found = paths.checkpoints() / ENCODER
    return found if (found / "config.json").is_file() else None


def threshold() -> float:
    """Return what was measured to be a good threshold, or a guess."""
    return _calibration().threshold


def recalled(use: Use, queries: Sequence[Query]) -> tuple[Recalled, ...]:
    """Return the nearest edits for each query; raises XkdeError in words."""
    at = folder()
    weight = _calibration().weight if at else 1.0
    index = build_index(use.edits, _encoder(at))
    return recall(index, queries, use.threshold, weight)


def _calibration() -> Calibration:
    at = folder()
    card = at / paths.CARD if at else None
    return calibration_of(read_json(card) if card and card.is_file() else {})


@lru_cache(maxsize=1)
def _encoder(at: Path | None) -> Encoder:
    if at is None:
        return NamesOnly()
    from xkde.engines.encoder import load_encoder

    return CachedEncoder(load_encoder(at))
