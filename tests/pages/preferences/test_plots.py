"""Pictures of a file of pairs: what a click on a bar shows, bars at round numbers.

python -m pytest tests/pages/preferences/test_plots.py
"""

import json
from pathlib import Path

import pytest

from pages.preferences import handlers as handle
from pages.preferences import opening as opening
from pages.preferences import sources as sources
from pages.preferences.plots import BINS, clicked, figures, round_edges
from pages.preferences.render import FIELDS, SHOWN, Place
from tests.pages.preferences.test_page import (  # noqa: F401  "home" is a fixture
    KEY,
    NOBODY,
    PAIRS,
    arrive,
    event,
    home,
    place_of,
)
from xkde.data.preferences.view import View


def test_a_click_on_any_bar_shows_as_many_pairs_as_the_bar_is_high() -> None:
    found = sources.loaded(KEY)
    against, margins, lengths, flags = (figure for figure, _ in figures(found, "en"))
    for bars in (*margins.data, *flags.data):
        for height, link in zip(bars.y, bars.customdata, strict=True):
            view = clicked(View(page=3), link)
            ends = [f"{end}" for end in (view.margin_from, view.margin_to)]
            edge = "None" not in ends and bars in margins.data
            rows = sources.order(found, view)
            assert len(rows) == height or (edge and len(rows) >= height)
            assert view.page == 1
    view = clicked(View(), against.data[0].customdata[0])
    assert view.flags == ("reward_against_correctness",)
    total, view = 0, View(relation="capital", sort="margin", gap_from=1.0, gap_to=9.0)
    for height, link in zip(lengths.data[0].y, lengths.data[0].customdata, strict=True):
        bar = clicked(view, link)  # takes the place of another bar's range
        assert (bar.relation, bar.sort) == ("capital", "margin")
        assert len(sources.order(found, clicked(View(), link))) == height
        total += height
    assert total == len(PAIRS)
    first, last = (clicked(view, lengths.data[0].customdata[i]) for i in (0, -1))
    assert (first.gap_from, last.gap_to) == (None, None)  # whatever lies further out
    assert "gap_to=" in link


def test_the_bars_of_lengths_say_what_they_hold() -> None:
    _, _, lengths, _ = (figure for figure, _ in figures(sources.loaded(KEY), "en"))
    bars = lengths.data[0]
    assert bars.text[0].startswith("… – ")
    assert bars.text[-1].endswith(" – …")
    for text, link in zip(bars.text[1:-1], bars.customdata[1:-1], strict=True):
        view = clicked(View(), link)
        assert text == f"{view.gap_from:g} – {view.gap_to:g}"


def test_a_bar_adds_to_the_filters_and_fills_the_fields() -> None:
    place = Place(KEY, View(relation="capital"))
    told = handle.bar(place, event(link="margin_from=1.5"), NOBODY)
    assert len(told) == len(FIELDS) + SHOWN
    assert told[FIELDS.index("relation")] == "capital"
    assert told[FIELDS.index("margin_from")] == "1.5"
    assert place_of(told).view == View(relation="capital", margin_from=1.5)


def test_a_file_without_scores_has_words_instead(home: Path) -> None:  # noqa: F811
    plain = [{"prompt": "a", "chosen": "bb", "rejected": "c"}]
    path = home / "runs" / "demo" / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) for row in plain), encoding="utf-8")
    told = opening.pictures(Place(KEY), NOBODY)
    assert "does not say which answers are right" in told[1]
    assert "states no margins" in told[3]
    assert "nothing to cut by" in str(arrive()[-2])


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
