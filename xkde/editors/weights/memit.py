"""MEMIT: many edits at once, spread over several layers by least squares.

Meng et al., 2023: https://arxiv.org/abs/2210.07229, equations 14 and 20. For each edit
the hidden state z that brings the new answer is optimised at the last of the layers
(``values``). Then layer after layer, with K the edits' keys there and h their hidden
states at the last layer:

    R = (Z − H) / (layers left),   Δ = R Kᵀ (λ C + K Kᵀ)⁻¹

Δ is the change that brings R to K and does least to the keys of other text, whose
second moments are C. H and K are read anew after each layer. Where a norm stands behind
the MLP (``output_norm``), z is what a change of the last layer's MLP can bring, and R
is turned into a change of what each MLP gives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xkde.editors.editor import Applied
from xkde.editors.weights.base import EachEdit, WeightChange, WeightEditor, change_of
from xkde.editors.weights.contexts import EditPrompt
from xkde.editors.weights.keys import inputs_and_outputs, mean_by_edit
from xkde.editors.weights.low_rank import AppliedUpdates, LowRankUpdate, Updates
from xkde.editors.weights.modules import (
    Projection,
    editable_projections,
    layers_of,
)
from xkde.editors.weights.output_norm import OutputNorm, output_norms
from xkde.editors.weights.solving import SecondMomentSolver, solver_of
from xkde.editors.weights.values import ValueSettings, optimise
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit

# (layer, keys (edits, width) of one group) -> what R is multiplied with, (edits, width)
Solve = Callable[[int, Tensor], Tensor]


@dataclass(frozen=True)
class LayersSettings(ValueSettings):
    """The settings of MEMIT and AlphaEdit, beside those of their values."""

    layers: tuple[int | float, ...] = (4 / 32, 5 / 32, 6 / 32, 7 / 32, 8 / 32)


@dataclass(frozen=True)
class MemitSettings(LayersSettings):
    """MEMIT's own settings."""

    weight: float = 15_000.0  # λ: how much other text counts beside the edits


def editor(given: Mapping[str, object]) -> WeightEditor:
    """Return the editor."""
    return WeightEditor("memit", MemitSettings, change, given, True, each_edit)


def change(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: MemitSettings,
    earlier: Applied | None,
) -> WeightChange:
    """Return the change of the weights that makes all the edits at once."""
    solver = solver_for(engine, settings, earlier)
    [updates] = updates_of(engine, [edits], settings, solver)
    return change_of(engine, edits, updates, solver.state)


def each_edit(
    engine: TransformersEngine, edits: Sequence[Edit], settings: MemitSettings
) -> EachEdit:
    """Return the updates and the notes of every edit by itself."""
    solver = solver_for(engine, settings)
    updates = updates_of(engine, [[edit] for edit in edits], settings, solver)
    return [(each, ()) for each in updates]


def solver_for(
    engine: TransformersEngine, settings: MemitSettings, earlier: Applied | None = None
) -> SecondMomentSolver:
    """Return what solves with the layers' second moments."""
    places = editable_projections(engine.model, settings.layers)
    layers = [place.layer for place in places]
    return solver_of(engine, layers, settings.text, settings.tokens, earlier)


def updates_of(
    engine: TransformersEngine,
    groups: Sequence[Sequence[Edit]],
    settings: MemitSettings,
    solver: SecondMomentSolver,
) -> list[Updates]:
    """Return the updates of every group of edits, each group for itself."""

    def solve(layer: int, keys: Tensor) -> Tensor:
        return least_squares(keys, solver.solve(layer, keys) / settings.weight)

    return spread(engine, groups, settings, solve)


def least_squares(keys: Tensor, solved: Tensor) -> Tensor:
    """Return Kᵀ (A + K Kᵀ)⁻¹ of a group of keys, given ``solved`` = A⁻¹ K.

    By Woodbury's identity it is (1 + Kᵀ A⁻¹ K)⁻¹ (A⁻¹ K)ᵀ. All are (edits, width).
    """
    small = (solved @ keys.T).double()
    small += torch.eye(len(keys), dtype=small.dtype, device=small.device)
    combined: Tensor = torch.linalg.solve(small, solved.double())
    return combined.to(solved.dtype)


def spread(
    engine: TransformersEngine,
    groups: Sequence[Sequence[Edit]],
    settings: LayersSettings,
    solve: Solve,
) -> list[Updates]:
    """Return the updates that bring every edit's hidden state to its target z.

    Layer after layer; ``solve`` is the method's own.
    """
    edits = [edit for group in groups for edit in group]
    group_of = [g for g, group in enumerate(groups) for _ in group]
    places = editable_projections(engine.model, settings.layers)
    modules = {place.layer: place.module for place in places}
    norms = output_norms(engine.model, places)
    last = layers_of(engine.model)[1][places[-1].layer]
    z, prompts = wanted_states(engine, last, places[-1], norms, edits, settings)
    owners = [prompt.edit for prompt in prompts]
    bare = [owners.index(number) for number in range(len(edits))]
    done: list[dict[int, LowRankUpdate]] = [{} for _ in groups]
    for number, place in enumerate(places):
        applied = AppliedUpdates(modules, done, group_of)
        norm = norms.get(place.layer)
        within = [place.module] if norm is None else [place.module, norm.module]
        seen = inputs_and_outputs(engine, [*within, last], prompts, applied)
        keys = mean_by_edit(seen[0][0], prompts, len(edits))
        residual = (z - seen[-1][1][bare]) / (len(places) - number)
        if norm is not None:
            residual = norm.change_before(seen[1][0][bare], residual)
        for g in range(len(groups)):
            own = [e for e, group in enumerate(group_of) if group == g]
            solved = solve(place.layer, keys[own])
            done[g][place.layer] = LowRankUpdate(solved.T, residual[own].T)
    return list(done)


def wanted_states(
    engine: TransformersEngine,
    last: nn.Module,
    place: Projection,
    norms: Mapping[int, OutputNorm],
    edits: Sequence[Edit],
    settings: LayersSettings,
) -> tuple[Tensor, Sequence[EditPrompt]]:
    """Return z, the edits' wanted hidden states behind the last layer, (edits, width).

    With them the prompts that the values were optimised on.
    """
    if place.layer not in norms:
        found = optimise(engine, last, edits, settings, AppliedUpdates())
        return found.target, found.questions
    norm = norms[place.layer]
    found = optimise(engine, place.module, edits, settings, AppliedUpdates())
    owners = [question.edit for question in found.questions]
    bare = [found.questions[owners.index(number)] for number in range(len(edits))]
    (given, _), (_, states) = inputs_and_outputs(
        engine, [norm.module, last], bare, AppliedUpdates()
    )
    return states + norm.change(given, found.delta), found.questions
