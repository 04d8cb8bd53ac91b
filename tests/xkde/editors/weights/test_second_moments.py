"""Second moments: equal to a direct computation, resumed, never another model's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from xkde import paths
from xkde.editors.weights import second_moments as module
from xkde.editors.weights.digest import digest
from xkde.editors.weights.modules import hooked, projection
from xkde.editors.weights.second_moments import (
    cut,
    files_of,
    read_moments,
    second_moments,
    sums_of_squares,
    text_of,
)
from xkde.engines.forward import Padding
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import DataError

LINES = (
    "The capital of Japan is Kyoto.",
    "日本的首都是大阪。",
    "Столица Японии Осака.",
    "Which city is it?",
    "Die Hauptstadt ist Osaka.",
    "เมืองหลวงคือโอซากะ",
)


@pytest.fixture
def engine(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TransformersEngine:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    return load(atlas_folder, device="cpu")


@pytest.fixture
def text(tmp_path: Path) -> str:
    file = tmp_path / "text.txt"
    file.write_text("\n\n".join(LINES), encoding="utf-8")
    return str(file)


def directly(
    engine: TransformersEngine, layer: int, sequences: list[list[int]]
) -> torch.Tensor:
    """Return Σ k kᵀ over the sequences, a token at a time."""
    keys: list[torch.Tensor] = []
    handle = projection(engine.model, layer).module.register_forward_pre_hook(
        lambda _, arguments: keys.append(arguments[0][0])
    )
    with torch.no_grad():
        for sequence in sequences:
            engine.model(torch.tensor([sequence]))
    handle.remove()
    return sum(torch.outer(key, key) for part in keys for key in part)


def test_moments_are_the_mean_of_outer_products(
    engine: TransformersEngine, text: str
) -> None:
    sequences = [engine.tokenizer(line)["input_ids"] for line in LINES]
    size = sum(map(len, sequences)) - 3
    cut_off = [*sequences[:-1], sequences[-1][:-3]]
    found = second_moments(engine, [0, 1], text, size)
    for layer in (0, 1):
        expected = directly(engine, layer, cut_off) / size
        assert torch.allclose(found[layer], expected, rtol=1e-4, atol=1e-4)
    again = second_moments(engine, [1], text, size)
    assert torch.equal(again[1], found[1])


def test_padding_on_either_side_agrees(engine: TransformersEngine) -> None:
    sequences = [engine.tokenizer(line)["input_ids"] for line in LINES]
    right = sums_of_squares(engine, [0, 1], sequences, "right")
    left = sums_of_squares(engine, [0, 1], sequences, "left")
    for layer in right:
        assert torch.allclose(right[layer], left[layer], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("padding", ["right", "left"])
def test_a_beginning_that_texts_share_counts_for_each_of_them(
    engine: TransformersEngine, padding: Padding
) -> None:
    ids = [engine.tokenizer(line)["input_ids"] for line in LINES]
    sequences = [[*ids[0], *rest] for rest in (*ids[1:], ids[0][:1])]
    expected = directly(engine, 1, sequences)
    found = sums_of_squares(engine, [0, 1], sequences, padding)
    assert torch.allclose(found[1], expected, rtol=1e-3, atol=1e-3)


def test_layers_above_the_last_are_not_run(engine: TransformersEngine) -> None:
    runs: list[object] = []
    sequences = [engine.tokenizer(line)["input_ids"] for line in LINES]
    with hooked(projection(engine.model, 1).module, lambda *_: runs.append(1)):
        sums_of_squares(engine, [0], sequences)
    assert not runs


def test_a_killed_stream_goes_on_and_gives_the_same(
    engine: TransformersEngine, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(module, "SAVE_EVERY", 2)
    read: list[int] = []

    def killed(tokens: int, of: int) -> None:
        read.append(tokens)
        if len(read) == 4:
            raise KeyboardInterrupt

    files = files_of(engine, text, 120)
    with pytest.raises(KeyboardInterrupt):
        read_moments(engine, [0, 1], text_of(text, files.size), files, killed)
    assert files.part([0, 1]).is_file()
    assert not files.file(0).exists()
    went_on: list[int] = []
    read_moments(
        engine,
        [0, 1],
        text_of(text, files.size),
        files,
        lambda done, of: went_on.append(done),
    )
    assert went_on[0] == read[2]  # two batches were kept, the third is read again
    assert not files.part([0, 1]).exists()
    resumed = second_moments(engine, [0, 1], text, 120)
    for file in files.folder.iterdir():
        file.unlink()
    for layer, matrix in second_moments(engine, [0, 1], text, 120).items():
        assert torch.equal(matrix, resumed[layer])


def test_nothing_is_reused_for_other_weights_text_or_size(
    engine: TransformersEngine, text: str
) -> None:
    before = digest(engine.model)
    folders = {
        files_of(engine, text, 100).folder,
        files_of(engine, text, 101).folder,
        files_of(engine, "atlas", 100).folder,
    }
    Path(text).write_text("Another text.", encoding="utf-8")
    folders.add(files_of(engine, text, 100).folder)
    weight = projection(engine.model, 1).weight
    with torch.no_grad():
        weight[[0, 1]] = weight[[1, 0]]
    folders.add(files_of(engine, text, 100).folder)
    assert len(folders) == 5
    assert all(folder.is_relative_to(paths.moments()) for folder in folders)
    assert digest(engine.model) != before
    with torch.no_grad():
        weight[[0, 1]] = weight[[1, 0]]
    assert digest(engine.model) == before


def test_the_size_is_twenty_times_the_width_unless_told(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMES_WIDTH", 2)
    told: list[tuple[int, int]] = []
    second_moments(engine, [1], on_progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (128, 128)


def test_a_text_that_cannot_serve_is_said_in_words(
    engine: TransformersEngine, text: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        second_moments(engine, [0], str(tmp_path / "none.txt"), 10)
    with pytest.raises(DataError, match="at least as many"):
        second_moments(engine, [0], text, 10)
    files = files_of(engine, text, 100)
    files.folder.mkdir(parents=True)
    files.file(0).write_bytes(b"torn")
    with pytest.raises(DataError, match="computed anew"):
        second_moments(engine, [0], text, 100)


def test_cut_gives_exactly_the_size() -> None:
    sequences = iter([[1, 2, 3], [4, 5], [6, 7, 8]])
    assert list(cut(sequences, 4)) == [[1, 2, 3], [4]]
    assert list(cut(iter([[1], [2]]), 5)) == [[1], [2]]


def test_a_full_disk_is_said_in_words_and_leaves_nothing(
    engine: TransformersEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: No space left on device")

    monkeypatch.setattr(module, "save_file", full)
    text = tmp_path / "text.txt"
    text.write_text("\n".join(LINES * 40), encoding="utf-8")
    with pytest.raises(DataError, match="the disk is full"):
        second_moments(engine, [0], str(text), 400)
    left = [path.name for path in paths.moments().rglob("*.safetensors*")]
    assert left == []


def test_a_second_process_waits_and_reads_what_the_first_wrote(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is asked for, and what appeared meanwhile is not computed again."""
    first = second_moments(engine, [0], tokens=800)
    files = files_of(engine, "atlas", 800)
    away = files.file(0).rename(files.folder / "away")

    @contextmanager
    def waiting(folder: Path, seconds: float) -> Iterator[None]:
        assert (folder, seconds) == (files.folder, module.PATIENCE)
        away.rename(files.file(0))  # by the other process
        yield

    monkeypatch.setattr(module, "held", waiting)
    monkeypatch.setattr(module, "read_moments", pytest.fail)
    assert second_moments(engine, [0], tokens=800)[0].equal(first[0])
