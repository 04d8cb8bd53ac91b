"""Geometry of edits: do two languages' updates of the same fact point the same way?

CLM-Bench (2026, https://arxiv.org/abs/2601.17397) finds the updates of an edit made in
English and of the same edit made in Chinese nearly orthogonal, and their sum nearly the
update of both together. An update is low-rank, Δ = V Kᵀ (``low_rank``), so nothing is
written out:

    ⟨Δ₁, Δ₂⟩ = Σ (V₁ᵀ V₂) ∘ (K₁ᵀ K₂),   cos = ⟨Δ₁, Δ₂⟩ / (‖Δ₁‖ ‖Δ₂‖)

Of rank one the cosine is that of the keys times that of the values, which tells where
two languages differ: in what the model looks up, or in what it is to answer. The map is
the principal components of many updates, from their inner products alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xkde.editors.weights.low_rank import LowRankUpdate, Updates, joined


@dataclass(frozen=True)
class SumCompared:
    """How near the sum of two updates is to the update of both together."""

    cosine: float  # of the sum and the joint update
    relative_error: float  # ‖joint − sum‖ / ‖joint‖


@dataclass(frozen=True)
class PlaneMap:
    """Points in a plane, and the share of the spread that each axis holds."""

    points: Tensor  # (points, 2)
    shares: tuple[float, float]


def inner(one: LowRankUpdate, other: LowRankUpdate) -> float:
    """Return ⟨Δ₁, Δ₂⟩, the sum of the products of all their numbers."""
    values = one.values.double().T @ other.values.double()
    keys = one.keys.double().T @ other.keys.double()
    return float((values * keys).sum())


def norm(update: LowRankUpdate) -> float:
    """Return the Frobenius norm of an update."""
    return math.sqrt(max(0.0, inner(update, update)))


def cosine(one: LowRankUpdate, other: LowRankUpdate) -> float:
    """Return the cosine of two updates; 0 where one of them is nothing."""
    return _ratio(inner(one, other), norm(one) * norm(other))


def vector_cosine(one: Tensor, other: Tensor) -> float:
    """Return the cosine of two vectors; 0 where one of them is nothing."""
    a, b = one.double().flatten(), other.double().flatten()
    return _ratio(float(a @ b), float(a.norm() * b.norm()))


def part_cosines(one: LowRankUpdate, other: LowRankUpdate) -> dict[str, float]:
    """Return the cosines of the updates, and of keys and values where both have one."""
    found = {"update": cosine(one, other)}
    if one.keys.shape[1] == other.keys.shape[1] == 1:
        found["key"] = vector_cosine(one.keys, other.keys)
        found["value"] = vector_cosine(one.values, other.values)
    return found


def compare_sum(
    one: LowRankUpdate, other: LowRankUpdate, together: LowRankUpdate
) -> SumCompared:
    """Compare the sum of two updates with the update of both together."""
    total = joined({0: one}, {0: other})[0]
    minus = LowRankUpdate(total.keys, -total.values)
    rest = joined({0: together}, {0: minus})[0]
    return SumCompared(cosine(total, together), _ratio(norm(rest), norm(together)))


def plane_map(updates: Sequence[LowRankUpdate]) -> PlaneMap:
    """Return the updates' first two principal components, unit length each.

    Their lengths are left out: a longer edit would only push the others together.
    """
    gram = torch.tensor([[inner(a, b) for b in updates] for a in updates])
    lengths = gram.diagonal().clamp(min=1e-30).sqrt()
    return _principal(gram / lengths[:, None] / lengths[None])


def state_map(states: Tensor) -> PlaneMap:
    """Return the first two principal components of vectors (points, width)."""
    vectors = states.double()
    return _principal(vectors @ vectors.T)


def of_layer(sets: Sequence[Updates], layer: int) -> list[LowRankUpdate]:
    """Return every set's update of one layer."""
    return [updates[layer] for updates in sets]


def _principal(gram: Tensor) -> PlaneMap:
    """Return the plane of the inner products (points, points) of some vectors."""
    gram = gram.double()
    mean = gram.mean(dim=0, keepdim=True)
    centred = gram - mean - mean.T + gram.mean()
    spread, axes = torch.linalg.eigh(centred)
    largest = spread.clamp(min=0).flip(0)[:2]
    points = axes.flip(1)[:, :2] * largest.sqrt()
    whole = float(spread.clamp(min=0).sum())
    first, second = (_ratio(float(each), whole) for each in largest)
    return PlaneMap(points, (first, second))


def _ratio(value: float, by: float) -> float:
    return value / by if by else 0.0
