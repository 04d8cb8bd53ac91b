"""The bench of editors, small: each is measured, or says why it is not."""

from pathlib import Path

import pytest

from tests.helpers import tiny_encoder
from xkde.bench import editors, retrieval
from xkde.bench.editors import measure
from xkde.editors.registry import EDITORS


def test_measure(
    atlas_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path / "home"))
    tiny_encoder.saved(atlas_checkpoints / "atlas-encoder")
    every = retrieval.measure

    def few() -> dict[str, object]:
        return every(sizes=(20,), queries=3, encoded=8)

    monkeypatch.setattr(retrieval, "measure", few)
    parts = [editors.seconds_per_edit, editors.retrieval]
    monkeypatch.setattr(editors, "PARTS", parts)
    found = measure(count=2)
    for name in EDITORS:
        if f"{name}: not measured" in found:
            assert found[f"{name}: not measured"]
        else:
            assert found[f"{name}: seconds to apply an edit"] >= 0
            assert found[f"{name}: seconds to answer with it"] > 0
    for name in ("x-kde", "ft-m", "memit"):  # they need nothing but the model
        assert f"{name}: not measured" not in found
    assert found["retrieval: exact_20_p50_ms"] > 0
    assert found["edits"] == 2
