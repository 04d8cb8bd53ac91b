"""Norms behind an MLP: found by what runs, turned back by hand, obeyed by MEMIT."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.helpers.rank_one_samples import EDITS, VALUE
from xkde.editors.weights.keys import inputs_and_outputs
from xkde.editors.weights.low_rank import AppliedUpdates
from xkde.editors.weights.memit import (
    MemitSettings,
    solver_for,
    updates_of,
    wanted_states,
)
from xkde.editors.weights.modules import down_projections, layers_of, projection
from xkde.editors.weights.output_norm import OutputNorm, output_norms
from xkde.engines.loading import load


class RMSNorm(nn.Module):
    """g ⊙ m / rms(m), with the scale kept less one."""

    def __init__(self, scale: list[float]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(scale) - 1)

    def forward(self, given: Tensor) -> Tensor:
        rms = given.square().mean(dim=-1, keepdim=True).sqrt()
        return given / rms * (1 + self.weight)


def test_a_change_before_the_norm_by_hand() -> None:
    # rms(1, 1) = 1, ε = 0.1 · 2: 0.4 · 2 / (4 + 0.04) = 0.198.
    norm = OutputNorm(RMSNorm([2.0, 2.0]), torch.tensor([2.0, 2.0]))
    d = norm.change_before(torch.ones(1, 2), torch.tensor([[0.4, 0.0]]))
    assert d[0].tolist() == pytest.approx([0.8 / 4.04, 0.0])


def test_the_norm_then_points_to_what_is_wanted() -> None:
    torch.manual_seed(0)
    scale = torch.rand(16) + 0.5
    norm = OutputNorm(RMSNorm(scale.tolist()), scale)
    given, wanted = 3 * torch.randn(4, 16), torch.randn(4, 16)
    after = norm.module(given + norm.change_before(given, wanted))
    cosine = torch.cosine_similarity(after, norm.module(given) + wanted)
    assert cosine.min() > 0.99


def test_a_silenced_channel_is_not_blown_up() -> None:
    scale = torch.tensor([1.0, 1.0, 1e-6, 1.0])
    norm = OutputNorm(RMSNorm(scale.tolist()), scale)
    d = norm.change_before(torch.ones(1, 4), torch.ones(1, 4))
    assert d[0, 2].abs() < 1e-3


def test_a_layer_norm_is_turned_back_too() -> None:
    torch.manual_seed(0)
    module = nn.LayerNorm(8)
    with torch.no_grad():
        module.weight.uniform_(1, 2)
        module.bias.normal_()
    norm = OutputNorm(module, module.weight.detach())
    given, wanted = 5 + torch.randn(2, 8), 1e-3 * torch.randn(2, 8)
    # What a LayerNorm cannot do: shift all channels, or lengthen all.
    unit = (module(given) - module.bias).detach() / norm.scale
    free = wanted / norm.scale
    free = free - free.mean(dim=-1, keepdim=True)
    free = free - unit * (free * unit).mean(dim=-1, keepdim=True)
    wanted = free * norm.scale
    reached = norm.change(given, norm.change_before(given, wanted))
    assert (reached - wanted).norm() < 0.05 * wanted.norm()


@pytest.mark.parametrize("folder", ["qwen2_folder", "llama2_folder", "atlas_folder"])
def test_most_models_have_none(folder: str, request: pytest.FixtureRequest) -> None:
    model = load(request.getfixturevalue(folder), device="cpu").model
    assert output_norms(model, down_projections(model)) == {}


def test_gemma_3_has_one_a_layer(gemma3_folder: Path) -> None:
    model = load(gemma3_folder, device="cpu").model
    layers = layers_of(model)[1]
    with torch.no_grad():
        for layer in layers:
            layer.get_submodule("post_feedforward_layernorm").weight.normal_()
    found = output_norms(model, down_projections(model))
    assert list(found) == list(range(len(layers)))
    for number, norm in found.items():
        expected = layers[number].get_submodule("post_feedforward_layernorm")
        assert norm.module is expected
        assert torch.allclose(norm.scale, 1 + expected.weight.float(), atol=1e-5)


def test_memit_brings_the_wanted_state_behind_a_norm(
    gemma3_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    engine = load(gemma3_folder, device="cpu", dtype="float32")
    given = {**VALUE, "openings": 0, "layers": (1,), "weight": 1e-9}
    settings = MemitSettings(**given)  # type: ignore[arg-type]
    place, last = projection(engine.model, 1), layers_of(engine.model)[1][1]
    norms = output_norms(engine.model, [place])
    z, prompts = wanted_states(engine, last, place, norms, EDITS[:1], settings)
    [updates] = updates_of(engine, [EDITS[:1]], settings, solver_for(engine, settings))
    plain, edited = AppliedUpdates(), AppliedUpdates({1: place.module}, [updates], [0])
    [(_, before)] = inputs_and_outputs(engine, [last], prompts, plain)
    [(_, after)] = inputs_and_outputs(engine, [last], prompts, edited)
    assert (z - before).norm() > 0.1
    assert (z - after).norm() < 0.03 * (z - before).norm()
