"""The bench of alignment, small: both ways of scoring give the same rewards.

python -m pytest tests/xkde/bench/test_align.py
"""

from pathlib import Path

import pytest

from xkde.bench.align import SAME, measure


def test_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path))  # without atlas-aligner
    found = measure(12)
    assert (found["pairs"], found["weights"]) == (12, "random")
    assert float(found["largest_difference"]) <= SAME
    assert found["times_faster"] > 0
