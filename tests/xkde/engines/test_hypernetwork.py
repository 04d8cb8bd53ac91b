"""MEND's hyper-network: gradients in factors, and what becomes of them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from xkde.engines.forward import Pair, answer_logits, nll_losses
from xkde.engines.hypernetwork import (
    GradientFactors,
    HyperNetwork,
    LowRankBlock,
    gradient_factors,
    linear_sizes,
    load_network,
    row_updates,
    save_network,
)
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import CheckpointError, SettingsError
from xkde.prompts import answered

PATTERNS = ["*.layers.1.mlp.*", "*.layers.0.mlp.down_proj"]
DOWN = "model.layers.1.mlp.down_proj"


@pytest.fixture(scope="module")
def engine(qwen2_folder: Path) -> TransformersEngine:
    found = load(qwen2_folder, device="cpu")
    found.model.requires_grad_(False)
    return found


@pytest.fixture(scope="module")
def pairs(engine: TransformersEngine) -> list[Pair]:
    told = [
        engine.encode(answered(question, answer))
        for question, answer in (
            ("Which city is the capital of Japan?", "Osaka"),
            ("日本", "Die Hauptstadt ist Osaka."),
        )
    ]
    return [(each.prompt_ids, each.answer_ids) for each in told]


def network_of(engine: TransformersEngine, rate: float = 0.5) -> HyperNetwork:
    return HyperNetwork(linear_sizes(engine.model, PATTERNS), rank=4, rate=rate)


# Gradients


def test_the_gradient_is_the_sum_of_delta_times_input(
    engine: TransformersEngine, pairs: list[Pair]
) -> None:
    sizes = linear_sizes(engine.model, PATTERNS)
    assert list(sizes.values()) == [(64, 32), (32, 64), (32, 64), (64, 32)]
    found, losses = gradient_factors(engine.model, list(sizes), pairs)
    for name in sizes:
        weight = engine.model.get_submodule(name).weight
        weight.requires_grad_(True)
        told = nll_losses(answer_logits(engine.model, pairs))
        assert torch.allclose(told, losses, atol=1e-5)
        (expected,) = torch.autograd.grad(told.sum(), weight)
        weight.requires_grad_(False)
        assert torch.allclose(found[name].matrix, expected, atol=1e-5)


def test_no_row_feels_another(engine: TransformersEngine, pairs: list[Pair]) -> None:
    network = network_of(engine)
    network.fit([gradient_factors(engine.model, network.names, pairs)[0]])
    both = network(gradient_factors(engine.model, network.names, pairs)[0])
    alone = [
        network(gradient_factors(engine.model, network.names, [pair])[0])
        for pair in pairs
    ]
    for name in network.names:
        expected = sum(each[name].matrix for each in alone)
        assert torch.allclose(both[name].matrix, expected, atol=1e-5)


def test_the_models_hooks_are_gone_afterwards(
    engine: TransformersEngine, pairs: list[Pair]
) -> None:
    before = answer_logits(engine.model, pairs).logits
    found, _ = gradient_factors(engine.model, [DOWN], pairs)
    with row_updates(engine.model, {DOWN: found[DOWN]}):
        assert not torch.equal(answer_logits(engine.model, pairs).logits, before)
    assert torch.equal(answer_logits(engine.model, pairs).logits, before)
    assert not engine.model.get_submodule(DOWN)._forward_hooks


# The network


def test_untrained_it_is_gradient_descent(
    engine: TransformersEngine, pairs: list[Pair]
) -> None:
    network = network_of(engine, rate=0.5)
    gradients, _ = gradient_factors(engine.model, network.names, pairs)
    changes = network(gradients)
    for name in network.names:
        expected = -0.5 * gradients[name].matrix
        assert torch.allclose(changes[name].matrix, expected, atol=1e-5)


def test_a_block_by_hand() -> None:
    block = LowRankBlock(2, 1, layers=2)
    with torch.no_grad():
        block.down.weight.copy_(torch.tensor([[1.0, 2.0]]))
        block.up.weight.copy_(torch.tensor([[3.0], [-1.0]]))
        block.up.bias.copy_(torch.tensor([0.5, 0.5]))
        block.scale[1] = torch.tensor([2.0, 2.0])
        block.shift[1] = torch.tensor([1.0, 1.0])
    z = torch.tensor([1.0, 1.0])
    # V z = 3; U V z + b = (9.5, -2.5): below 0 nothing is added
    assert block(z, 0).tolist() == [10.5, 1.0]
    # times 2, plus 1: (20, -4)
    assert block(z, 1).tolist() == [21.0, 1.0]


def test_where_it_starts_every_part_can_learn(
    engine: TransformersEngine, pairs: list[Pair]
) -> None:
    network = network_of(engine)
    changes = network(gradient_factors(engine.model, network.names, pairs)[0])
    with row_updates(engine.model, changes):
        nll_losses(answer_logits(engine.model, pairs)).sum().backward()
    assert network.log_rates.grad is not None
    assert bool((network.log_rates.grad != 0).all())
    for shape in network.networks:
        assert bool((shape.blocks[0].up.weight.grad != 0).any())
        assert bool((shape.blocks[1].shift.grad != 0).any())


def test_the_statistics_are_of_tokens_with_a_part() -> None:
    network = HyperNetwork({"a": (1, 1)}, rank=1, rate=1.0)
    inputs = torch.tensor([[[1.0], [3.0], [99.0]]])
    deltas = torch.tensor([[[2.0], [6.0], [0.0]]])
    network.fit([{"a": GradientFactors(inputs, deltas)}])
    assert network.networks[0].mean.tolist() == [[2.0, 4.0]]
    assert network.networks[0].deviation.tolist() == [[1.0, 2.0]]
    change = network({"a": GradientFactors(inputs, deltas)})["a"]
    # Normalised: (-1, 1) and (-1, 1); the third token has no part.
    assert change.matrix.item() == pytest.approx(-2.0, abs=1e-5)


def test_acting_is_what_the_weights_would_do(
    engine: TransformersEngine, pairs: list[Pair]
) -> None:
    network = network_of(engine, rate=0.05)
    gradients, _ = gradient_factors(engine.model, network.names, pairs)
    changes = network(gradients)
    with torch.no_grad(), row_updates(engine.model, changes):
        together = answer_logits(engine.model, pairs)
    for row, pair in enumerate(pairs):
        added = {
            name: GradientFactors(
                c.inputs[row : row + 1], c.deltas[row : row + 1]
            ).matrix
            for name, c in changes.items()
        }
        with torch.no_grad():
            for name, matrix in added.items():
                engine.model.get_submodule(name).weight += matrix
            expected = answer_logits(engine.model, [pair]).logits
            for name, matrix in added.items():
                engine.model.get_submodule(name).weight -= matrix
        mine = together.logits[together.rows == row]
        assert torch.allclose(mine, expected, atol=1e-3)


# Files and mistakes


def test_it_is_written_and_read(engine: TransformersEngine, tmp_path: Path) -> None:
    network = network_of(engine, rate=0.25)
    with torch.no_grad():
        network.log_rates.fill_(0.5)
    save_network(network, tmp_path / "n.safetensors")
    again = load_network(tmp_path / "n.safetensors", torch.device("cpu"))
    assert again.sizes == network.sizes
    assert again.names == network.names
    before, after = network.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "n.safetensors"
    with pytest.raises(CheckpointError, match="train-editor mend"):
        load_network(file, torch.device("cpu"))
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(CheckpointError, match="no hyper-network"):
        load_network(file, torch.device("cpu"))


def test_a_pattern_that_fits_nothing_is_named(engine: TransformersEngine) -> None:
    with pytest.raises(SettingsError, match="layers.9.mlp"):
        linear_sizes(engine.model, ["*.layers.9.mlp.*"])
