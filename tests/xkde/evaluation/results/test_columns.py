"""Rows as columns: masks, groups, means, and intervals that redraw cases.

python -m pytest tests/xkde/evaluation/results/test_columns.py
"""

import numpy as np
import pytest

from tests.helpers.measured_samples import forced, table
from tests.helpers.result_samples import row
from xkde.evaluation.results.columns import case_interval, numbers, rows_of
from xkde.evaluation.results.rows import table_of
from xkde.evaluation.scoring.metrics import wilson_interval

ROWS = table(
    row(case="a", target="zh", exact=True),
    row(case="b", target="zh", exact=False, answer="Tokyo"),
    row(case="c", target="zh", exact=None, answer=None, clean=False),
    row(case="a", target="th", exact=True),
    row(case="b", target="th", exact=True, probe="locality"),
    forced(case="a", token_accuracy=0.5),
)


def test_masks() -> None:
    assert ROWS.where({}).sum() == 6
    assert ROWS.where({"target": "zh", "protocol": "generated"}).tolist() == [
        True, True, True, False, False, False,
    ]  # fmt: skip
    assert ROWS.where({"target": "zh"}, clean=True).sum() == 3
    assert ROWS.where({"target": "xx"}).sum() == 0
    assert ROWS.where({"target": ""}).sum() == 6
    assert ROWS.choices("target") == ["zh", "th"]


def test_the_main_score_is_that_of_the_protocol() -> None:
    assert np.array_equal(ROWS.score, [1, 0, np.nan, 1, 1, 0.5], equal_nan=True)


def test_numbers_by_group() -> None:
    mask = ROWS.where({"protocol": "generated"})
    zh, th = numbers(ROWS, mask, ["target"], "exact")
    assert zh.group == {"target": "zh"}
    assert (zh.n, zh.missing, zh.mean, zh.interval) == (2, 1, 0.5, "wilson")
    assert (zh.low, zh.high) == wilson_interval(1, 2)
    assert (th.n, th.missing, th.mean) == (2, 0, 1.0)


def test_a_case_with_several_answers_is_redrawn_whole() -> None:
    rows = table(
        *(row(case=f"c{n}", target=code, exact=n % 2 == 0)
          for n in range(40) for code in ("zh", "th", "en"))
    )  # fmt: skip
    (pooled,) = numbers(rows, rows.where({}), [], "exact")
    assert (pooled.n, pooled.mean, pooled.interval) == (120, 0.5, "bootstrap")
    low, high = wilson_interval(20, 40)  # as if there were 40 answers, not 120
    assert pooled.low == pytest.approx(low, abs=0.03)
    assert pooled.high == pytest.approx(high, abs=0.03)


def test_nothing_right_is_not_sure_at_all() -> None:
    rows = table(*(row(case=f"c{n}", target=t, exact=False)
                   for n in range(10) for t in ("zh", "th")))  # fmt: skip
    (pooled,) = numbers(rows, rows.where({}), [], "exact")
    assert (pooled.low, pooled.high) == wilson_interval(0, 10)


def test_what_was_not_measured_is_no_number() -> None:
    rows = table(row(exact=None), row(case="x", exact=None))
    (found,) = numbers(rows, rows.where({}), ["probe"], "exact")
    assert (found.n, found.missing, found.mean, found.low) == (0, 2, None, None)
    assert numbers(rows, rows.where({"target": "xx"}), ["probe"], "exact") == []


def test_shares_between_are_redrawn() -> None:
    low, high = case_interval(np.array([0.5, 1.0, 0.0, 0.5]), np.ones(4))
    assert 0 <= low < 0.5 < high <= 1
    assert case_interval(np.full(5, 0.5), np.ones(5)) == (0.5, 0.5)


def test_each_protocol_has_its_own_interval() -> None:
    rows = table(*(make(case=f"c{n}") for n in range(9) for make in (row, forced)))
    told = numbers(rows, rows.where({}), ["protocol"], "score")
    assert {share.group["protocol"]: share.interval for share in told} == {
        "generated": "wilson",
        "teacher-forced": "bootstrap",
    }
    assert {(share.low, share.high) for share in told} == {wilson_interval(9, 9)}


def test_parts_become_one() -> None:
    rows = rows_of([table_of([row(case="a")]), table_of([row(case="b", target="th")])])
    assert len(rows) == 2
    assert [rows.values["case"][code] for code in rows.codes["case"]] == ["a", "b"]
    assert rows.where({"target": "th"}).tolist() == [False, True]
