"""ROME: one new value for the subject's key, written into one layer by rank one.

Meng et al., 2022: https://arxiv.org/abs/2202.05262, equation 2:

    Ŵ = W + Λ (C⁻¹ k)ᵀ,   Λ = (v* − W k) / ((C⁻¹ k)ᵀ k)

W is a layer's down projection, k its input at the subject's last token (``keys``), v*
the value that brings the new answer (``values``), and C = E[k kᵀ] over other text
(``second_moments``). After it Ŵ k is v* exactly, and keys that are common in other text
are moved least.

By default k is the mean key behind all openings in every place of the formula (R-ROME,
Gupta et al., 2024: https://arxiv.org/abs/2403.07175). That ends the collapse of the
released code, whose denominator has the bare question's key ("original"). Several edits
are made one after another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from xkde.editors.editor import Applied
from xkde.editors.weights.base import EachEdit, WeightChange, WeightEditor, change_of
from xkde.editors.weights.keys import mean_by_edit
from xkde.editors.weights.low_rank import (
    AppliedUpdates,
    LowRankUpdate,
    Updates,
    joined,
)
from xkde.editors.weights.modules import Projection, editable_projections
from xkde.editors.weights.solving import SecondMomentSolver, solver_of
from xkde.editors.weights.values import ValueSettings, optimise
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit


@dataclass(frozen=True)
class RomeSettings(ValueSettings):
    """ROME's settings, beside those of its values."""

    layer: int | float = 5 / 32  # as a share of the depth: of Llama-2-7B the fifth
    key: Literal["corrected", "original"] = "corrected"  # R-ROME, or as released
    covariance: bool = True  # False: C is the identity, no second moments are needed


def editor(given: Mapping[str, object]) -> WeightEditor:
    """Return the editor."""
    return WeightEditor("rome", RomeSettings, change, given, True, each_edit)


def change(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: RomeSettings,
    earlier: Applied | None,
) -> WeightChange:
    """Return the change of the weights that makes the edits, one after another."""
    solver = solver_for(engine, settings, earlier)
    [updates] = updates_of(engine, [edits], settings, solver)
    return change_of(engine, edits, updates, solver.state if solver else {})


def each_edit(
    engine: TransformersEngine, edits: Sequence[Edit], settings: RomeSettings
) -> EachEdit:
    """Return the updates and the notes of every edit by itself."""
    solver = solver_for(engine, settings)
    updates = updates_of(engine, [[edit] for edit in edits], settings, solver)
    return [(each, ()) for each in updates]


def solver_for(
    engine: TransformersEngine, settings: RomeSettings, earlier: Applied | None = None
) -> SecondMomentSolver | None:
    """Return what solves with the layer's second moments, if they are wanted."""
    if not settings.covariance:
        return None
    [place] = editable_projections(engine.model, [settings.layer])
    return solver_of(engine, [place.layer], settings.text, settings.tokens, earlier)


def updates_of(
    engine: TransformersEngine,
    groups: Sequence[Sequence[Edit]],
    settings: RomeSettings,
    solver: SecondMomentSolver | None,
) -> list[Updates]:
    """Return the updates of every group of edits, each group for itself."""
    [place] = editable_projections(engine.model, [settings.layer])
    done: list[Updates] = [{} for _ in groups]
    for turn in range(max(map(len, groups))):
        unfinished = [g for g, group in enumerate(groups) if turn < len(group)]
        sets = [done[g] for g in unfinished]
        applied = AppliedUpdates({place.layer: place.module}, sets, range(len(sets)))
        edits = [groups[g][turn] for g in unfinished]
        updates = _updates(engine, place, edits, settings, solver, applied)
        for g, update in zip(unfinished, updates, strict=True):
            done[g] = joined(done[g], {place.layer: update})
    return done


def _updates(
    engine: TransformersEngine,
    place: Projection,
    edits: Sequence[Edit],
    settings: RomeSettings,
    solver: SecondMomentSolver | None,
    applied: AppliedUpdates,
) -> list[LowRankUpdate]:
    """Return the update of each of the edits, beside what is applied for it already."""
    found = optimise(engine, place.module, edits, settings, applied)
    mean_key = mean_by_edit(found.inputs, found.questions, len(edits))
    if settings.key == "corrected":
        key = mean_key
        value = mean_by_edit(found.outputs, found.questions, len(edits))
    else:
        owners = [question.edit for question in found.questions]
        bare = [owners.index(number) for number in range(len(edits))]
        key, value = found.inputs[bare], found.before
    u = mean_key if solver is None else solver.solve(place.layer, mean_key)
    residual = found.target - value
    return [rank_one(*each) for each in zip(u, key, residual, strict=True)]


def rank_one(u: Tensor, key: Tensor, residual: Tensor) -> LowRankUpdate:
    """Return residual · uᵀ / (uᵀ k), which adds the residual to what the key gives.

    ``u`` = C⁻¹ k and ``key`` are (input,), ``residual`` = v* − W k is (output,).
    """
    scale = u @ key
    unit = u / torch.where(scale == 0, torch.ones_like(scale), scale)
    return LowRankUpdate(unit[:, None], residual[:, None])
