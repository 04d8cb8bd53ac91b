"""A run in short: all cases and the clean ones, by hand."""

import pytest

from tests.helpers.measured_samples import forced, table
from tests.helpers.result_samples import ROW, row
from xkde.errors import InputError
from xkde.evaluation.results.rows import table_of, where
from xkde.evaluation.results.statistics import wilson_interval
from xkde.evaluation.results.summary import (
    LocalityChange,
    locality_changes,
    means,
    summary,
)

FORCED = {"protocol": "teacher-forced", "exact": None}
ROWS = [
    row(case="1", exact=True),
    row(case="2", exact=False, clean=False),
    row(case="3", exact=None),
    row(case="1", probe="locality", exact=True, unchanged=0.0),
    row(case="1", target="de", exact=False, clean=False),
    row(case="1", token_accuracy=0.5, **FORCED),
    row(case="1", probe="locality", token_accuracy=0.25, unchanged=1.0, **FORCED),
]


def test_lines_by_hand() -> None:
    lines = summary(table_of(ROWS))
    told = [
        (
            x.target,
            x.protocol,
            x.probe,
            x.measure,
            x.whole.mean,
            x.clean.mean,
            x.clean.n,
        )
        for x in lines
    ]
    assert [line for line in told if line[4] is not None] == [
        ("de", "generated", "reliability", "exact", 0.0, None, 0),
        ("zh", "generated", "reliability", "exact", 0.5, 1.0, 1),
        ("zh", "generated", "locality", "exact", 1.0, 1.0, 1),
        ("zh", "generated", "locality", "unchanged", 0.0, 0.0, 1),
        ("zh", "teacher-forced", "reliability", "token_accuracy", 0.5, 0.5, 1),
        ("zh", "teacher-forced", "locality", "token_accuracy", 0.25, 0.25, 1),
        ("zh", "teacher-forced", "locality", "unchanged", 1.0, 1.0, 1),
    ]
    absent = [(x.target, x.protocol, x.probe) for x in lines if x.whole.mean is None]
    assert absent == [
        ("de", "generated", "generality"),
        ("de", "generated", "locality"),
        ("de", "generated", "portability"),
        ("zh", "generated", "generality"),
        ("zh", "generated", "portability"),
        ("zh", "teacher-forced", "generality"),
        ("zh", "teacher-forced", "portability"),
    ]
    assert sum(x.whole.missing for x in lines if x.measure == "exact") == 1
    assert lines[0].clean.words == "not measured"
    assert lines[0].whole.words.startswith("0.000 [0.000–0.79")


def test_locality_three_ways_and_a_judge() -> None:
    kept = {"probe": "locality", "answer": "x"}
    rows = [
        row(case="1", exact=True, exact_before=True, exact_base=False, unchanged=1.0,
            unchanged_from_base=0.0, judged=True, **kept),
        row(case="2", exact=False, exact_before=True, exact_base=False, unchanged=0.0,
            unchanged_from_base=0.0, **kept),
        row(case="3", probe="portability", exact=True, exact_base=True),
        row(case="4", probe="portability", exact=False, clean=False),
    ]  # fmt: skip
    found = {(x.probe, x.measure): (x.whole, x.clean) for x in summary(table_of(rows))}
    ways = ("exact", "exact_before", "exact_base", "unchanged", "unchanged_from_base")
    assert [found["locality", way][0].mean for way in ways] == [0.5, 1.0, 0, 0.5, 0]
    judged = found["locality", "judged"][0]
    assert (judged.mean, judged.n, judged.missing) == (1.0, 1, 1)
    assert locality_changes(table_of(rows)) == [
        LocalityChange("before", 2, 1, 0, 1.0),
        LocalityChange("base", 2, 0, 1, 1.0),
    ]
    assert locality_changes(table_of(ROWS)) == []
    # Portability with and without the leaked case; other probes have no base's line.
    whole, clean = found["portability", "exact"]
    assert (whole.mean, whole.n, clean.mean, clean.n) == (0.5, 2, 1.0, 1)
    assert ("portability", "exact_base") not in found


def test_directions_together() -> None:
    lines = summary(table_of(ROWS), by_direction=False)
    first = lines[0]
    assert (first.source, first.target, first.whole.n) == ("all", "all", 3)
    assert (first.whole.mean, first.clean.mean) == (1 / 3, 1.0)


# ------------------------------------------------------------------ means of groups


def test_means_by_hand() -> None:
    rows = table(
        row(case="1", target="zh", exact=True),
        row(case="2", target="zh", exact=False),
        row(case="3", target="zh", exact=True),
        row(case="4", target="zh", exact=None),
        row(case="5", target="de", exact=False),
    )
    chinese, german = means(rows, ["source", "target"], "exact")
    assert chinese.group == {"source": "en", "target": "zh"}
    assert (chinese.n, chinese.edits, chinese.missing) == (3, 3, 1)
    assert chinese.mean == pytest.approx(2 / 3)
    assert (chinese.low, chinese.high) == wilson_interval(2, 3)
    assert (german.n, german.mean, german.interval) == (1, 0.0, "wilson")
    (whole,) = means(rows, [], "exact")
    assert (whole.n, whole.missing, whole.mean) == (4, 1, 0.5)


def test_what_was_not_measured_is_no_number() -> None:
    rows = table(row(exact=None), row(case="2", exact=None))
    (found,) = means(rows, ["probe"], "exact")
    assert (found.n, found.missing) == (0, 2)
    assert (found.mean, found.low, found.high) == (None, None, None)
    assert means(rows[where(rows, {"target": "xx"})], ["probe"], "exact") == []
    assert means(rows.iloc[:0], ["probe"], "exact") == []


def test_a_case_with_several_answers_is_redrawn_whole() -> None:
    rows = table(
        *(row(case=f"c{n}", target=code, exact=n % 2 == 0)
          for n in range(40) for code in ("zh", "th", "en"))
    )  # fmt: skip
    (pooled,) = means(rows, [], "exact")
    assert (pooled.n, pooled.edits, pooled.mean) == (120, 40, 0.5)
    assert pooled.interval == "bootstrap"
    # As if there were 40 answers, not 120.
    assert (pooled.low, pooled.high) == pytest.approx(wilson_interval(20, 40), abs=0.03)


def test_nothing_right_is_not_sure_at_all() -> None:
    rows = table(*(row(case=f"c{n}", target=t, exact=False)
                   for n in range(10) for t in ("zh", "th")))  # fmt: skip
    (pooled,) = means(rows, [], "exact")
    assert (pooled.low, pooled.high) == wilson_interval(0, 10)


def test_values_between_are_redrawn() -> None:
    rows = table(*(row(case=f"c{n}", f1=v) for n, v in enumerate((0.5, 1, 0, 0.5))))
    (found,) = means(rows, [], "f1")
    assert found.interval == "bootstrap" and found.low is not None
    assert 0 <= found.low < 0.5 < found.high <= 1  # type: ignore[operator]
    (flat,) = means(table(*(row(case=f"c{n}", f1=0.5) for n in range(9))), [], "f1")
    assert (flat.low, flat.mean, flat.high) == (0.5, 0.5, 0.5)


def test_each_protocol_has_its_own_numbers() -> None:
    rows = table(*(make(case=f"c{n}") for n in range(9) for make in (row, forced)))
    found = means(rows, ["protocol"])
    assert [its.group["protocol"] for its in found] == ["generated", "teacher-forced"]
    assert {(its.low, its.high) for its in found} == {wilson_interval(9, 9)}
    halves = table(*(forced(case=f"c{n}", token_accuracy=n / 8) for n in range(9)))
    assert means(halves, ["protocol"])[0].interval == "bootstrap"


@pytest.mark.parametrize(
    ("by", "measure"),
    [(["nothing"], "exact"), ([], "answer"), (["exact"], "exact"), ([], "clean")],
)
def test_other_columns_are_refused(by: list[str], measure: str) -> None:
    with pytest.raises(InputError, match="token_accuracy"):
        means(table(ROW), by, measure)
