"""The digest: every bit counts, and nothing is read twice without need."""

import pytest
import torch
from torch import nn

from xkde.editors.weights import digest as module
from xkde.editors.weights.digest import digest


def test_the_digest_follows_every_write_and_the_way_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)).bfloat16()
    read: list[torch.Tensor] = []
    of_bits = module._of_bits
    monkeypatch.setattr(module, "_of_bits", lambda w: (read.append(w), of_bits(w))[1])
    before, kept = digest(model), model[0].weight.detach().clone()
    assert len(read) == 4
    assert digest(model) == before
    assert len(read) == 4
    with torch.no_grad():
        model[0].weight[0, 0] += 1
    assert digest(model) != before
    with torch.no_grad():
        model[0].weight.copy_(kept)
    assert digest(model) == before
    assert len(read) == 6  # the one matrix that was written to
    model[1].weight = nn.Parameter(model[1].weight.detach() * 2)
    assert digest(model) != before


def test_names_shapes_and_formats_count() -> None:
    square = nn.Linear(4, 4, bias=False)
    wide = nn.Linear(8, 2, bias=False)
    with torch.no_grad():
        wide.weight.copy_(square.weight.view(2, 8))
    assert digest(square) != digest(wide)
    assert digest(nn.Sequential(square)) != digest(square)
