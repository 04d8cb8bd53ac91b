"""Draws: the same for the same seed, balanced, of one run or of two."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest

from tests.helpers.measured_samples import ATLAS_RUN, begun, written
from xkde.errors import DataError
from xkde.evaluation.results.rows import PROTOCOLS
from xkde.labelling.queue import BALANCED, QueueChoice, draw, drawn

EDITED, PLAIN = "evaluations/edited", "evaluations/plain"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs of the same ten edits: 7 and 1 of them are right."""
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    written(tmp_path / "runs" / EDITED, cases=10, right=0.7)
    other = replace(ATLAS_RUN, checkpoint="atlas-base", editor="prompt")
    written(tmp_path / "runs" / PLAIN, other, cases=10, right=0.1)
    return tmp_path / "runs"


def test_a_draw_is_repeated_by_its_seed_and_its_address(runs: Path) -> None:
    choice = QueueChoice(run=EDITED, count=12, seed=5, target="zh", probe="locality")
    again = QueueChoice.from_query(dict(parse_qsl(choice.to_query())))
    assert again == choice
    assert draw(choice) == draw(again)
    open_choice = QueueChoice(run=EDITED, count=12, balanced=False)
    other = replace(open_choice, seed=2)
    assert QueueChoice.from_query(dict(parse_qsl(other.to_query()))) == other
    assert draw(other).cases != draw(open_choice).cases


def test_filters_leave_what_they_name(runs: Path) -> None:
    found = draw(QueueChoice(run=EDITED, target="th", probe="portability"))
    assert found.matching == len(found.cases) == found.edits == 3
    assert {(its.target, its.probe) for its in found.cases} == {("th", "portability")}
    assert all(its.protocol == PROTOCOLS[1] for its in found.cases)
    assert all(its.kind != "right" and its.answer == "东京" for its in found.cases)


def test_two_runs_give_what_one_has_and_the_other_lacks(runs: Path) -> None:
    same = {"run": EDITED, "beside": PLAIN, "target": "zh", "probe": "reliability"}
    wrong = {
        side: draw(QueueChoice(side=side, **same))
        for side in ("only_first", "both_wrong")
    }
    assert {side: found.matching for side, found in wrong.items()} == {
        "only_first": 6,
        "both_wrong": 3,
    }
    first = wrong["only_first"].cases[0]
    assert (first.checkpoint, first.answer) == ("atlas-base", "东京")
    assert (first.beside, first.beside_answer) == ("atlas-xe-it · x-kde", "大阪")
    with pytest.raises(DataError, match="No failure"):
        draw(QueueChoice(side="only_second", **same))
    with pytest.raises(DataError, match="two runs"):
        draw(QueueChoice(run=EDITED, side="both_wrong"))


def test_glosses_are_what_atlas_and_the_run_call_it(runs: Path) -> None:
    [its, *_] = draw(QueueChoice(run=EDITED, count=1)).cases
    assert its.glosses["东京"]["en"] == "Tokyo"


def test_a_run_without_answers_is_said(runs: Path) -> None:
    begun(runs / "evaluations" / "begun")
    with pytest.raises(DataError, match="no row is there"):
        draw(QueueChoice(run="evaluations/begun"))
    with pytest.raises(DataError, match="no longer here"):
        draw(QueueChoice(run="evaluations/none"))


def test_a_balanced_draw_takes_rare_ones_as_often_as_frequent_ones() -> None:
    kinds = np.repeat([0, 1, 2], [980, 10, 10])
    others = [np.arange(1000) % 7, np.arange(1000)]
    chosen = drawn([kinds, *others], 24, seed=3, balanced=True)
    assert len(set(chosen)) == 24
    assert Counter(kinds[chosen]) == {0: 8, 1: 8, 2: 8}
    random = drawn([kinds, *others], 24, seed=3, balanced=False)
    assert Counter(kinds[random])[0] > 18
    assert len(drawn([kinds, *others], 5000, 3, balanced=True)) == 500
    assert set(BALANCED) == {"kind", "target", "relation", "case"}


def test_an_address_that_means_nothing_draws_what_is_usual() -> None:
    strange = {"side": "?", "kind": "<b>", "count": "-1", "seed": "x", "probe": "?"}
    assert QueueChoice.from_query(strange) == QueueChoice()
