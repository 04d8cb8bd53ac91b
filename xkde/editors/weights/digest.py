"""The digest of a model's weights: which weights a kept result belongs to.

Every parameter's bits are read once. A parameter is read again only after torch has
counted a write to it, or it lies elsewhere, so the digest costs next to nothing at the
second edit. Torch does not count writes through ``.data``; nothing here makes any.
"""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary


@dataclass(frozen=True)
class _Read:
    """A parameter's digest, and where it lay and how often it had been written to."""

    address: int
    writes: int
    digest: bytes


_READ = WeakIdKeyDictionary()  # parameter -> _Read


def digest(model: nn.Module) -> str:
    """Return 16 hex digits of all weights: names, shapes and every number's bits."""
    summary = hashlib.sha256()
    for name, weight in model.named_parameters():
        summary.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        summary.update(_of_parameter(weight))
    return summary.hexdigest()[:16]


def _of_parameter(weight: Tensor) -> bytes:
    if weight.is_inference():  # torch counts no writes to it
        return _of_bits(weight)
    known = _READ.get(weight)
    now = (weight.data_ptr(), weight._version)
    if known is None or (known.address, known.writes) != now:
        known = _READ[weight] = _Read(*now, _of_bits(weight))
    found: bytes = known.digest
    return found


@torch.no_grad()
def _of_bits(weight: Tensor) -> bytes:
    bits = weight.detach().cpu().contiguous().view(-1).view(torch.uint8)
    return hashlib.sha256(bits.numpy().data).digest()
