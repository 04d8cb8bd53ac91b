"""From a package's GGUF file to a checkpoint folder, whole or not at all."""

import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tests.helpers.tiny_package import installed
from xkde.checkpoints import catalogue, inspect_folder
from xkde.checkpoints.packages import PackageSource
from xkde.engines import conversion
from xkde.errors import CheckpointError

CONTENT = b"GGUF" * 1000


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageSource]:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path / "home"))
    with installed(tmp_path / "site", CONTENT) as made:
        entry = catalogue.Entry(
            "tiny", "Tiny", "tiny", "base", package=made, few_shot=True
        )
        monkeypatch.setitem(catalogue.CATALOGUE, "tiny", entry)
        yield made


@pytest.fixture
def written(llama2_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were converted, in place of transformers' own conversion."""
    folders: list[Path] = []

    def write(folder: Path) -> None:
        folders.append(folder)
        assert (folder / conversion.GGUF).read_bytes() == CONTENT
        (folder / conversion.GGUF).unlink()
        for file in llama2_folder.iterdir():
            if file.name != "chat_template.jinja":
                (folder / file.name).write_bytes(file.read_bytes())

    monkeypatch.setattr(conversion, "_write_checkpoint", write)
    return folders


def test_converted_once_with_its_papers(
    source: PackageSource, written: list[Path]
) -> None:
    seen: list[tuple[int, int]] = []
    folder = conversion.convert("tiny", source, lambda *both: seen.append(both))
    assert folder == source.folder == conversion.convert("tiny", source)
    assert len(written) == 1
    assert seen[-1] == (conversion.total_bytes(source),) * 2
    info = inspect_folder(folder)
    assert info.card is not None
    assert info.card.details["terms"] == source.terms
    assert source.notice in (folder / "NOTICE").read_text()
    assert (folder / "NOTICE.md").read_text() == "made up"
    assert [path.name for path in folder.parent.glob(".*.part")] == []


def test_line_breaks_end_an_answer(source: PackageSource, written: list[Path]) -> None:
    folder = conversion.convert("tiny", source)
    ends = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.convert_tokens_to_ids("<0x0A>") in ends
    assert tokenizer.eos_token_id in ends
    assert all(
        "\n" in tokenizer.decode([i]) for i in ends if i != tokenizer.eos_token_id
    )


def test_two_at_once_convert_once(source: PackageSource, written: list[Path]) -> None:
    threads = [
        threading.Thread(target=conversion.convert, args=("tiny", source))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1


def test_a_full_disk_leaves_nothing(
    source: PackageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "free_bytes_at", lambda _: 1_000_000)
    with pytest.raises(CheckpointError, match="needs .* and the disk has 1.0 MB free"):
        conversion.convert("tiny", source)
    monkeypatch.undo()

    def fills(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("XKDE_HOME", str(source.folder.parents[2]))
    monkeypatch.setattr(conversion, "_write_checkpoint", fills)
    with pytest.raises(CheckpointError, match="No space left.*XKDE_HOME"):
        conversion.convert("tiny", source)
    assert [p.name for p in source.folder.parent.iterdir() if p.suffix != ".lock"] == []
