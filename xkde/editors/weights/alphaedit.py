"""AlphaEdit: as MEMIT, but only in directions that other text does not use.

Fang et al., 2025: https://arxiv.org/abs/2410.02355, equation 14. P projects onto the
eigenvectors of C = E[k kᵀ] whose eigenvalues are below a threshold. Each layer gains Δ
with

    Δᵀ = (P (K Kᵀ + M) + L2 · I)⁻¹ P K Rᵀ,   M = Σ K Kᵀ of all earlier batches

so that keys of other text, which P turns to nothing, give what they gave, and so do the
keys of earlier edits. How many directions are left is said in a note: the threshold
means nothing without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xkde.editors.editor import Applied
from xkde.editors.weights.base import EachEdit, WeightChange, WeightEditor, change_of
from xkde.editors.weights.contexts import question_prompts
from xkde.editors.weights.keys import inputs_and_outputs, mean_by_edit
from xkde.editors.weights.low_rank import AppliedUpdates, Updates
from xkde.editors.weights.memit import LayersSettings, spread
from xkde.editors.weights.modules import editable_projections
from xkde.editors.weights.solving import Eigenvectors, eigenvectors_of
from xkde.engines.transformers import TransformersEngine
from xkde.errors import Notice, SettingsError
from xkde.types import Edit

BASIS = "free.{}"  # in Applied.state, by layer: the directions that other text leaves
KEYS = "keys.{}"  # and the keys of all edits so far, (edits, width)


@dataclass(frozen=True)
class AlphaEditSettings(LayersSettings):
    """AlphaEdit's own settings."""

    threshold: float = 2e-2  # eigenvalues of C below it count as unused
    penalty: float = 1.0  # L2


@dataclass(frozen=True)
class NullSpace:
    """What other text leaves free in some layers, and what earlier edits took of it."""

    bases: Mapping[int, Tensor]  # (width, directions), orthonormal; P = B Bᵀ
    earlier_keys: Mapping[int, Tensor]  # (edits, width); M = Σ k kᵀ

    def note(self) -> Notice:
        """Return how many directions are left, for people."""
        directions = tuple(
            Notice(
                "{n:,} of {of:,} in layer {layer}",
                n=basis.shape[1],
                of=len(basis),
                layer=layer,
            )
            for layer, basis in self.bases.items()
        )
        return Notice(
            "Directions that other text leaves free: {directions}.",
            directions=directions,
        )


def editor(given: Mapping[str, object]) -> WeightEditor:
    """Return the editor."""
    return WeightEditor("alphaedit", AlphaEditSettings, change, given, True, each_edit)


def change(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: AlphaEditSettings,
    earlier: Applied | None,
) -> WeightChange:
    """Return the change of the weights that makes the edits beside the earlier ones."""
    space = null_space(engine, settings, earlier)
    [updates] = updates_of(engine, [edits], settings, space)
    state = {BASIS.format(layer): basis for layer, basis in space.bases.items()}
    for layer, keys in _keys_after(engine, edits, settings, updates).items():
        before = space.earlier_keys.get(layer, keys[:0])
        state[KEYS.format(layer)] = torch.cat([before, keys])
    return change_of(engine, edits, updates, state, space.note())


def each_edit(
    engine: TransformersEngine, edits: Sequence[Edit], settings: AlphaEditSettings
) -> EachEdit:
    """Return the updates and the notes of every edit by itself."""
    space = null_space(engine, settings)
    updates = updates_of(engine, [[edit] for edit in edits], settings, space)
    return [(each, (space.note(),)) for each in updates]


def null_space(
    engine: TransformersEngine,
    settings: AlphaEditSettings,
    earlier: Applied | None = None,
) -> NullSpace:
    """Return the free directions of a model as it is before all edits."""
    layers = [p.layer for p in editable_projections(engine.model, settings.layers)]
    state = earlier.state if earlier is not None else {}
    if all(BASIS.format(n) in state for n in layers):
        return NullSpace(
            {n: state[BASIS.format(n)] for n in layers},
            {n: state[KEYS.format(n)] for n in layers},
        )
    known = eigenvectors_of(engine, layers, settings.text, settings.tokens)
    bases = {n: free_directions(known[n], settings.threshold) for n in layers}
    return NullSpace({n: basis.to(engine.device) for n, basis in bases.items()}, {})


def free_directions(known: Eigenvectors, threshold: float) -> Tensor:
    """Return the eigenvectors (width, directions) of eigenvalues below a threshold.

    Raises SettingsError if there are none.
    """
    values = known.values
    free = known.vectors[:, values < threshold]
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
    space: NullSpace,
) -> list[Updates]:
    """Return the updates of every group of edits, each group for itself."""

    def solve(layer: int, keys: Tensor) -> Tensor:
        before = space.earlier_keys.get(layer, keys[:0])
        return projected(keys, before, space.bases[layer], settings.penalty)

    return spread(engine, groups, settings, solve)


def projected(keys: Tensor, earlier: Tensor, basis: Tensor, penalty: float) -> Tensor:
    """Return ((P (K Kᵀ + M) + L2)⁻¹ P K)ᵀ, (edits, width).

    ``keys`` K and ``earlier``, those of M, are (edits, width). In the basis B of P it
    is B (F Fᵀ + L2)⁻¹ f, where f are this batch's keys in the basis and F all keys;
    solved on whichever side is smaller.
    """
    own = (keys @ basis).double()
    both = torch.cat([own, (earlier @ basis).double()])
    if len(both) <= basis.shape[1]:
        small = both @ both.T
        small.diagonal().add_(penalty)
        solved: Tensor = torch.linalg.solve(small, both)[: len(own)]
    else:
        large = both.T @ both
        large.diagonal().add_(penalty)
        solved = torch.linalg.solve(large, own.T).T
    return solved.to(keys.dtype) @ basis.T


def _keys_after(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: AlphaEditSettings,
    updates: Updates,
) -> dict[int, Tensor]:
    """Return the keys of the edits once all of their updates are made, by layer."""
    places = editable_projections(engine.model, settings.layers)
    modules = {place.layer: place.module for place in places}
    prompts = question_prompts(engine.tokenizer, edits, settings.openings)
    applied = AppliedUpdates(modules, [updates], [0] * len(edits))
    seen = inputs_and_outputs(engine, list(modules.values()), prompts, applied)
    return {
        place.layer: mean_by_edit(inputs, prompts, len(edits))
        for place, (inputs, _) in zip(places, seen, strict=True)
    }
