"""A run's folder: nothing is lost, nothing foreign comes in."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.result_samples import ROW, SETTINGS, row
from tests.helpers.small_disk import small_disk
from xkde.errors import DataError, SettingsError
from xkde.evaluation.results.rows import Result, load_results
from xkde.evaluation.results.store import append_part, finish, open_store

KEY = ("bizsre/1", "reliability", 0, "en", "zh", "generated")


def test_parts_are_kept_and_joined(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert open_store(folder, SETTINGS) == set()
    append_part(folder, [ROW], 1.5)
    append_part(folder, [row(case="b", answer=None, exact=None)], 2.25)
    assert open_store(folder, SETTINGS) == {KEY, ("b", *KEY[1:])}
    under_way = load_results([folder])
    file = finish(folder, SETTINGS, {"torch": "1"})
    finished = load_results([file])
    assert finished == load_results([folder])
    found = ["kind", "evidence"]
    assert finished.drop_columns(found) == under_way.drop_columns(found)
    assert finished["kind"].to_pylist() == ["right", None]
    card = json.loads((folder / "card.json").read_text("utf-8"))
    assert (card["rows"], card["not_measured"], card["seconds"]) == (2, 1, 3.75)
    assert card["settings"]["directions"] == ["en→zh"]
    assert (card["versions"], card["run"]) == ({"torch": "1"}, SETTINGS.run)
    assert open_store(folder, SETTINGS) == {KEY, ("b", *KEY[1:])}
    assert not list(folder.glob("**/*.part"))


def test_other_settings_never_come_in(tmp_path: Path) -> None:
    open_store(tmp_path, SETTINGS)
    other = replace(SETTINGS, revision="other", parity=True)
    with pytest.raises(SettingsError, match="revision was 0123456789ab and is other"):
        open_store(tmp_path, other)
    assert other.run != SETTINGS.run == replace(SETTINGS).run


def test_a_run_from_before_there_was_a_setting_goes_on(tmp_path: Path) -> None:
    open_store(tmp_path, SETTINGS)
    file = tmp_path / "settings.json"
    told = json.loads(file.read_text("utf-8"))
    del told["left_out"], told["dtype"]
    file.write_text(json.dumps(told), "utf-8")
    assert open_store(tmp_path, SETTINGS) == set()
    with pytest.raises(SettingsError, match="left_out was 0 and is 9"):
        open_store(tmp_path, replace(SETTINGS, left_out=9))
    with pytest.raises(SettingsError, match="dtype was auto and is float32"):
        open_store(tmp_path, replace(SETTINGS, dtype="float32"))


def test_foreign_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    for place in (tmp_path, tmp_path / "letter.txt"):
        with pytest.raises(SettingsError, match="something else"):
            open_store(place, SETTINGS)
    open_store(tmp_path / "new" / "run", SETTINGS)
    (tmp_path / "new" / "run" / "settings.json").write_text("{")
    with pytest.raises(SettingsError, match="damaged"):
        open_store(tmp_path / "new" / "run", SETTINGS)


def test_a_part_that_was_cut_off_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_store(tmp_path, SETTINGS)
    append_part(tmp_path, [ROW], 1.0)
    append_part(tmp_path, [row(case="b")], 1.0)
    part = tmp_path / "parts" / "000001.parquet"
    part.write_bytes(part.read_bytes()[:-9])
    (tmp_path / "parts" / "000002.parquet.part").write_bytes(b"PAR1")
    assert open_store(tmp_path, SETTINGS) == {KEY}
    assert "cut off" in caplog.text
    append_part(tmp_path, [row(case="b")], 1.0)
    rows = load_results([tmp_path]).to_pylist()
    assert [Result(**each) for each in rows] == [ROW, row(case="b")]


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    open_store(tmp_path, SETTINGS)
    append_part(tmp_path, [ROW], 1.0)
    with small_disk(1000), pytest.raises(DataError, match="disk is full") as told:
        append_part(tmp_path, [row(case="b")], 1.0)
    assert "kept" in str(told.value)
    assert open_store(tmp_path, SETTINGS) == {KEY}
    assert not list(tmp_path.glob("**/*.part"))
    with small_disk(100), pytest.raises(DataError, match="disk is full"):
        open_store(tmp_path / "other", SETTINGS)
    append_part(tmp_path, [row(case="b")], 1.0)
    assert load_results([finish(tmp_path, SETTINGS, {})]).num_rows == 2


def test_rows_that_two_processes_wrote_are_kept_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_store(tmp_path, SETTINGS)
    append_part(tmp_path, [ROW, row(case="b")], 1.0)
    append_part(tmp_path, [row(case="b"), row(case="c")], 1.0)
    table = load_results([finish(tmp_path, SETTINGS, {})])
    assert table["case"].to_pylist() == [ROW.case, "b", "c"]
    assert json.loads((tmp_path / "card.json").read_text("utf-8"))["rows"] == 3
    assert "1 rows twice" in caplog.text
