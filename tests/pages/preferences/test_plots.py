"""Pictures of a file of pairs: what a click on a bar shows, bars at round numbers."""

import json
from pathlib import Path
from typing import Any

import pytest

from pages.preferences import handlers, sources
from pages.preferences.page import SHOWN
from pages.preferences.plots import BINS, clicked, figures, round_edges
from pages.preferences.view import FIELDS, PairPlace, PairView
from tests.pages.preferences.test_page import (  # noqa: F401  "home" is a fixture
    KEY,
    NOBODY,
    PAIRS,
    arrive,
    event,
    home,
    view,
)


def drawn(name: str) -> Any:
    """Return a figure of the run's pairs."""
    return figures(sources.loaded(KEY).frame, "en")[name][0]


def matches(given: PairView) -> int:
    """Return how many pairs a view has."""
    return len(sources.positions(sources.loaded(KEY), given.filter))


def test_a_click_on_any_bar_shows_as_many_pairs_as_the_bar_is_high() -> None:
    margins, lengths, flags = drawn("margin"), drawn("length"), drawn("flags")
    for bars in (*margins.data, *flags.data):
        for height, link in zip(bars.y, bars.customdata, strict=True):
            bar = clicked(view(page=3), link)
            # What lies on an edge between two bars is in one of them only.
            edge = bar.filter.margin_from is not None and bars in margins.data
            assert matches(bar) == height or (edge and matches(bar) >= height)
            assert bar.page == 1
    bar = clicked(view(), drawn("against").data[0].customdata[0])
    assert bar.filter.flags == ("reward_against_correctness",)
    total = 0
    given = view(relation="capital", sort="margin", gap_from=1.0, gap_to=9.0)
    for height, link in zip(lengths.data[0].y, lengths.data[0].customdata, strict=True):
        bar = clicked(given, link)  # takes the place of another bar's range
        assert (bar.filter.relation, bar.filter.sort) == ("capital", "margin")
        assert matches(clicked(view(), link)) == height
        total += height
    assert total == len(PAIRS)
    links = lengths.data[0].customdata
    first, last = (clicked(given, links[i]).filter for i in (0, -1))
    assert (first.gap_from, last.gap_to) == (None, None)  # whatever lies further out
    assert "gap_to=" in link


def test_the_bars_of_lengths_say_what_they_hold() -> None:
    bars = drawn("length").data[0]
    assert bars.text[0].startswith("… – ")
    assert bars.text[-1].endswith(" – …")
    for text, link in zip(bars.text[1:-1], bars.customdata[1:-1], strict=True):
        bar = clicked(view(), link).filter
        assert text == f"{bar.gap_from:g} – {bar.gap_to:g}"


def test_a_bar_adds_to_the_filters_and_fills_the_fields() -> None:
    place = PairPlace(KEY, view(relation="capital"))
    found = handlers.click_bar(place, event(link="margin_from=1.5"), NOBODY)
    assert set(found) == {*FIELDS, *SHOWN}
    assert found["relation"] == "capital"
    assert found["margin_from"] == "1.5"
    assert found["place"].view == view(relation="capital", margin_from=1.5)


def test_a_file_without_scores_has_words_instead(home: Path) -> None:  # noqa: F811
    plain = [{"prompt": "a", "chosen": "bb", "rejected": "c"}]
    path = home / "runs" / "demo" / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) for row in plain), encoding="utf-8")
    found = handlers.draw(PairPlace(KEY), NOBODY)
    assert "does not say which answers are right" in found["words_against"]
    assert "states no margins" in found["words_margin"]
    assert "nothing to cut by" in arrive()["kept"]


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0.4, 1.5),
        (-1.2, 2.69),
        (1, 1),
        (0, 0),
        (0, 100),
        (-5000, 12),
        (0.7, 0.7 + 1e-9),
    ],
)
def test_bars_begin_and_end_at_round_numbers(low: float, high: float) -> None:
    edges = round_edges(low, high)
    assert edges[0] <= low
    assert edges[-1] >= high
    assert 2 <= len(edges) <= BINS + 2
    assert all(a < b for a, b in zip(edges[:-1], edges[1:], strict=True))
    assert max(len(f"{edge:g}") for edge in edges) <= 7
