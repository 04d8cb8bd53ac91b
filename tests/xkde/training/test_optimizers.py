"""Tests of the optimizer: who moves what, one schedule, and a state that goes on."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from xkde.training.stages import MUON_SCALE, MuonWithAdamW

RATE, DECAY = 1e-2, 0.1


class Tiny(nn.Module):
    """An embedding, a matrix, a norm, and a head tied to the embedding."""

    def __init__(self, tied: bool = True) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.matrix = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 11, bias=False)
        if tied:
            self.head.weight = self.embedding.weight

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.norm(self.matrix(self.embedding(ids))))
        return logits


def tiny() -> Tiny:
    torch.manual_seed(0)
    return Tiny()


def take_steps(model: Tiny, optimizer: Any, count: int, first: int = 0) -> None:
    for step in range(first, first + count):
        ids = torch.arange(6) + step % 3
        functional.cross_entropy(model(ids), ids + 1).backward()
        optimizer.step()
        optimizer.zero_grad()


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("tied", [True, False])
def test_matrices_to_muon_and_the_rest_to_adamw(tied: bool) -> None:
    model = Tiny(tied)
    muon, adamw = MuonWithAdamW(model, RATE, DECAY).parts
    assert isinstance(muon, torch.optim.Muon)
    assert isinstance(adamw, torch.optim.AdamW)
    of_muon = [id(p) for group in muon.param_groups for p in group["params"]]
    of_adamw = [id(p) for group in adamw.param_groups for p in group["params"]]
    assert of_muon == [id(model.matrix.weight)]
    assert set(of_adamw) == {
        id(model.embedding.weight),
        id(model.head.weight),
        id(model.matrix.bias),
        id(model.norm.weight),
        id(model.norm.bias),
    }
    assert len(of_adamw) == (4 if tied else 5)  # a tied head is not there twice


def test_what_is_frozen_is_left_out() -> None:
    model = tiny()
    model.norm.requires_grad_(False)
    optimizer = MuonWithAdamW(model, RATE, DECAY)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert id(model.norm.weight) not in held
    assert len(held) == 3


@pytest.mark.parametrize("kind", ["embedding", "matrix"])
def test_one_kind_alone(kind: str) -> None:
    """LoRA has matrices only."""
    model = nn.Linear(4, 4, bias=False) if kind == "matrix" else nn.Embedding(4, 4)
    optimizer = MuonWithAdamW(model, RATE, DECAY)
    before = model.weight.detach().clone()
    model.weight.sum().backward()
    optimizer.step()
    assert not torch.equal(before, model.weight)


def test_rates_and_decay() -> None:
    muon, adamw = MuonWithAdamW(tiny(), RATE, DECAY).param_groups
    assert muon["lr"] == RATE * MUON_SCALE
    assert muon["lr"] * muon["weight_decay"] == pytest.approx(RATE * DECAY)
    assert (adamw["lr"], adamw["weight_decay"]) == (RATE, 0.0)


def test_a_step_is_the_two_optimizers_own() -> None:
    together, apart = tiny(), tiny()
    take_steps(together, MuonWithAdamW(together, RATE, DECAY), 3)
    muon = torch.optim.Muon(
        [apart.matrix.weight], lr=RATE * MUON_SCALE, weight_decay=DECAY / MUON_SCALE
    )
    others = [p for p in apart.parameters() if p is not apart.matrix.weight]
    adamw = torch.optim.AdamW(others, lr=RATE, betas=(0.9, 0.98), weight_decay=0.0)
    for step in range(3):
        ids = torch.arange(6) + step
        functional.cross_entropy(apart(ids), ids + 1).backward()
        for each in (muon, adamw):
            each.step()
            each.zero_grad()
    assert all(map(torch.equal, weights(together), weights(apart)))


def test_one_scheduler_moves_all_groups() -> None:
    model = tiny()
    optimizer = MuonWithAdamW(model, RATE, DECAY)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    take_steps(model, optimizer, 1)
    scheduler.step()
    for part, scale in zip(optimizer.parts, (MUON_SCALE, 1.0), strict=True):
        assert [group["lr"] for group in part.param_groups] == [RATE * scale / 2]


def test_zero_grad_and_closure() -> None:
    model = tiny()
    optimizer = MuonWithAdamW(model, RATE, DECAY)
    calls = []

    def closure() -> float:
        calls.append(1)
        model(torch.arange(3)).sum().backward()
        return 4.0

    assert optimizer.step(closure) == 4.0
    assert calls == [1]
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_a_saved_state_goes_on_bit_equal(tmp_path: Any) -> None:
    straight = tiny()
    optimizer = MuonWithAdamW(straight, RATE, DECAY)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)
    take_steps(straight, optimizer, 3)
    scheduler.step()
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    later = tiny()
    later.load_state_dict(straight.state_dict())
    again = MuonWithAdamW(later, RATE, DECAY)
    rates = torch.optim.lr_scheduler.LambdaLR(again, lambda step: 0.9**step)
    again.load_state_dict(torch.load(tmp_path / "optimizer.pt", weights_only=True))
    rates.load_state_dict(scheduler.state_dict())
    for model, one, schedule in (
        (straight, optimizer, scheduler),
        (later, again, rates),
    ):
        take_steps(model, one, 1, first=3)
        schedule.step()
        take_steps(model, one, 2, first=4)
    assert all(map(torch.equal, weights(straight), weights(later)))
    assert [g["lr"] for g in again.param_groups] == [
        g["lr"] for g in optimizer.param_groups
    ]
    assert again.parts[0].param_groups[0] is again.param_groups[0]
