"""The average of two checkpoints."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tests.helpers.small_disk import small_disk
from xkde.__main__ import main
from xkde.errors import CheckpointError, DataError, SettingsError
from xkde.training.averaging import average


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with weights 1, 2 and 3, 6 in bf16, the second with a card."""
    folders = tmp_path / "first", tmp_path / "second"
    for folder, values in zip(folders, ([1.0, 2.0], [3.0, 6.0]), strict=True):
        folder.mkdir()
        weights = {"w": torch.tensor(values, dtype=torch.bfloat16)}
        save_file(weights, folder / "model.safetensors")
    (folders[1] / "card.json").write_text('{"name": "mine", "stage": "xe-it"}')
    return folders


def test_weights_lie_between_by_the_share(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    out = average(*two, 0.25, tmp_path / "out")
    weights = load_file(out / "model.safetensors")["w"]
    assert weights.dtype == torch.bfloat16
    assert weights.tolist() == [1.5, 3.0]
    card = json.loads((out / "card.json").read_text())
    assert (card["name"], card["averaged"]["share"]) == ("mine", 0.25)
    told = card["averaged"]
    assert told["first"]["weights"] != told["second"]["weights"]


def adapter(folder: Path, a: list[list[float]], b: list[list[float]]) -> Path:
    """Write the factors of one layer, with the scale 2."""
    folder.mkdir()
    factors = {"q.lora_A.weight": torch.tensor(a), "q.lora_B.weight": torch.tensor(b)}
    save_file(factors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"lora_alpha": 2}')
    return folder


def product(folder: Path) -> torch.Tensor:
    factors = load_file(folder / "adapter_model.safetensors")
    return factors["q.lora_B.weight"] @ factors["q.lora_A.weight"]


def test_of_adapters_the_products_are_averaged(tmp_path: Path) -> None:
    # Signs turned in both factors: the same product, though every factor's mean is 0.
    first = adapter(tmp_path / "a", [[1.0, 2.0]], [[3.0], [0.0]])
    second = adapter(tmp_path / "b", [[-1.0, -2.0]], [[-3.0], [0.0]])
    out = average(first, second, 0.5, tmp_path / "out")
    assert torch.allclose(product(out), torch.tensor([[3.0, 6.0], [0.0, 0.0]]))


def test_the_largest_singular_values_stay(tmp_path: Path) -> None:
    # Half of diag(6, 0) and half of diag(0, 2) is diag(3, 1), of which rank 1 keeps 3.
    first = adapter(tmp_path / "a", [[1.0, 0.0]], [[6.0], [0.0]])
    second = adapter(tmp_path / "b", [[0.0, 1.0]], [[0.0], [2.0]])
    out = average(first, second, 0.5, tmp_path / "out")
    expected = torch.tensor([[3.0, 0.0], [0.0, 0.0]])
    assert torch.allclose(product(out), expected, atol=1e-6)


def test_adapters_of_other_scales_have_no_average(tmp_path: Path) -> None:
    first = adapter(tmp_path / "a", [[1.0, 0.0]], [[6.0], [0.0]])
    second = adapter(tmp_path / "b", [[0.0, 1.0]], [[0.0], [2.0]])
    (second / "adapter_config.json").write_text('{"lora_alpha": 4}')
    with pytest.raises(CheckpointError, match="scaled differently"):
        average(first, second, 0.5, tmp_path / "out")


def test_the_same_average_is_not_made_again(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    out = average(*two, 0.25, tmp_path / "out")
    made = (out / "model.safetensors").stat()
    assert average(*two, 0.25, out) == out
    again = (out / "model.safetensors").stat()
    assert (again.st_mtime_ns, again.st_ino) == (made.st_mtime_ns, made.st_ino)
    with pytest.raises(SettingsError, match="there already"):
        average(*two, 0.5, out)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_ends_are_the_checkpoints_themselves(
    two: tuple[Path, Path], tmp_path: Path, share: float
) -> None:
    out = average(*two, share, tmp_path / "out")
    expected = load_file(two[int(share)] / "model.safetensors")["w"]
    assert torch.equal(load_file(out / "model.safetensors")["w"], expected)


def test_what_cannot_be_averaged_says_so(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        average(*two, 1.5, tmp_path / "out")
    with pytest.raises(SettingsError, match="there already"):
        average(*two, 0.5, two[0])
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors"):
        average(tmp_path, two[1], 0.5, tmp_path / "out")
    save_file({"w": torch.zeros(3)}, two[0] / "model.safetensors")
    with pytest.raises(CheckpointError, match="one shape"):
        average(*two, 0.5, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_the_command(
    two: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    main(["average", *map(str, two), "--share", "0.5", "--out", out, "--json"])
    assert json.loads(capsys.readouterr().out) == {"checkpoint": out}


def test_a_full_disk_leaves_nothing_that_looks_whole(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    save_file({"w": torch.zeros(9999)}, two[0] / "model.safetensors")
    save_file({"w": torch.zeros(9999)}, two[1] / "model.safetensors")
    with small_disk(5000), pytest.raises(DataError, match="the disk is full"):
        average(*two, 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.part").exists()


def test_a_full_disk_while_the_weights_are_saved(
    two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("xkde.training.averaging.save_file", full)
    words = f"{two[0]} {two[1]} --share 0.5 --out {tmp_path / 'out'}"
    assert main(["average", *words.split()]) == 1
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["first", "second"]
