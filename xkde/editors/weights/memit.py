"""MEMIT: many edits at once, spread over several layers by least squares.

For each edit the hidden state z that brings the new answer is optimised at the last of
the layers. From the first to the last, each layer takes its share of what is missing,
R = (Z - H) / (layers left), and its weights gain R Kᵀ (λC + K Kᵀ)⁻¹: the least change
for keys of other text (Meng et al., 2023). H and K are read anew after each layer.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_memit.py``
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xkde.editors.editor import Applied
from xkde.editors.weights.base import Change, InWeights
from xkde.editors.weights.contexts import notes_of, rows_of
from xkde.editors.weights.keys import Standing, mean_by_edit, modules_of, read
from xkde.editors.weights.low_rank import Update, Updates
from xkde.editors.weights.modules import Projection, layers_of, projection
from xkde.editors.weights.solver import Solver, solver_of
from xkde.editors.weights.values import optimise, value_settings
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.types import Edit

# (layer, keys (edits, width) of one group) -> Σ⁻¹ K, (edits, width)
Solve = Callable[[int, Tensor], Tensor]


@dataclass(frozen=True)
class MemitSettings:
    """MEMIT's settings; the values' own are explained in ``values.ValueSettings``."""

    layers: tuple[int | float, ...] = (4 / 32, 5 / 32, 6 / 32, 7 / 32, 8 / 32)
    weight: float = 15_000.0  # λ: how much other text counts beside the edits
    text: str = "atlas"
    tokens: int | None = None
    learning_rate: float = 0.5
    steps: int = 25
    stop: float = 0.05
    clamp: float = 4.0
    kl: float = 0.0625
    decay: float = 1e-3
    openings: int = 4


def editor(given: Mapping[str, Any]) -> InWeights:
    """Return the editor."""
    return InWeights("memit", MemitSettings, compute, given, needs_subject=True)


def compute(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: MemitSettings,
    earlier: Applied | None,
) -> Change:
    """Return the change of the weights that makes all the edits at once."""
    solver = solver_for(engine, settings, earlier)
    [updates] = updates_of(engine, [edits], settings, solver)
    return change_of(engine, edits, updates, solver.kept)


def solver_for(
    engine: TransformersEngine,
    settings: MemitSettings,
    earlier: Applied | None = None,
) -> Solver:
    """Return what solves with the layers' second moments."""
    layers = [place.layer for place in places_of(engine, settings.layers)]
    return solver_of(engine, layers, settings.text, settings.tokens, earlier)


def updates_of(
    engine: TransformersEngine,
    groups: Sequence[Sequence[Edit]],
    settings: MemitSettings,
    solver: Solver,
) -> list[Updates]:
    """Return the updates of every group of edits, each for itself."""

    def solve(layer: int, keys: Tensor) -> Tensor:
        return least_squares(keys, solver.solve(layer, keys) / settings.weight)

    return spread(engine, groups, settings, solve)


def least_squares(keys: Tensor, solved: Tensor) -> Tensor:
    """Return (A + K Kᵀ)⁻¹ K for a group of keys, given ``solved`` = A⁻¹ K.

    By Woodbury's identity it is A⁻¹ K (1 + Kᵀ A⁻¹ K)⁻¹. Keys are rows here.
    """
    small = (solved @ keys.T).double()
    small += torch.eye(len(keys), dtype=small.dtype, device=small.device)
    return torch.linalg.solve(small, solved.double()).to(solved.dtype)


def spread(
    engine: TransformersEngine,
    groups: Sequence[Sequence[Edit]],
    settings: Any,
    solve: Solve,
) -> list[Updates]:
    """Return the updates that bring every edit's hidden state to its target.

    Layer after layer; ``solve`` says by which method.
    """
    edits = [edit for group in groups for edit in group]
    whose = [g for g, group in enumerate(groups) for _ in group]
    places = places_of(engine, settings.layers)
    last = layers_of(engine.model)[1][places[-1].layer]
    modules = modules_of(places)
    rows = rows_of(engine.tokenizer, edits, settings.openings)
    bare = rows_of(engine.tokenizer, edits, 0)
    free = Standing(modules, [], [])
    values = optimise(engine, last, edits, value_settings(settings), free)
    target = values.before + values.added
    done: list[dict[int, Update]] = [{} for _ in groups]
    for number, place in enumerate(places):
        standing = Standing(modules, done, whose)
        [(inputs, _)] = read(engine, [place.module], rows, standing)
        keys = mean_by_edit(inputs, rows, len(edits))
        [(_, now)] = read(engine, [last], bare, standing)
        missing = (target - now) / (len(places) - number)
        for g in range(len(groups)):
            own = [edit for edit, group in enumerate(whose) if group == g]
            solved = solve(place.layer, keys[own])
            done[g][place.layer] = Update(solved.T, missing[own].T)
    return list(done)


def places_of(
    engine: TransformersEngine, layers: Sequence[int | float]
) -> list[Projection]:
    """Return the layers' down projections, each once, from the first to the last."""
    found = {p.layer: p for p in (place_of(engine, n) for n in layers)}
    return [found[layer] for layer in sorted(found)]


def place_of(engine: TransformersEngine, layer: int | float) -> Projection:
    """Return a layer's down projection; raises SettingsError for the last layer."""
    place = projection(engine.model, layer)
    if place.layer == len(layers_of(engine.model)[1]) - 1:
        raise SettingsError(
            "What the last layer says of the subject reaches no later token, so an "
            "edit there changes nothing. Choose an earlier layer."
        )
    return place


def change_of(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    updates: Updates,
    kept: Mapping[str, Tensor],
    *notes: str,
) -> Change:
    """Return updates as a change of the weights, with what is to say of the edits."""
    of_edits = notes_of(rows_of(engine.tokenizer, edits, 0))
    return Change(delta_of(engine, updates), (*of_edits, *notes), kept)


def delta_of(engine: TransformersEngine, updates: Updates) -> dict[str, Tensor]:
    """Return updates written out, as parameters have them."""
    places = [projection(engine.model, layer) for layer in updates]
    return {p.weight_name: p.as_stored(updates[p.layer].matrix) for p in places}
