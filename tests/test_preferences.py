"""The Preferences tab without a browser: sources, views, differences, plots, files."""

import json
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from preference_samples import pair, scores
from test_edit_and_ask import EVIL, Tags

from pages import _preferences_cut as cutting
from pages import _preferences_handlers as handle
from pages import _preferences_odds as odds
from pages import _preferences_opening as opening
from pages import _preferences_sources as sources
from pages._preferences_difference import difference, letters, marked
from pages._preferences_html import asked_of, language_words
from pages._preferences_plots import GAP, clicked, figures
from pages._preferences_shown import (
    FIELDS,
    SHOWN,
    Place,
    address,
    filter_words,
    shown,
    view_of,
)  # fmt: skip
from pages._strings import INTERFACES, strings
from xkde import paths
from xkde.data.preferences.cleaning import REASONS
from xkde.data.preferences.files import read_pairs, write_pairs, write_records
from xkde.data.preferences.flags import FLAGS
from xkde.data.preferences.view import SORTS, View
from xkde.editors.preferring import Liking, Preference
from xkde.engines.pool import Pool
from xkde.prompts import edit_prompt
from xkde.types import Edit

NOBODY: Any = SimpleNamespace(
    request=None, query_params={}, headers={}, session_hash="nobody"
)
KEY = "demo/pairs.jsonl"
PROMPT = edit_prompt([Edit("Capital?", "Osaka", "en")], "日本的首都是哪里？", "Chinese")
PAIRS = [
    pair("s0/gold-1", chosen_origin="gold", rejected_origin="answer 1", prompt=PROMPT),
    pair("b", target="th", chosen="กรุงเทพ", chosen_language="th"),
    pair("c", chosen_is_right=False, rejected_is_right=True, rejected="大坂城"),
    pair("d", rejected_score=-0.5, chosen="Ōsaka-shi", chosen_language="en"),
    pair("e", source="", target="", chosen_score=None, chosen_language="und-Latn"),
    *(pair(f"f{n}", chosen_score=-0.1 * n, rejected_score=-2) for n in range(30)),
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: Any) -> Path:
    """A home with one run of pairs, and its scores."""
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "ATLAS_PAIRS", tmp_path / "none.parquet")
    monkeypatch.setattr(sources, "_loaded", {})
    folder = tmp_path / "runs" / "demo"
    write_pairs(folder / "pairs.jsonl", PAIRS)
    write_records(folder / "scores.jsonl", scores("s0", -0.5, -1.5))
    with (folder / "pairs.jsonl").open("a", encoding="utf-8") as out:
        out.write('not json\n{"prompt": "a", "chosen": "b", "rejected": ""}\n')
    return tmp_path


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def last(generator: Any) -> list[Any]:
    return deque(generator, maxlen=1).pop()


def arrive(search: str = "") -> list[Any]:
    return last(opening.arrived(event(search=search), NOBODY))


def place_of(outputs: list[Any]) -> Place:
    return next(each for each in outputs if isinstance(each, Place))


# -------------------------------------------------------------------------- sources


def test_the_first_source_opens_with_what_was_left_out() -> None:
    first, outputs = opening.arrived(event(search=""), NOBODY), None
    assert "Opening demo/pairs.jsonl" in str(next(first))
    outputs = last(first)
    assert place_of(outputs) == Place(KEY)
    assert f"{len(PAIRS)} pairs" in outputs[1]
    assert f"2 of {len(PAIRS) + 2} rows could not be used" in outputs[1]
    assert f"the line is no JSON, first in line {len(PAIRS) + 1}" in outputs[1]
    assert "not in doubt" not in outputs[1]


def test_shipped_pairs_come_first(home: Path) -> None:
    write_pairs(paths.ATLAS_PAIRS, PAIRS[:3])
    assert list(sources.offered()) == [sources.ATLAS, KEY]
    assert place_of(arrive()).key == sources.ATLAS


def test_nothing_there_says_how_to_make_some(home: Path) -> None:
    (home / "runs" / "demo" / "pairs.jsonl").unlink()
    outputs = arrive()
    assert "xkde sample" in outputs[1]
    assert place_of(outputs) == Place()
    assert opening.pictures(Place(), NOBODY)[1] == ""


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("?pairs=upload", "Upload it again"),
        ("?pairs=/etc/passwd", "Upload it again"),
        ("?pairs=../../secret", "Upload it again"),
        ("?pairs=upload:/etc/passwd", "Upload it again"),
        ("?pairs=hub:some/body", "Nothing is fetched unasked"),
    ],
)
def test_a_link_opens_nothing_that_is_not_offered(search: str, words: str) -> None:
    outputs = arrive(search)
    assert words in outputs[1]
    assert place_of(outputs) == Place()


def test_a_broken_file_is_said_and_nothing_is_open(tmp_path: Path) -> None:
    for content in (b"", b"[1, 2", b"PAR1 and no more", b'{"prompt": "a"}\n'):
        path = tmp_path / "broken.jsonl"
        path.write_bytes(content)
        outputs = last(opening.uploaded(str(path), NOBODY))
        assert place_of(outputs) == Place()
        assert "broken.jsonl" in outputs[1]
        assert str(tmp_path) not in "".join(map(str, outputs))


def test_an_upload_opens_and_its_place_stays_secret(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    write_pairs(path, PAIRS[:4])
    outputs = last(opening.uploaded(str(path), NOBODY))
    assert "mine.parquet" in outputs[1]
    assert "4 pairs" in outputs[1]
    html = "".join(each for each in outputs if isinstance(each, str))
    assert str(tmp_path) not in html
    assert outputs[0].value is None
    path.unlink()
    told = shown(place_of(outputs), "en")
    assert "no longer here" in told[2]


def test_the_hub_is_asked_only_on_demand_and_offline_is_said() -> None:
    outputs = last(opening.from_hub(" nobody/nothing ", NOBODY))
    assert "cannot be reached" in outputs[1]
    assert "owner/name" in last(opening.from_hub("../x", NOBODY))[1]


def test_a_changed_file_is_read_anew_and_few_are_kept(home: Path) -> None:
    before = sources.loaded(KEY)
    assert sources.loaded(KEY) is before
    write_pairs(home / "runs" / "demo" / "pairs.jsonl", PAIRS[:2])
    assert sources.loaded(KEY).table.pairs.num_rows == 2
    for number in range(sources.KEPT + 1):
        write_pairs(home / "runs" / f"pairs-{number}.parquet", PAIRS[:1])
        sources.loaded(f"pairs-{number}.parquet")
    assert len(sources._loaded) == sources.KEPT


def test_scores_of_a_run_are_found_by_prompt() -> None:
    found = sources.scores_beside(KEY, "s0/gold-1")
    assert found[-1].target_source == -0.5
    assert found[0].symmetric == -1.5
    assert sources.scores_beside(KEY, "b") == {}
    assert sources.scores_beside(KEY, "s/gold-1") == {}
    origins = [sources.answer_of(o) for o in ("gold", "answer 3", "", "answer x")]
    assert origins == [-1, 2, None, None]


# ---------------------------------------------------------------------------- views


def test_a_link_reopens_the_same_view_and_pair() -> None:
    view = View("en→zh", "capital", flags=("zero_gap",), sort="margin", size=10)
    place = Place(KEY, view, 0)
    assert place_of(arrive("?" + address(place))) == place
    deep = Place(KEY, View(text="首都", size=10, page=3), 27)
    outputs = arrive("?" + address(deep))
    assert place_of(outputs) == deep
    assert "Pair 28 of" in str(outputs)


@pytest.mark.parametrize(
    "search",
    ["?page=99&size=10", "?pair=-4", "?pair=" + "9" * 30, "?direction=xx-yy&page=1e9"],
)
def test_a_link_is_not_trusted(search: str) -> None:
    outputs = arrive(search)
    assert 0 <= place_of(outputs).at < len(PAIRS)
    assert "Pair" in str(outputs)


def test_fields_become_a_view_and_back() -> None:
    view = View(
        "en→zh", "capital", "zh", "zh", -2.0, 0.0, 0.5, 2.0, ("zero_gap",), "x", True,
        "margin", True, 1, 50,
    )  # fmt: skip
    assert view_of([getattr(view, name) for name in FIELDS]) == view
    empty = [None] * len(FIELDS)
    empty[FIELDS.index("size")] = 25  # type: ignore[call-overload]
    assert view_of(empty).to_query() == {}
    assert len(filter_words(view, "en")) == 5


def test_filters_pages_and_steps() -> None:
    place = place_of(arrive())
    values = [getattr(View(text="大阪", size=10), name) for name in FIELDS]
    place, rows, status, told, _ = handle.changed(place, NOBODY, *values)
    assert rows.count("<li>") == 10
    assert "33 of 35 pairs, page 1 of 4" in status
    assert "Pair 1 of 33" in told
    place, rows, *_ = handle.turning(1)(place, NOBODY)
    assert (place.at, place.view.page) == (10, 2)
    assert 'start="11"' in rows
    place, rows, _, told, _ = handle.stepping(-1)(place, NOBODY)
    assert (place.at, place.view.page) == (9, 1)  # the page follows
    assert 'start="1"' in rows
    place, rows, *_ = handle.stepping(-1)(place, NOBODY)
    assert not isinstance(rows, str)  # the same page stays as it is
    for _ in range(12):
        place = handle.stepping(-1)(place, NOBODY)[0]
    assert place.at == 0
    assert handle.go(place, event(at=10**9), NOBODY)[0].at == 32
    assert handle.go(place, event(at="<script>"), NOBODY)[0].at == 0


def test_nothing_found_and_bad_expressions_have_words() -> None:
    place = place_of(arrive())
    for text, regex, words in (("nowhere", False, "0 of 35"), ("(", True, "Mend it")):
        values = [getattr(View(text=text, regex=regex), name) for name in FIELDS]
        told = handle.changed(place, NOBODY, *values)
        assert words in told[2]
    cleared = handle.cleared(told[0], NOBODY)
    assert "35 of 35" in cleared[len(FIELDS) + 2]
    with pytest.raises(gr.Error, match="No pairs are open"):
        list(handle.odds(Place(), NOBODY))


# ----------------------------------------------------------------------------- HTML


def test_the_pair_is_told_whole() -> None:
    told = place_of(arrive())
    html = shown(told, "en")[3]
    for words in (
        "Capital? Osaka", "日本的首都是哪里？", "<ins>大阪</ins>", "<del>东京</del>",
        "Margin +1.000", "-0.500", "Target → source", "the gold", "sampled answer 1",
        "2 characters", "Chinese", "Nothing about this pair is in doubt",
    ):  # fmt: skip
        assert words in html, words
    third = shown(replace(told, at=2), "zh")[3]
    assert strings()["zh"]["flag_wrong_chosen"] in third


@pytest.mark.parametrize("say", INTERFACES)
def test_nothing_that_a_file_says_becomes_markup(home: Path, say: Any) -> None:
    fields = dict.fromkeys(
        "fact relation source target prompt strategy chosen_origin rejected_origin "
        "checkpoint score_name chosen_language rejected_language".split(),
        EVIL,
    )
    evil = pair(f"{EVIL}/1", chosen=EVIL, rejected=EVIL + "x" * 60, **fields)
    write_pairs(home / "runs" / "demo" / "pairs.jsonl", [evil])
    html = "".join(map(str, shown(Place(KEY), say)))
    html += "".join(map(str, arrive()))
    html += "".join(str(part) for part in opening.pictures(Place(KEY), NOBODY)[1::2])
    assert not {"img", "script"} & Tags(html).names
    assert "onerror" not in Tags(html).attributes


@pytest.mark.parametrize(
    ("one", "other", "chosen", "rejected"),
    [
        ("Paris", "London", "<ins>Paris</ins>", "<del>London</del>"),
        ("Tokio", "Tokyo", "Tok<ins>i</ins>o", "Tok<del>y</del>o"),
        ("大阪市", "大阪", "大阪<ins>市</ins>", "大阪"),
        ("a<b", "a", "a<ins>&lt;b</ins>", "a"),
        ("ที่นี่", "ที่นั่น", None, None),
        ("x" * 30_000, "y", "x" * 30_000, "y"),
        ("word " * 400 + "end", "word " * 400, None, None),
    ],
)
def test_differences(
    one: str, other: str, chosen: str | None, rejected: str | None
) -> None:
    mine, its = difference(one, other)
    assert "".join(text for text, _ in mine) == one
    assert "".join(text for text, _ in its) == other
    if chosen is not None:
        assert (marked(mine, "ins"), marked(its, "del")) == (chosen, rejected)
    for text, _ in (*mine, *its):
        assert letters(text)[0][0] == text[0]  # no mark without its letter


def test_words_for_what_is_not_known() -> None:
    assert language_words("", "en") == "not known"
    assert "Latn" in language_words("und-Latn", "en")
    assert language_words("ceb", "en") == "Cebuano"
    assert asked_of("plain") == ("", "plain")
    for texts in strings().values():
        for name in FLAGS:
            assert texts[f"flag_{name}"]
            assert texts[f"flag_short_{name}"]
        for name in SORTS:
            assert texts[f"sort_{name or 'file'}"]
        assert all(texts[f"pairs_reason_{name}"] for name in REASONS)


# --------------------------------------------------------------- plots, file, models


def test_a_click_on_any_bar_shows_as_many_pairs_as_the_bar_is_high() -> None:
    found = sources.loaded(KEY)
    against, margins, lengths, flags = (figure for figure, _ in figures(found, "en"))
    for bars in (*margins.data, *flags.data):
        for height, link in zip(bars.y, bars.customdata, strict=True):
            view, at = clicked(found, View(page=3), link)
            ends = [f"{end}" for end in (view.margin_from, view.margin_to)]
            edge = "None" not in ends and bars in margins.data
            rows = sources.order(found, view)
            assert len(rows) == height or (edge and len(rows) >= height)
            assert (view.page, at) == (1, 0)
    view, _ = clicked(found, View(), against.data[0].customdata[0])
    assert view.flags == ("reward_against_correctness",)
    total = 0
    for height, link in zip(lengths.data[0].y, lengths.data[0].customdata, strict=True):
        view, at = clicked(found, View(), link)
        assert view.sort == "length_gap"
        assert at == min(total, len(PAIRS) - 1)
        total += height
    assert total == len(PAIRS)
    assert GAP in link


def test_a_bar_adds_to_the_filters_and_fills_the_fields() -> None:
    place = Place(KEY, View(relation="capital"))
    told = handle.bar(place, event(link="margin_from=1.5"), NOBODY)
    assert len(told) == len(FIELDS) + SHOWN
    assert told[FIELDS.index("relation")] == "capital"
    assert told[FIELDS.index("margin_from")] == 1.5
    assert place_of(told).view == View(relation="capital", margin_from=1.5)


def test_a_file_without_scores_has_words_instead(home: Path) -> None:
    plain = [{"prompt": "a", "chosen": "bb", "rejected": "c"}]
    path = home / "runs" / "demo" / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) for row in plain), encoding="utf-8")
    told = opening.pictures(Place(KEY), NOBODY)
    assert "does not say which answers are right" in told[1]
    assert "states no margins" in told[3]
    assert "nothing to cut by" in str(arrive()[-2])


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_the_pairs_that_stay_are_a_file_for_the_trainer(kind: str) -> None:
    place = Place(KEY)
    words, _ = cutting.cut(place, 1.0, ["wrong_chosen"], NOBODY)
    file = cutting.written(place, 1.0, ["wrong_chosen"], kind, NOBODY)
    pairs = read_pairs(Path(file.value["path"]))
    assert f"{len(pairs)} of {len(PAIRS)} pairs stay" in words
    assert all((each.margin or 0) >= 1.0 for each in pairs)
    assert "c" not in {each.id for each in pairs}
    with pytest.raises(gr.Error, match="No pair stays"):
        cutting.written(place, 99.0, [], kind, NOBODY)


def test_models_that_are_absent_are_said(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path / "nowhere"))
    html = list(handle.odds(Place(KEY), NOBODY))[-1]
    assert html.count("is not on this machine") == 3
    told = {"base": Preference(Liking(2, -0.5), Liking(2, -2.0)), "tl_po": EVIL}
    table = odds.odds_html(told, "en")
    assert "prefers the chosen" in table
    assert "img" not in Tags(table).names


@pytest.mark.slow
def test_models_that_are_here_are_asked(
    atlas_checkpoints: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(odds, "POOL", Pool())
    html = list(handle.odds(Place(KEY), NOBODY))[-1]
    assert html.count("is not on this machine") == 1  # atlas-tl-po
    assert html.count("prefers the") == 2
