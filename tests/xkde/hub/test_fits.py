"""A model is measured as it will be loaded, against what this container may take."""

from pathlib import Path

from xkde.hub.fits import WORK, memory_free, memory_needed


def test_bytes_follow_from_the_format_that_is_used() -> None:
    seven = 7_000_000_000
    stored = 2 * seven
    assert memory_needed(stored, {"BF16": seven}, gpu=False) == int(2 * seven * WORK)
    assert memory_needed(stored, {"F16": seven}, gpu=False) == int(4 * seven * WORK)
    assert memory_needed(stored, {"F16": seven}, gpu=True) == int(2 * seven * WORK)
    assert memory_needed(stored, {}, gpu=False) == int(4 * seven * WORK)  # unknown


def test_a_container_s_limit_counts(tmp_path: Path) -> None:
    machine = memory_free(tmp_path)  # no such group
    assert machine > 0
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert memory_free(tmp_path) == 2000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_free(tmp_path) > 3000
