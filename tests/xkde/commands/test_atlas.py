"""The command ``atlas``: which checkpoints are measured, and what is written."""

import json
from pathlib import Path
from typing import Any

import pytest

from xkde.__main__ import main
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.data.benchmarks import read_benchmark
from xkde.evaluation.results import atlas_table


@pytest.fixture(autouse=True)
def one_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a model be asked for one fact of a language by heart, not for 400."""
    every = atlas_table.closed_book

    def few(engine: Any, world: Any, **options: Any) -> Any:
        return every(engine, world, n=1, **options)

    monkeypatch.setattr(atlas_table, "closed_book", few)


def table(tmp_path: Path, *options: str) -> dict[str, Any]:
    file = tmp_path / "table.json"
    common = ("atlas", "table", "--limit", "1", "--sources", "zh", "--out", str(file))
    assert main([*common, *options]) == 0
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_table_measures_the_base_and_every_edited_checkpoint(
    atlas_checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = table(tmp_path, "--edited", "atlas-xe-it")
    assert list(found["models"]) == ["atlas-base", "atlas-xe-it"]
    assert found["provenance"] == "measured here"
    shown = capsys.readouterr().out
    for name, model in found["models"].items():
        assert f"{name} (weights {model['fingerprint']})" in shown
        sources = {c["source"] for c in model["cells"] if c["measure"] == "reliability"}
        assert sources == {"zh"}


def test_table_of_several_edited_checkpoints(
    atlas_checkpoints: Path, tmp_path: Path
) -> None:
    found = table(tmp_path, "--no-base", "--edited", "atlas-xe-it, atlas-base")
    assert list(found["models"]) == ["atlas-xe-it", "atlas-base"]


def test_a_checkpoint_that_is_not_here_is_named(
    atlas_checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--no-base", "--edited", "Qwen/Qwen2.5-7B-Instruct"]
    assert main(["atlas", "table", "--out", str(tmp_path / "table.json"), *options])
    assert "“Qwen/Qwen2.5-7B-Instruct” is not on this mach" in capsys.readouterr().err
    assert not (tmp_path / "table.json").exists()


def test_a_table_that_was_stopped_goes_on(
    atlas_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = table(tmp_path, "--edited", "atlas-xe-it")
    (tmp_path / "table.json").unlink()
    facts, probe_cells = atlas_table.closed_book, atlas_table.probe_cells
    by_heart: list[Any] = []
    asked: list[Any] = []

    def stops_at_first(*arguments: Any) -> Any:
        asked.append(arguments)
        if len(asked) == 1:
            raise KeyboardInterrupt
        return probe_cells(*arguments)

    def counted(*arguments: Any, **options: Any) -> Any:
        by_heart.append(arguments)
        return facts(*arguments, **options)

    monkeypatch.setattr(atlas_table, "probe_cells", stops_at_first)
    monkeypatch.setattr(atlas_table, "closed_book", counted)
    command = ["atlas", "table", "--limit", "1", "--sources", "zh", "--edited"]
    command += ["atlas-xe-it", "--out", str(tmp_path / "table.json")]
    assert main(command) == 130
    assert (tmp_path / "table.json.measured").is_file()
    assert table(tmp_path, "--edited", "atlas-xe-it") == whole
    # The fixture's two checkpoints have the same weights: what one said holds for both.
    assert (len(by_heart), len(asked)) == (1, 2)
    assert not (tmp_path / "table.json.measured").exists()


def test_cases_are_a_benchmark_that_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    command = ["atlas", "cases", "--split", "dev", "--limit", "3", "--out", str(file)]
    assert main(command) == 0
    asked = [case.edits["zh"].question for case in read_benchmark(None, file).cases]
    dev = atlas_cases(atlas(), "dev", 3)
    assert asked == [case.edits["zh"].question for case in dev]
