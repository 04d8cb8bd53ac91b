"""The bench of preferences, small: it measures, and what it generates is real."""

from itertools import islice

from xkde.bench.preferences import filters, generated, measure, view
from xkde.data.preferences.files import pairs_table
from xkde.data.preferences.table import PairFilter, matching, pair_frame


def test_generated_pairs_are_varied_and_the_same_again() -> None:
    pairs = list(generated(300))
    assert pairs == list(generated(300))
    assert len({p.id for p in pairs}) == 300
    assert len({p.prompt for p in pairs}) > 90
    assert len({p.direction for p in pairs}) > 40
    assert list(islice(generated(10), 5)) == pairs[:5]


def test_every_view_can_be_shown() -> None:
    frame = pair_frame(pairs_table(generated(300)))
    totals = [len(matching(frame, wanted)) for wanted in filters()]
    assert max(totals) == 300
    assert 0 in totals  # a text that is nowhere
    assert [row["id"] for row in view(frame, PairFilter(), page=12)][-1] == "299"


def test_measure() -> None:
    found = measure(300)
    assert found["pairs"] == 300
    for name in (
        "open_jsonl_s",
        "open_parquet_s",
        "pandas_alone_parquet_s",
        "view_p95_ms",
    ):
        assert found[name] >= 0
    assert found["peak_memory_mb"] > 10
