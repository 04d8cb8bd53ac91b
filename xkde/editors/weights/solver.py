"""Solve with second moments: C⁻¹ k for the keys of one model's layers.

C is factored once for each weights' digest, text, size and layer. Later edits of a
sequence use the C of the unedited weights, which the first of them keeps. Knows no
edit.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_moments.py``
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xkde.editors.editor import Applied
from xkde.editors.weights.moments import moments
from xkde.engines.transformers import TransformersEngine

KEPT = "moments.{}"  # in Applied.kept
RIDGE = 1e-5  # of C's mean eigenvalue, added to all: text uses few directions fully


@dataclass(frozen=True)
class Solver:
    """The second moments of some layers, ready to solve with."""

    moments: Mapping[int, Tensor]
    factors: Mapping[int, Tensor]  # Cholesky, lower

    @property
    def kept(self) -> dict[str, Tensor]:
        """What later edits need, under the names of ``Applied.kept``."""
        return {KEPT.format(layer): c for layer, c in self.moments.items()}

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
) -> Solver:
    """Return a solver for a model as it is before all edits."""
    kept = earlier.kept if earlier is not None else {}
    known = {n: kept[KEPT.format(n)] for n in layers if KEPT.format(n) in kept}
    if len(known) < len(layers):
        known = moments(engine, layers, text, tokens)
    return Solver(known, {n: factor_of(c, engine.device) for n, c in known.items()})


def factor_of(matrix: Tensor, device: torch.device) -> Tensor:
    """Return the Cholesky factor of a matrix with a small ridge, where edits are."""
    dtype = torch.float32 if device.type == "mps" else torch.float64
    matrix = matrix.to(device, dtype)
    ridge = RIDGE * matrix.diagonal().mean()
    return torch.linalg.cholesky(matrix + ridge * torch.eye(
        len(matrix), device=device, dtype=dtype))  # fmt: skip
