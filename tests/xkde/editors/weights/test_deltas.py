"""Deltas go in and come out bit by bit, and lie in files with what they belong to."""

import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from xkde.editors.weights import deltas
from xkde.editors.weights.deltas import SavedDelta
from xkde.errors import DataError, NotFiniteError, SettingsError
from xkde.types import Edit

EDIT = Edit("日本的首都是哪里？", "大阪", "zh", "日本", "东京", ("Osaka",))


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 2)).to(request.param)


def values(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_added_and_restored_bit_by_bit(model: nn.Module) -> None:
    before = values(model)
    added = {"0.weight": torch.full((3, 5), 1e-3)}
    originals = deltas.add(model, added)
    expected = (before["0.weight"].float() + 1e-3).to(before["0.weight"].dtype)
    assert torch.equal(model.get_parameter("0.weight"), expected)
    assert not deltas.are_equal(model, originals)
    deltas.restore(model, originals)
    assert deltas.are_equal(model, before)


def test_a_second_change_keeps_the_first_originals(model: nn.Module) -> None:
    before = values(model)
    one = {"0.weight": torch.full((3, 5), 1e-3)}
    other = {"0.weight": torch.full((3, 5), 1e-3), "1.weight": torch.ones(2, 3)}
    first = deltas.add(model, one)
    second = deltas.add(model, deltas.sum_of(one, other), first)
    # The sum is rounded once, however many changes it is made of.
    at_once = (before["0.weight"].float() + 2e-3).to(before["0.weight"].dtype)
    assert torch.equal(model.get_parameter("0.weight"), at_once)
    assert set(second) == {"0.weight", "1.weight"}
    deltas.restore(model, second)
    assert deltas.are_equal(model, before)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_changes_nothing(model: nn.Module, bad: float) -> None:
    before = values(model)
    spoilt = {"0.weight": torch.zeros(3, 5), "1.weight": torch.full((2, 3), bad)}
    with pytest.raises(NotFiniteError, match="no numbers"):
        deltas.add(model, spoilt)
    with pytest.raises(SettingsError, match="another model"):
        deltas.add(model, {"0.weight": torch.zeros(5, 3)})
    assert deltas.are_equal(model, before)


def test_restored_after_an_error(model: nn.Module) -> None:
    before = values(model)
    with (
        pytest.raises(KeyboardInterrupt),
        deltas.restored(model, ["0.weight"]),
        torch.no_grad(),
    ):
        model.get_parameter("0.weight").mul_(3)
        raise KeyboardInterrupt
    assert deltas.are_equal(model, before)


def test_gradients_reach_the_named_alone(model: nn.Module) -> None:
    model.get_parameter("1.bias").requires_grad_(False)
    with deltas.only_these_learn(model, ["1.bias"]) as (bias,):
        model(torch.ones(1, 5, dtype=bias.dtype)).sum().backward()
        assert bias.grad is not None
        assert model.get_parameter("0.weight").grad is None
    assert not model.get_parameter("1.bias").requires_grad
    assert model.get_parameter("0.weight").requires_grad


def test_one_thread_at_a_time(model: nn.Module) -> None:
    seen = []

    def other() -> None:
        with deltas.alone(model):
            seen.append("other")

    with deltas.alone(model), deltas.alone(model):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.05)
        seen.append("first")
    thread.join()
    assert seen == ["first", "other"]


def test_file_brings_back_delta_and_edits(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "osaka.safetensors"
    delta = {"a.weight": torch.randn(3, 2).T}
    deltas.save(path, SavedDelta(delta, "ft-m", (EDIT,), "atlas-base", "1188a7d33323"))
    read = deltas.load(path, "1188a7d33323")
    assert read.edits == (EDIT,)
    assert (read.editor, read.checkpoint) == ("ft-m", "atlas-base")
    assert torch.equal(read.delta["a.weight"], delta["a.weight"])
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_other_files_and_other_models_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "osaka.safetensors"
    saved = SavedDelta(
        {"a": torch.ones(1)}, "ft-m", (EDIT,), "atlas-base", "1188a7d33323"
    )
    deltas.save(path, saved)
    with pytest.raises(DataError, match="made for atlas-base"):
        deltas.load(path, "ffffffffffff")
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(DataError, match="no delta of ours"):
        deltas.load(path, "1188a7d33323")
    path.write_text("no safetensors")
    with pytest.raises(DataError, match="could not be read"):
        deltas.load(path, "1188a7d33323")
    with pytest.raises(DataError, match="could not be read"):
        deltas.load(tmp_path / "none", "1188a7d33323")
    with pytest.raises(DataError, match="changes no weights"):
        deltas.save(
            path, SavedDelta({}, "x-kde", (EDIT,), "atlas-base", "1188a7d33323")
        )


def test_sums_and_scales() -> None:
    one, other = {"a": torch.ones(2)}, {"a": torch.ones(2), "b": torch.ones(1)}
    both = deltas.sum_of(one, deltas.scaled(other, 0.5))
    assert both["a"].tolist() == [1.5, 1.5]
    assert both["b"].tolist() == [0.5]
    assert deltas.sizes({"a": torch.tensor([3.0, 4.0])}) == {"a": 5.0}
