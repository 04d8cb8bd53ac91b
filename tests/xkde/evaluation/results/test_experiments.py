"""Files of experiments: whole or not at all, never mixed, and the numbers in them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.experiment_samples import SETTINGS, answered, written
from xkde import paths
from xkde.errors import DataError, SettingsError
from xkde.evaluation.results.experiments import (
    UNTOUCHED,
    experiments,
    means_by_size,
    means_of_the_first,
    open_folder,
    read,
    rows_in,
    ship,
    write_size,
)


def test_a_folder_keeps_its_sizes_and_refuses_other_settings(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert open_folder(folder, SETTINGS) == set()
    write_size(folder, 0, [answered(0, 0, 0.0)])
    write_size(folder, 10, [answered(10, 0, 1.0)])
    (folder / "sizes" / "000100.parquet.part").write_bytes(b"cut off")
    assert open_folder(folder, SETTINGS) == {0, 10}
    assert rows_in(folder)["size"].to_pylist() == [0, 10]
    assert json.loads((folder / "settings.json").read_text())["sizes"] == [1, 10, 100]
    with pytest.raises(SettingsError, match="seed was 7 and is 8"):
        open_folder(folder, replace(SETTINGS, seed=8))
    with pytest.raises(SettingsError, match="something else"):
        open_folder(tmp_path, SETTINGS)


def test_runs_are_found_shipped_and_broken_ones_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    assert experiments() == ([], [])
    runs = paths.runs() / "experiments"
    written(runs / "one")
    begun = replace(SETTINGS, kind="sequential")
    open_folder(runs / "two", begun)
    write_size(runs / "two", 0, [answered(0, 0, 0.0)])
    (runs / "three").mkdir()
    (runs / "three" / "settings.json").write_text("{")
    (runs / "three" / "results.parquet").write_bytes(b"no table")
    found, broken = experiments()
    assert [(its.key, its.is_whole) for its in found] == [
        ("experiments/one", True), ("experiments/two", False),
    ]  # fmt: skip
    assert found[0].about["date"] == "2026-01-02"
    assert len(broken) == 1 and "three" in broken[0]
    file = ship(runs / "one")
    assert file == paths.RESULTS / "experiments" / "atlas-base-batch-ft-m-en.parquet"
    found, _ = experiments()  # the same run is there once
    assert [its.key for its in found] == [file.stem, "experiments/two"]
    with pytest.raises(DataError, match="finished"):
        ship(runs / "two")


def test_means_by_hand(tmp_path: Path) -> None:
    told = read(written(tmp_path / "run"))
    assert told is not None
    by: dict[Any, Any] = {
        (its.group["size"], its.group["probe"]): its for its in means_by_size(told)
    }
    assert by[0, "reliability"].mean == 0.0
    assert (by[10, "reliability"].mean, by[10, "reliability"].n) == (1.0, 20)
    assert by[100, "reliability"].mean == 0.5
    low, high = by[100, "reliability"].low, by[100, "reliability"].high
    assert 0.2 < low < 0.5 < high < 0.8
    assert by[100, UNTOUCHED].mean == 0.75
    assert by[100, UNTOUCHED].interval == "wilson"
    first = means_of_the_first(told)
    assert {its.group["size"] for its in first} == {10, 100}
    for asked_in, code in (("own", "en"), ("others", "zh")):
        lines = means_by_size(told, "token_accuracy", asked_in, ["target"])  # type: ignore[arg-type]
        edits = [its for its in lines if its.group["probe"] == "reliability"]
        assert {its.group["target"] for its in edits} == {code}
    assert sum(its.missing for its in means_by_size(told, "unchanged")) > 0
