"""Editors with a trained part of their own beside the model: SERAC and MEND.

SERAC (Mitchell et al., 2022: https://arxiv.org/abs/2206.06520): a classifier decides
who answers a query. With β the largest scope
probability g(e, x) of a query x over the edits e, and e* the edit that has it:

    f̃(x) = counterfactual(e*, x) if β ≥ threshold, else base(x)

The base model stays untouched; the counterfactual model is small and reads the edit and
the query. Train classifier and counterfactual with ``python -m xkde train-editor
serac``; another checkpoint that takes edits in its prompt, such as one of XE-IT, may
stand in for the second.

MEND (Mitchell et al., 2022: https://arxiv.org/abs/2110.11309): the gradient of an
edit's loss at a linear layer is a sum over tokens of outer products δ uᵀ (u what the
layer is fed, δ the gradient of its output). The hyper-network g maps each factor, and
the layer gains

    ΔW = −α Σ_tokens δ̃ ũᵀ,   (ũ, δ̃) = g(u, δ),   α the layer's learned rate

Several edits add up. Train the network with ``python -m xkde train-editor mend``; it
fits the model that it was trained on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from xkde.checkpoints import read_card, resolve
from xkde.editors.editor import Applied, Routed, check_edits, measured
from xkde.editors.registry import part_folder, settings_for
from xkde.editors.weights import deltas
from xkde.editors.weights.base import WeightChange, WeightEditor
from xkde.editors.weights.fine_tuning import pairs_of
from xkde.engines.hypernetwork import (
    HyperNetwork,
    Scope,
    gradient_factors,
    linear_sizes,
    load_network,
    load_scope,
)
from xkde.engines.loading import load, source_of
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.languages import language
from xkde.paths import CARD
from xkde.prompts import ask, edit_prompt
from xkde.types import Edit, Query

DEFAULT_THRESHOLD = 0.5  # where training chose none


@dataclass(frozen=True)
class SeracEditorSettings:
    """Where the trained parts lie, and from what probability on they answer."""

    folder: str = ""
    threshold: float = -1.0  # below 0: what training chose on the dev split
    counterfactual: str = ""  # a checkpoint that answers in scope; empty: the trained


@dataclass(frozen=True)
class SeracModels:
    """The two models that training made."""

    scope: Scope
    counterfactual: TransformersEngine
    threshold: float


@dataclass(frozen=True)
class Serac:
    """The editor; ``given`` is what was asked of its settings."""

    given: Mapping[str, object]
    name: str = "serac"

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """Keep the edits beside the model; its weights stay as they are."""
        check_edits(edits, engine.tokenizer)
        settings = settings_for(
            SeracEditorSettings, self.name, engine.model, self.given
        )
        with measured(engine.device) as cost:
            models = models_of(settings, engine.device)
            scope_vectors = models.scope.embed([edit.question for edit in edits])
            if earlier is not None:
                earlier_vectors = earlier.state["scope"]
                scope_vectors = torch.cat([earlier_vectors, scope_vectors])
        every = (*(earlier.edits if earlier else ()), *edits)
        return Applied(
            self.name,
            every,
            route(engine, models, every, scope_vectors),
            state={"scope": scope_vectors},
            seconds=cost.seconds,
            peak_bytes=cost.peak_bytes,
        )


def serac(given: Mapping[str, object]) -> Serac:
    """Return the editor."""
    return Serac(given)


def route(
    engine: TransformersEngine,
    models: SeracModels,
    edits: Sequence[Edit],
    scope_vectors: Tensor,
) -> Callable[[Query], Routed]:
    """Return who is asked a query: the counterfactual model with one edit, or the base.

    ``scope_vectors`` are the edits as the classifier reads them, (edits, width).
    """

    def routed(query: Query) -> Routed:
        index, probability = decide(models.scope, scope_vectors, query)
        if probability < models.threshold:
            return Routed(engine, tuple(ask(query.text, query.language)))
        name = language(query.language).name
        text = edit_prompt([edits[index]], query.text, name)
        return Routed(models.counterfactual, tuple(ask(text, query.language)))

    return routed


def decide(scope: Scope, scope_vectors: Tensor, query: Query) -> tuple[int, float]:
    """Return the edit that most likely has a query in its scope, and how likely."""
    vector = scope.embed([query.text])
    probabilities = scope.probabilities(scope_vectors, vector)[:, 0]
    # Of edits that are alike the last one is in force.
    index = len(probabilities) - 1 - int(probabilities.flip(0).argmax())
    return index, float(probabilities[index])


def models_of(settings: SeracEditorSettings, device: torch.device) -> SeracModels:
    """Return the trained models, loaded once.

    Raises XkdeError if they are not there.
    """
    folder = part_folder("serac", settings.folder)
    card = read_card(folder)
    chosen = settings.threshold
    if chosen < 0:
        chosen = DEFAULT_THRESHOLD
        if card is not None:
            chosen = float(card.details.get("threshold", chosen))
    if chosen > 1:
        raise SettingsError(f"SERAC's threshold lies from 0 to 1; {chosen} does not.")
    written = (folder / CARD).stat().st_mtime_ns
    scope = _scope(folder / "scope", str(device), written)
    counterfactual = _counterfactual(folder, settings, device, written)
    return SeracModels(scope, counterfactual, chosen)


def _counterfactual(
    folder: Path, settings: SeracEditorSettings, device: torch.device, written: int
) -> TransformersEngine:
    if not settings.counterfactual:
        return _engine(str(folder / "counterfactual"), None, str(device), written)
    place = resolve(settings.counterfactual)
    source = source_of(place)
    return _engine(source, place.revision, str(device), 0)


@lru_cache(maxsize=2)
def _scope(folder: Path, device: str, written: int) -> Scope:
    """Return the classifier of a folder as it was ``written`` at a time."""
    return load_scope(folder, torch.device(device))


@lru_cache(maxsize=2)
def _engine(
    source: str, revision: str | None, device: str, written: int
) -> TransformersEngine:
    return load(source, device=device, revision=revision)


FILE = "mend.safetensors"


@dataclass(frozen=True)
class MendEditorSettings:
    """Where the trained network lies, and how much of its change is made."""

    folder: str = ""
    strength: float = 1.0  # times the learned rates
    batch_size: int = 16  # edits whose gradients are taken together


def change(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: MendEditorSettings,
    earlier: Applied | None,
) -> WeightChange:
    """Return what the network makes of the edits' gradients."""
    if settings.batch_size < 1:
        raise SettingsError("MEND takes at least one edit at a time: batch_size.")
    file = part_folder("mend", settings.folder) / FILE
    network = _network(file, str(engine.device), _written(file))
    _check_fits(network, engine.model)
    pairs = pairs_of(engine, edits)
    total: dict[str, Tensor] = {}
    with deltas.only_these_learn(engine.model):
        for start in range(0, len(pairs), settings.batch_size):
            batch = pairs[start : start + settings.batch_size]
            gradients, _ = gradient_factors(engine.model, network.names, batch)
            with torch.no_grad():
                changes = network(gradients)
            batch_delta = {name: each.matrix for name, each in changes.items()}
            total = deltas.sum_of(total, batch_delta)
    return WeightChange(
        {
            f"{name}.weight": _as_stored(engine.model, name, settings.strength * matrix)
            for name, matrix in total.items()
        }
    )


def mend(given: Mapping[str, object]) -> WeightEditor:
    """Return the editor."""
    return WeightEditor("mend", MendEditorSettings, change, given)


@lru_cache(maxsize=2)
def _network(file: Path, device: str, written: int) -> HyperNetwork:
    """Return the network of a file as it was ``written`` at a time."""
    return load_network(file, torch.device(device))


def _written(file: Path) -> int:
    return file.stat().st_mtime_ns if file.is_file() else 0


def _check_fits(network: HyperNetwork, model: PreTrainedModel) -> None:
    if linear_sizes(model, network.names) != network.sizes:
        raise SettingsError(
            "MEND's network was trained on a model of another shape. Train one on this "
            "model: python -m xkde train-editor mend"
        )


def _as_stored(model: PreTrainedModel, name: str, matrix: Tensor) -> Tensor:
    """Turn a change (out, in) as the layer's parameter has it."""
    is_transposed = isinstance(model.get_submodule(name), Conv1D)
    return matrix.T.contiguous() if is_transposed else matrix
