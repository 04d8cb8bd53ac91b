"""A run in short: all cases and the clean ones, by hand.

python -m pytest tests/xkde/evaluation/results/test_summary.py
"""

from tests.helpers.result_samples import row
from xkde.evaluation.results.rows import table_of
from xkde.evaluation.results.summary import (
    Change,
    in_words,
    locality_changes,
    not_measured,
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
    assert not_measured(lines) == 1
    assert in_words(lines[0].clean) == "not measured"
    assert in_words(lines[0].whole).startswith("0.000 [0.000–0.79")


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
        Change("before", 2, 1, 0, 1.0),
        Change("base", 2, 0, 1, 1.0),
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
