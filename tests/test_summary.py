"""A run in short: all cases and the clean ones, by hand.

python -m pytest tests/test_summary.py
"""

from result_samples import row

from xkde.evaluation.results import table_of
from xkde.evaluation.summary import in_words, not_measured, summary

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
    assert told == [
        ("de", "generated", "reliability", "exact", 0.0, None, 0),
        ("zh", "generated", "reliability", "exact", 0.5, 1.0, 1),
        ("zh", "generated", "locality", "exact", 1.0, 1.0, 1),
        ("zh", "generated", "locality", "unchanged", 0.0, 0.0, 1),
        ("zh", "teacher-forced", "reliability", "token_accuracy", 0.5, 0.5, 1),
        ("zh", "teacher-forced", "locality", "token_accuracy", 0.25, 0.25, 1),
        ("zh", "teacher-forced", "locality", "unchanged", 1.0, 1.0, 1),
    ]
    assert not_measured(lines) == 1
    assert in_words(lines[0].clean) == "not measured"
    assert in_words(lines[0].whole).startswith("0.000 [0.000–0.79")


def test_directions_together() -> None:
    lines = summary(table_of(ROWS), by_direction=False)
    first = lines[0]
    assert (first.source, first.target, first.whole.n) == ("all", "all", 3)
    assert (first.whole.mean, first.clean.mean) == (1 / 3, 1.0)
