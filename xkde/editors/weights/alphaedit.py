"""AlphaEdit: as MEMIT, but only in directions that other text does not use.

P projects onto the eigenvectors of C = E[k kᵀ] whose eigenvalues are below a threshold.
Each layer gains Δ with Δᵀ = (P (K Kᵀ + M) + L2)⁻¹ P K Rᵀ, so keys of other text, which
P turns to nothing, give what they gave; M = Σ K Kᵀ keeps the edits of earlier batches
(Fang et al., 2025). How many directions are left is said in a note: the threshold means
nothing without it.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_alphaedit.py``
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xkde.editors.editor import Applied
from xkde.editors.weights.base import Change, InWeights
from xkde.editors.weights.contexts import rows_of
from xkde.editors.weights.keys import Standing, mean_by_edit, modules_of, read
from xkde.editors.weights.low_rank import Updates
from xkde.editors.weights.memit import change_of, places_of, spread
from xkde.editors.weights.moments import moments
from xkde.engines.transformers import TransformersEngine
from xkde.errors import Notice, SettingsError
from xkde.types import Edit

BASES = "free.{}"  # in Applied.kept: the directions that other text does not use
EARLIER = "keys.{}"  # and the keys of all edits so far


@dataclass(frozen=True)
class AlphaEditSettings:
    """AlphaEdit's settings; the values' own are those of ``values.ValueSettings``."""

    layers: tuple[int | float, ...] = (4 / 32, 5 / 32, 6 / 32, 7 / 32, 8 / 32)
    threshold: float = 2e-2  # eigenvalues of C below it count as unused
    penalty: float = 1.0  # L2
    text: str = "atlas"
    tokens: int | None = None
    learning_rate: float = 0.5
    steps: int = 25
    stop: float = 0.05
    clamp: float = 4.0
    kl: float = 0.0625
    decay: float = 1e-3
    openings: int = 4


@dataclass(frozen=True)
class Unused:
    """What other text leaves free in some layers, and what earlier edits took of it."""

    bases: Mapping[int, Tensor]  # (width, directions), orthonormal
    earlier: Mapping[int, Tensor]  # (edits, width): the keys of earlier edits

    def note(self) -> Notice:
        """Return how many directions are left, for people."""
        free = tuple(
            Notice(
                "{n:,} of {of:,} in layer {layer}",
                n=basis.shape[1],
                of=len(basis),
                layer=layer,
            )
            for layer, basis in self.bases.items()
        )
        return Notice(
            "Directions that other text leaves free: {directions}.", directions=free
        )


def editor(given: Mapping[str, Any]) -> InWeights:
    """Return the editor."""
    return InWeights("alphaedit", AlphaEditSettings, compute, given, needs_subject=True)


def compute(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: AlphaEditSettings,
    earlier: Applied | None,
) -> Change:
    """Return the change of the weights that makes the edits beside the earlier ones."""
    unused = unused_for(engine, settings, earlier)
    [updates] = updates_of(engine, [edits], settings, unused)
    keys = _keys(engine, edits, settings, updates)
    kept = {BASES.format(n): basis for n, basis in unused.bases.items()}
    for layer, own in keys.items():
        before = unused.earlier.get(layer, own[:0])
        kept[EARLIER.format(layer)] = torch.cat([before, own])
    return change_of(engine, edits, updates, kept, unused.note())


def unused_for(
    engine: TransformersEngine,
    settings: AlphaEditSettings,
    earlier: Applied | None = None,
) -> Unused:
    """Return the free directions of a model as it is before all edits."""
    layers = [place.layer for place in places_of(engine, settings.layers)]
    kept = earlier.kept if earlier is not None else {}
    if all(BASES.format(n) in kept for n in layers):
        return Unused(
            {n: kept[BASES.format(n)] for n in layers},
            {n: kept[EARLIER.format(n)] for n in layers},
        )
    found = moments(engine, layers, settings.text, settings.tokens)
    bases = {n: free_of(found[n], settings.threshold) for n in layers}
    return Unused({n: b.to(engine.device) for n, b in bases.items()}, {})


def free_of(matrix: Tensor, threshold: float) -> Tensor:
    """Return the eigenvectors (width, directions) of eigenvalues below a threshold.

    Raises SettingsError if there are none.
    """
    values, vectors = torch.linalg.eigh(matrix.double())
    free = vectors[:, values < threshold].float()
    if free.shape[1] == 0:
        raise SettingsError(
            "No direction of the keys is below the threshold {threshold}: the "
            "smallest eigenvalue is {smallest:.2g}, the median {median:.2g}. Choose a "
            "higher threshold.",
            threshold=threshold,
            smallest=float(values[0]),
            median=float(values.median()),
        )
    return free


def updates_of(
    engine: TransformersEngine,
    groups: Sequence[Sequence[Edit]],
    settings: AlphaEditSettings,
    unused: Unused,
) -> list[Updates]:
    """Return the updates of every group of edits, each for itself."""

    def solve(layer: int, keys: Tensor) -> Tensor:
        before = unused.earlier.get(layer, keys[:0])
        return projected(keys, before, unused.bases[layer], settings.penalty)

    return spread(engine, groups, settings, solve)


def projected(keys: Tensor, earlier: Tensor, basis: Tensor, penalty: float) -> Tensor:
    """Return (P (K Kᵀ + M) + L2)⁻¹ P K; keys, and the earlier ones of M, are rows.

    In the basis B of P it is B (Fᵀ F + L2)⁻¹ f, where f are this batch's keys in it and
    F all keys; solved on whichever side is smaller.
    """
    own = (keys @ basis).double()
    both = torch.cat([own, (earlier @ basis).double()])
    if len(both) <= basis.shape[1]:
        small = both @ both.T
        small.diagonal().add_(penalty)
        solved = torch.linalg.solve(small, both)[: len(own)]
    else:
        large = both.T @ both
        large.diagonal().add_(penalty)
        solved = torch.linalg.solve(large, own.T).T
    return solved.to(keys.dtype) @ basis.T


def _keys(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: AlphaEditSettings,
    updates: Updates,
) -> dict[int, Tensor]:
    """Return the keys of the edits once all of their updates are made, by layer."""
    places = places_of(engine, settings.layers)
    modules = [place.module for place in places]
    rows = rows_of(engine.tokenizer, edits, settings.openings)
    standing = Standing(modules_of(places), [updates], [0] * len(edits))
    read_there = read(engine, modules, rows, standing)
    return {
        place.layer: mean_by_edit(inputs, rows, len(edits))
        for place, (inputs, _) in zip(places, read_there, strict=True)
    }
