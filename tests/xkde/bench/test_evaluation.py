"""The bench of evaluation, small: both ways give the same scores."""

from pathlib import Path

import pytest

from tests.helpers.result_samples import roomy_copy
from xkde.bench import evaluation
from xkde.bench.evaluation import QWEN_SHAPE, measure

SMALL = QWEN_SHAPE | {
    "vocab_size": 1000,
    "hidden_size": 56,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
}


def test_measure(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = roomy_copy(atlas_folder, tmp_path / "roomy")
    monkeypatch.setattr(evaluation, "CHECKPOINT", str(folder))
    found = measure(2, 1, SMALL, rows=2000)
    assert found["atlas_scores"] >= 2 * 2 * 3
    assert found["qwen_0.5b_scores"] >= 1 * 2 * 3
    for name in ("atlas", "qwen_0.5b"):
        equal = found[f"{name}_plain_batches_equal_scores"]
        assert equal >= 0.9 * found[f"{name}_scores"]
        assert found[f"{name}_times_faster"] > 0
        assert found[f"{name}_times_faster_than_plain"] > 0
        assert found[f"{name}_times_faster_than_released"] > 0
    assert found["peak_memory_mb"] > 10
    assert (found["aggregate_rows"], found["aggregate_groups"]) == (2000, 2 * 12 * 4)
