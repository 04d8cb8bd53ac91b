"""The runs that are found: shipped, finished, under way, broken; all of Atlas at once.

python -m pytest tests/xkde/evaluation/results/test_local_runs.py
"""

import time
from pathlib import Path

import pytest

from tests.helpers.measured_samples import ATLAS_RUN, begun, large, under_way, written
from xkde import paths
from xkde.data.preferences.files import write_pairs
from xkde.errors import DataError
from xkde.evaluation.results import local_runs
from xkde.evaluation.results.local_runs import editor_runs, opened, run_of, ship
from xkde.evaluation.results.rows import where
from xkde.evaluation.results.summary import means


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    return tmp_path


def test_nothing_here(home: Path) -> None:
    assert local_runs.local_runs() == []
    with pytest.raises(DataError, match="no longer here"):
        run_of("evaluations/gone")


def test_every_state(home: Path) -> None:
    runs = home / "runs"
    written(runs / "evaluations" / "whole")
    under_way(runs / "half")
    begun(runs / "empty")
    broken = written(runs / "broken") / "results.parquet"
    broken.write_bytes(broken.read_bytes()[:50])
    (runs / "other").mkdir()
    (runs / "other" / "settings.json").write_text('{"a": 1}', encoding="utf-8")
    (runs / "torn").mkdir()
    (runs / "torn" / "settings.json").write_text("{", encoding="utf-8")
    found = {run.key: run for run in local_runs.local_runs()}
    assert {key: run.state for key, run in found.items()} == {
        "evaluations/whole": "finished",
        "half": "under_way",
        "empty": "under_way",
        "broken": "broken",
        "torn": "broken",
    }
    assert found["evaluations/whole"].rows == 72
    assert found["half"].rows == 24
    assert found["evaluations/whole"].about["checkpoint"] == ATLAS_RUN.checkpoint
    assert found["empty"].about["checkpoint"] == ATLAS_RUN.checkpoint
    assert "no whole Parquet file" in found["broken"].words
    assert len(opened(found["half"])) == 24
    for key in ("empty", "broken", "torn"):
        with pytest.raises(DataError, match=key):
            opened(found[key])


def test_runs_of_editors_are_a_list_of_their_own(home: Path) -> None:
    folder = paths.RESULTS / "editors"
    folder.mkdir(parents=True)
    (folder / "torn.parquet").write_bytes(b"PAR1")
    assert local_runs.local_runs() == []
    assert [run.key for run in editor_runs()] == ["shipped/editors/torn"]
    assert run_of("shipped/editors/torn").state == "broken"


def test_shipped_files_come_first_and_other_tables_are_none(home: Path) -> None:
    folder = written(home / "runs" / "a")
    paths.RESULTS.mkdir()
    ship(folder, "atlas-xe-it")
    (paths.RESULTS / "torn.parquet").write_bytes(b"PAR1")
    write_pairs(paths.RESULTS / "atlas-pairs.parquet", [])
    assert [run.key for run in local_runs.local_runs()] == [
        "shipped/atlas-xe-it", "shipped/torn", "a",
    ]  # fmt: skip


def test_a_run_that_grows_is_read_anew(home: Path) -> None:
    folder = under_way(home / "runs" / "growing")
    before = opened(run_of("growing"))
    assert opened(run_of("growing")) is before
    written_rows = (folder / "parts" / "000000.parquet").read_bytes()
    (folder / "parts" / "000001.parquet").write_bytes(written_rows)
    assert len(opened(run_of("growing"))) == 2 * len(before)


@pytest.mark.slow
def test_hundreds_of_thousands_of_rows_take_under_a_second(home: Path) -> None:
    for number in range(4):
        large(home / "results" / f"run{number}.parquet", seed=number)
    started = time.process_time()
    runs = [opened(run) for run in local_runs.local_runs()]

    assert sum(len(rows) for rows in runs) == 4 * 409 * 4 * 2 * 12 * 2
    for rows in runs:
        mask = where(rows, {"protocol": "generated"})
        assert len(means(rows[mask], ["probe"])) == 4
        mask &= where(rows, {"probe": "reliability"})
        assert len(means(rows[mask], ["source", "target"])) == 24
    assert time.process_time() - started < 2  # of two slow cores; 0.5 s alone


def test_a_run_of_an_earlier_version_opens_and_gets_its_kinds() -> None:
    run = local_runs.run_of("shipped/editors/lte")
    assert opened(run)["kind"].isna().all()
    rows = opened(run, kinds=True)
    assert (rows["kind"] == "right").sum() == (rows["score"] == 1).sum()
    assert opened(run) is rows
