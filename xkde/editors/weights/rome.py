"""ROME: one new value for the subject's key, written into one layer by rank one.

W gains (v* - W k) uᵀ / (uᵀ k) with u = C⁻¹ k: after it W k is v* exactly, and keys that
are common in other text are moved least. By default k is the mean key behind all
openings in every place of the formula (R-ROME: Gupta et al., 2024), which ends the
collapse of the original, whose denominator has the bare question's key (Meng et al.,
2022). Several edits are made one after another.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_rome.py``
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from xkde.editors.editor import Applied
from xkde.editors.weights.base import Change, InWeights
from xkde.editors.weights.contexts import rows_of
from xkde.editors.weights.keys import Standing, mean_by_edit, modules_of, read
from xkde.editors.weights.low_rank import Update, Updates, joined
from xkde.editors.weights.memit import change_of, place_of
from xkde.editors.weights.modules import Projection
from xkde.editors.weights.solver import Solver, solver_of
from xkde.editors.weights.values import optimise, value_settings
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit


@dataclass(frozen=True)
class RomeSettings:
    """ROME's settings; the values' own are explained in ``values.ValueSettings``."""

    layer: int | float = 5 / 32  # as a share of the depth: of Llama-2-7B the fifth
    key: Literal["corrected", "original"] = "corrected"
    covariance: bool = True  # False: u = k, no second moments needed
    text: str = "atlas"  # whose second moments
    tokens: int | None = None  # how much of it; none: 20 times a key's width
    learning_rate: float = 0.5
    steps: int = 25
    stop: float = 0.05
    clamp: float = 4.0
    kl: float = 0.0625
    decay: float = 1e-3
    openings: int = 4


def editor(given: Mapping[str, Any]) -> InWeights:
    """Return the editor."""
    return InWeights("rome", RomeSettings, compute, given, needs_subject=True)


def compute(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: RomeSettings,
    earlier: Applied | None,
) -> Change:
    """Return the change of the weights that makes the edits, one after another."""
    solver = solver_for(engine, settings, earlier)
    [updates] = updates_of(engine, [edits], settings, solver)
    return change_of(engine, edits, updates, solver.kept if solver else {})


def solver_for(
    engine: TransformersEngine, settings: RomeSettings, earlier: Applied | None = None
) -> Solver | None:
    """Return what solves with the layer's second moments, if they are wanted."""
    if not settings.covariance:
        return None
    layer = place_of(engine, settings.layer).layer
    return solver_of(engine, [layer], settings.text, settings.tokens, earlier)


def updates_of(
    engine: TransformersEngine,
    groups: Sequence[Sequence[Edit]],
    settings: RomeSettings,
    solver: Solver | None,
) -> list[Updates]:
    """Return the updates of every group of edits, each for itself."""
    place = place_of(engine, settings.layer)
    done: list[Updates] = [{} for _ in groups]
    for turn in range(max(map(len, groups))):
        still = [g for g, group in enumerate(groups) if turn < len(group)]
        sets = [done[g] for g in still]
        standing = Standing(modules_of([place]), sets, range(len(sets)))
        edits = [groups[g][turn] for g in still]
        for g, update in zip(
            still,
            _single(engine, place, edits, settings, solver, standing),
            strict=True,
        ):
            done[g] = joined(done[g], {place.layer: update})
    return done


def _single(
    engine: TransformersEngine,
    place: Projection,
    edits: Sequence[Edit],
    settings: RomeSettings,
    solver: Solver | None,
    standing: Standing,
) -> list[Update]:
    """Return the update of each of the edits, under what already stands for it."""
    values = optimise(engine, place.module, edits, value_settings(settings), standing)
    rows = rows_of(engine.tokenizer, edits, settings.openings)
    [(inputs, outputs)] = read(engine, [place.module], rows, standing)
    mean = mean_by_edit(inputs, rows, len(edits))
    solved = mean if solver is None else solver.solve(place.layer, mean)
    if settings.key == "corrected":
        key, now = mean, mean_by_edit(outputs, rows, len(edits))
    else:
        first = [next(i for i, r in enumerate(rows) if r.edit == e)
                 for e in range(len(edits))]  # fmt: skip
        key, now = inputs[first], outputs[first]
    target = values.before + values.added
    return [closed_form(*each) for each in zip(solved, key, target - now, strict=True)]


def closed_form(direction: Tensor, key: Tensor, missing: Tensor) -> Update:
    """Return the rank-one update that adds ``missing`` to what the key gives."""
    scale = direction @ key
    unit = direction / torch.where(scale == 0, torch.ones_like(scale), scale)
    return Update(unit[:, None], missing[:, None])
