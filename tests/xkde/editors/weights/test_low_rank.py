"""Models act as if updates had been added, each row under its own."""

import pytest
import torch
from torch import Tensor, nn

from xkde.editors.weights.low_rank import LowRankUpdate, acting, joined


@pytest.fixture
def layers() -> dict[int, nn.Module]:
    torch.manual_seed(0)
    return {0: nn.Linear(5, 3), 1: nn.Linear(3, 4, bias=False)}


def update(width: int, out: int, rank: int = 1) -> LowRankUpdate:
    return LowRankUpdate(torch.randn(width, rank), torch.randn(out, rank))


def run(layers: dict[int, nn.Module], inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return layers[1](layers[0](inputs))


def added(
    layers: dict[int, nn.Module], updates: dict[int, LowRankUpdate], inputs: Tensor
) -> Tensor:
    """Return what the layers give with the updates in their weights."""
    states = inputs
    for layer, module in layers.items():
        weight = module.weight.detach()
        if layer in updates:
            weight = weight + updates[layer].matrix
        states = nn.functional.linear(states, weight, module.bias)
    return states.detach()


def test_matrix_is_values_times_keys() -> None:
    one = LowRankUpdate(
        torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [0.0], [5.0]])
    )
    assert one.matrix.tolist() == [[3.0, 6.0], [0.0, 0.0], [5.0, 10.0]]


def test_each_row_obeys_its_own_set(layers: dict[int, nn.Module]) -> None:
    sets = [{0: update(5, 3), 1: update(3, 4, 2)}, {0: update(5, 3, 3)}, {}]
    inputs = torch.randn(4, 6, 5)
    whose = [1, 0, 2, 1]
    with acting(layers, sets, lambda _: torch.tensor(whose)):
        found = run(layers, inputs)
    for row, index in enumerate(whose):
        expected = added(layers, sets[index], inputs[row])
        assert torch.allclose(found[row], expected, atol=1e-5)
    assert torch.equal(run(layers, inputs)[2], added(layers, {}, inputs)[2])


def test_one_set_is_for_all_rows(layers: dict[int, nn.Module]) -> None:
    one = {1: update(3, 4, 7)}
    inputs = torch.randn(3, 2, 5)
    with acting(layers, [one], lambda _: torch.tensor([0, 0, 0])):
        assert torch.allclose(
            run(layers, inputs), added(layers, one, inputs), atol=1e-5
        )


def test_rows_may_change_from_pass_to_pass(layers: dict[int, nn.Module]) -> None:
    sets = [{0: update(5, 3)}, {0: update(5, 3)}]
    inputs = torch.randn(2, 1, 5)
    with acting(layers, sets, lambda count: torch.tensor([0, 1][2 - count :])):
        both, last = run(layers, inputs), run(layers, inputs[1:])
    assert torch.allclose(both[1:], last, atol=1e-6)


def test_hooks_are_gone_after_an_error(layers: dict[int, nn.Module]) -> None:
    inputs = torch.randn(1, 1, 5)
    before = run(layers, inputs)
    one = [{0: update(5, 3)}]
    with (
        pytest.raises(ZeroDivisionError),
        acting(layers, one, lambda _: torch.tensor([0])),
    ):
        raise ZeroDivisionError
    assert torch.equal(run(layers, inputs), before)


def test_joined_does_what_both_do() -> None:
    one, other = {0: update(5, 3), 1: update(3, 4)}, {0: update(5, 3, 2)}
    both = joined(one, other)
    assert torch.allclose(both[0].matrix, one[0].matrix + other[0].matrix, atol=1e-5)
    assert torch.equal(both[1].matrix, one[1].matrix)
    assert joined({}, one).keys() == one.keys()
