"""What is solved with second moments C: C⁻¹ k, and C's eigenvectors.

Cholesky factors and eigenvectors cost the cube of a key's width, an edit should not:
both are computed once for each C and kept as long as it is. Eigenvectors, which take
ten times as long as a factor, are kept in a file beside C, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from xkde.editors.editor import Applied
from xkde.editors.weights.second_moments import (
    PATIENCE,
    default_size,
    files_of,
    second_moments,
)
from xkde.engines.transformers import TransformersEngine
from xkde.locks import held
from xkde.writing import aside

RIDGE = 1e-5  # of C's mean eigenvalue, added to all: text uses few directions fully
STATE = "moments.{}"  # in Applied.state, by layer

# Of each C that somebody holds. C is never written to.
_FACTORS = WeakIdKeyDictionary()  # C -> its factors, by device
_EIGENVECTORS = WeakIdKeyDictionary()  # C -> Eigenvectors


@dataclass(frozen=True)
class Eigenvectors:
    """The eigenvalues of a C, ascending, and its eigenvectors (width, width)."""

    values: Tensor  # (width,), float64
    vectors: Tensor  # float32


@dataclass(frozen=True)
class SecondMomentSolver:
    """The second moments of some layers, ready to solve with."""

    moments: Mapping[int, Tensor]  # C, (width, width), by layer
    factors: Mapping[int, Tensor]  # Cholesky, lower

    @property
    def state(self) -> dict[str, Tensor]:
        """What later edits need, under the names of ``Applied.state``."""
        return {STATE.format(layer): c for layer, c in self.moments.items()}

    def solve(self, layer: int, keys: Tensor) -> Tensor:
        """Return C⁻¹ k for each of the keys (many, width), in float32."""
        factor = self.factors[layer]
        columns = keys.to(factor.device, factor.dtype).T
        return torch.cholesky_solve(columns, factor).T.to(keys.device, keys.dtype)


def solver_of(
    engine: TransformersEngine,
    layers: Sequence[int],
    text: str,
    tokens: int | None,
    earlier: Applied | None = None,
) -> SecondMomentSolver:
    """Return a solver for a model as it is before all edits."""
    state = earlier.state if earlier is not None else {}
    known = {n: state[STATE.format(n)] for n in layers if STATE.format(n) in state}
    if len(known) < len(layers):
        known = second_moments(engine, layers, text, tokens)
    factors = {n: cholesky_factor(c, engine.device) for n, c in known.items()}
    return SecondMomentSolver(known, factors)


def cholesky_factor(matrix: Tensor, device: torch.device) -> Tensor:
    """Return the Cholesky factor of a matrix with a small ridge, on the device."""
    factors: dict[torch.device, Tensor] = _FACTORS.setdefault(matrix, {})
    if device not in factors:
        dtype = torch.float32 if device.type == "mps" else torch.float64
        ridged = matrix.to(device, dtype, copy=True)
        ridged.diagonal().add_(RIDGE * ridged.diagonal().mean())
        factors[device] = torch.linalg.cholesky(ridged)
    return factors[device]


def eigenvectors_of(
    engine: TransformersEngine, layers: Sequence[int], text: str, tokens: int | None
) -> dict[int, Eigenvectors]:
    """Return the eigenvectors of each layer's second moments, from where they lie."""
    moments = second_moments(engine, layers, text, tokens)
    files = files_of(engine, text, tokens or default_size(engine, layers[0]))
    found: dict[int, Eigenvectors] = {}
    for layer, matrix in moments.items():
        if matrix not in _EIGENVECTORS:
            _EIGENVECTORS[matrix] = _kept_eigenvectors(files.eigen(layer), matrix)
        found[layer] = _EIGENVECTORS[matrix]
    return found


def eigenvectors(matrix: Tensor) -> Eigenvectors:
    """Return the eigenvectors of a symmetric matrix."""
    values, vectors = torch.linalg.eigh(matrix.double())
    return Eigenvectors(values, vectors.float())


def _kept_eigenvectors(path: Path, matrix: Tensor) -> Eigenvectors:
    """Read a file of eigenvectors; write it first, or anew where it is torn."""
    with held(path, PATIENCE):
        if path.is_file():
            try:
                return Eigenvectors(**load_file(path))
            except (OSError, SafetensorError, TypeError):
                path.unlink()
        found = eigenvectors(matrix)
        tensors = {"values": found.values, "vectors": found.vectors.contiguous()}
        with aside(path, SafetensorError) as written:
            save_file(tensors, written)
    return found
