"""A slice that is worse is found and named first; where nothing differs, none is."""

import numpy as np
import pandas as pd
import pytest

from tests.helpers.result_samples import ROW
from xkde.errors import InputError
from xkde.evaluation.analysis.slices import (
    parts_of,
    slice_mask,
    slices_of_two,
    worst_slices,
)
from xkde.evaluation.results.rows import frame_of, table_of

EDITS = 120
TARGETS = ("de", "fr", "th", "zh")
PROBES = ("reliability", "generality")


def rows(edits: int = EDITS) -> pd.DataFrame:
    """Return each edit asked in four languages and two wordings."""
    made = [
        type(ROW)(**{**vars(ROW), "case": f"{edit}", "target": target, "probe": probe,
                     "subject": "Narnia" + "n" * (edit % 5)})
        for edit in range(edits)
        for target in TARGETS
        for probe in PROBES
    ]  # fmt: skip
    return frame_of(table_of(made))


def drawn(frame: pd.DataFrame, worse: dict[str, str], seed: int = 3) -> np.ndarray:
    """Return scores: 0.4 of a slice's answers are right, 0.9 of the rest."""
    inside = np.ones(len(frame), dtype=bool)
    for name, value in worse.items():
        inside &= (frame[name] == value).to_numpy()
    chance = np.where(inside, 0.4, 0.9)
    return (np.random.default_rng(seed).random(len(frame)) < chance).astype(float)


def test_a_planted_slice_comes_first_with_its_numbers() -> None:
    frame = rows()
    score = drawn(frame, {"target": "th", "probe": "generality"})
    found = worst_slices(frame, score)
    first = found.slices[0]
    assert set(parts_of(first.key)) >= {("probe", "generality")}
    assert {value for _, value in first.parts} & {"th", "Thai"}
    inside = slice_mask(frame, first.key)
    assert first.mean == pytest.approx(score[inside].mean())
    assert first.rest == pytest.approx(score[~inside].mean())
    assert (first.edits, first.answers) == (EDITS, EDITS)
    assert first.low < first.difference < first.high < 0
    assert first.p < 1e-6
    assert found.edits == EDITS


def test_nothing_is_found_where_nothing_differs() -> None:
    frame = rows()
    found = [
        worst_slices(frame, drawn(frame, {"target": "none"}, seed)).slices
        for seed in range(20)
    ]
    assert sum(map(bool, found)) <= 2  # 5 % of searches, by Holm


def test_two_runs_show_where_the_first_loses_and_gains() -> None:
    frame = rows()
    good = np.random.default_rng(5).random(len(frame))
    is_thai = (frame["target"] == "th").to_numpy()
    first = (good < np.where(is_thai, 0.5, 0.8)).astype(float)
    second = (good < np.where(is_thai, 0.8, 0.5)).astype(float)
    found = slices_of_two(frame, first, second).slices
    worst, best = found[0], found[-1]
    assert worst.difference < 0 < best.difference
    assert {value for _, value in worst.parts} & {"th", "Thai"}


def test_few_edits_are_refused_and_unknown_slices_empty() -> None:
    frame = rows(edits=10)
    with pytest.raises(InputError, match="at least 30 edits; here are 10"):
        worst_slices(frame, np.ones(len(frame)))
    assert not slice_mask(frame, "target:xx").any()
    assert not slice_mask(frame, "nonsense").any()
