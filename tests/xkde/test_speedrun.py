"""The paper in miniature runs from nothing, and a second run does nothing again."""

import json
from pathlib import Path

import pytest

from xkde.__main__ import main


@pytest.mark.slow
def test_smoke_runs_from_nothing_to_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    words = ["speedrun", "--preset", "smoke", "--limit", "2", "--json"]
    assert main(words) == 0
    told = capsys.readouterr()
    tables = json.loads(told.out[told.out.index('{\n  "protocol"') :])
    assert set(tables["checkpoints"]) == {"base", "edited", "tl-po"}
    compared = {row["checkpoint"] for row in tables["stages"]["rows"]}
    assert compared == set(tables["checkpoints"].values())
    for reference in (tables["checkpoints"]["base"], tables["checkpoints"]["edited"]):
        cells = tables["models"][reference]["cells"]
        assert {c["measure"] for c in cells} >= {"closed-book", "reliability"}
        assert all(0 <= c["hits"] <= c["n"] for c in cells)
    weights = {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")
    }
    assert weights

    assert main(words) == 0
    assert "done before" in capsys.readouterr().err
    again = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert again == weights
