"""A tiny finished experiment, made up: 0, 1, 10 and 100 edits, twenty asked about."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from xkde.evaluation.results.experiments import (
    UNTOUCHED,
    Answered,
    ExperimentSettings,
    finish,
    open_folder,
    write_size,
)

SETTINGS = ExperimentSettings(
    "batch", "ft-m", "atlas-base", "0123456789ab", "en", (1, 10, 100), "ab" * 32,
    tested=20, again=5, languages_per_edit=2, facts=8,
)  # fmt: skip
RIGHT = {0: 0, 1: 20, 10: 20, 100: 10}  # of twenty edits, after each size
MORE = {"date": "2026-01-02", "versions": {"torch": "2"}}


def answered(size: int, place: int, right: float, **changes: Any) -> Answered:
    """Return one answer."""
    row = Answered(
        size=size, group=0, place=place, is_even=True, split="test",
        probe="reliability", relation="capital", target="zh", query=f"{place}?",
        gold="大阪", answer="大阪" if right else "东京", exact=bool(right),
        token_accuracy=right, unchanged=None, retrieved=None, refused=0,
        seconds=0.5 * size, peak_mb=3.0, notes="",
    )  # fmt: skip
    return replace(row, **changes)


def answers(size: int) -> list[Answered]:
    """Return all answers after a size."""
    found = []
    for place in range(20):
        right = float(place < RIGHT[size])
        group = place // size if 0 < size < 20 else 0
        for target in ("en", "zh"):
            found.append(answered(size, place, right, target=target, group=group))
    for number in range(8):
        found.append(
            answered(
                size, -1, float(size < 100 or number < 6), probe=UNTOUCHED,
                query=f"fact {number}", unchanged=1.0 if size else None,
            )
        )  # fmt: skip
    return found


def written(folder: Path, settings: ExperimentSettings = SETTINGS) -> Path:
    """Write a finished run; return its file."""
    open_folder(folder, settings)
    for size in (0, *settings.sizes):
        write_size(folder, size, answers(size))
    return finish(folder, settings, MORE)
