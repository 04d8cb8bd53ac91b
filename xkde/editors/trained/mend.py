"""MEND: the gradient of an edit, transformed by a trained network, is its change.

Mitchell et al., 2022: https://arxiv.org/abs/2110.11309. The gradient of an edit's loss
at a linear layer is a sum over tokens of outer products δ uᵀ (u what the layer is fed,
δ the gradient of its output). The hyper-network g maps each factor, and the layer gains

    ΔW = −α Σ_tokens δ̃ ũᵀ,   (ũ, δ̃) = g(u, δ),   α the layer's learned rate

Several edits add up. Train the network with ``python -m xkde train-editor mend``; it
fits the model that it was trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from xkde.editors.editor import Applied
from xkde.editors.settings import part_folder
from xkde.editors.weights import deltas
from xkde.editors.weights.base import WeightChange, WeightEditor
from xkde.editors.weights.fine_tuning import pairs_of
from xkde.engines.hypernetwork import (
    HyperNetwork,
    gradient_factors,
    linear_sizes,
    load_network,
)
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.types import Edit

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


def editor(given: Mapping[str, Any]) -> WeightEditor:
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
