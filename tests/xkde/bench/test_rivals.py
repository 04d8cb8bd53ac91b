"""The bench of rivals, small: both ways are timed, and make the same change."""

from pathlib import Path

import pytest

from tests.xkde.bench.test_evaluation import SMALL
from xkde.bench import rivals


def test_measure(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = str(tmp_path / "home")
    monkeypatch.setenv("XKDE_HOME", home)
    monkeypatch.setattr(rivals, "CHECKPOINT", str(atlas_folder))
    monkeypatch.setattr(rivals, "NAMES", ("rome",))
    # AlphaEdit finds no free direction in a model of random weights.
    monkeypatch.setattr(rivals, "MANY", ("memit",))
    found = rivals.measure(1, 2, 1, SMALL)
    for label in ("rome", "memit, 2 at once", "rome, shape of Qwen2.5 0.5B"):
        assert found[f"{label}: our seconds"] > 0
        assert found[f"{label}: seconds as released"] > 0
        assert "n = 1" in found[f"{label}: ratio"]
        assert float(found[f"{label}: least cosine of the two changes"]) > 0.9
    assert rivals.os.environ["XKDE_HOME"] == home
