"""The Preferences tab without a browser: sources, views, differences, plots, files."""

import json
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pages.preferences import handlers, sources
from pages.preferences import pair as odds
from pages.preferences.handlers import PLOTS, show, source_html
from pages.preferences.page import EXPORT, OPENED, SHOWN
from pages.preferences.pair import (
    difference,
    edit_and_query,
    language_words,
    letters,
)
from pages.preferences.view import (
    FIELDS,
    PairPlace,
    PairView,
    address,
    field_values,
)
from pages.shell.components import Outputs
from pages.shell.strings import INTERFACES, strings
from pages.shell.templates import environment
from tests.helpers.preference_samples import pair, read_pairs, scores
from tests.helpers.requests import NOBODY
from tests.pages.edit_and_ask.test_page import EVIL, Tags
from xkde import paths
from xkde.asking.probabilities import AnswerOdds, PairOdds
from xkde.data.preferences.files import write_pairs, write_records
from xkde.data.preferences.opening import REASONS
from xkde.data.preferences.table import FLAGS, SORTS, PairFilter
from xkde.engines.pool import Pool
from xkde.prompts import edit_prompt
from xkde.types import Edit

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


def last(generator: Any) -> Any:
    return deque(generator, maxlen=1).pop()


def arrive(search: str = "") -> Outputs:
    """Return what is there once the tab has opened; every name has a component."""
    outputs: Outputs = last(handlers.arrive(event(search=search), NOBODY))
    assert set(outputs) <= set(OPENED)
    return outputs


def view(page: int = 1, size: int = 25, **wanted: Any) -> PairView:
    return PairView(PairFilter(**wanted), page, size)


def typed(**wanted: Any) -> list[Any]:
    """Return the fields' values, in the order in which a handler takes them."""
    fields = field_values(view(**wanted))
    return [fields[name] for name in FIELDS]


def text_of(outputs: Outputs) -> str:
    return "".join(map(str, outputs.values()))


# -------------------------------------------------------------------------- sources


def test_the_first_source_opens_with_what_was_left_out() -> None:
    first = handlers.arrive(event(search=""), NOBODY)
    assert "Opening demo/pairs.jsonl" in str(next(first))
    outputs = last(first)
    assert outputs["place"] == PairPlace(KEY)
    assert f"{len(PAIRS)} pairs" in outputs["summary"]
    assert f"2 of {len(PAIRS) + 2} rows could not be used" in outputs["summary"]
    assert f"the line is no JSON, first in line {len(PAIRS) + 1}" in outputs["summary"]
    assert "not in doubt" not in outputs["summary"]


def test_shipped_pairs_come_first_as_soon_as_they_are_there() -> None:
    assert arrive()["place"].key == KEY
    write_pairs(paths.ATLAS_PAIRS, PAIRS[:3])
    assert list(sources.offered()) == [sources.ATLAS, KEY]
    assert arrive()["place"].key == sources.ATLAS


def test_nothing_there_says_how_to_make_some(home: Path) -> None:
    (home / "runs" / "demo" / "pairs.jsonl").unlink()
    outputs = arrive()
    assert "xkde sample" in outputs["summary"]
    assert outputs["place"] == PairPlace()
    assert handlers.draw(PairPlace(), NOBODY)["words_against"] == ""


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
    assert words in outputs["summary"]
    assert outputs["place"] == PairPlace()


def test_a_broken_file_is_said_and_nothing_is_open(tmp_path: Path) -> None:
    for content in (b"", b"[1, 2", b"PAR1 and no more", b'{"prompt": "a"}\n'):
        path = tmp_path / "broken.jsonl"
        path.write_bytes(content)
        outputs = last(handlers.upload(str(path), NOBODY))
        assert outputs["place"] == PairPlace()
        assert "broken.jsonl" in outputs["summary"]
        assert str(tmp_path) not in text_of(outputs)


def test_an_upload_opens_and_its_place_stays_secret(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    write_pairs(path, PAIRS[:4])
    outputs = last(handlers.upload(str(path), NOBODY))
    assert "mine.parquet" in outputs["summary"]
    assert "4 pairs" in outputs["summary"]
    html = "".join(each for each in outputs.values() if isinstance(each, str))
    assert str(tmp_path) not in html
    assert outputs["source"].value is None
    path.unlink()
    gone = show(outputs["place"], "en")
    assert "no longer here" in gone["status"]


def test_the_hub_is_asked_only_on_demand_and_offline_is_said() -> None:
    outputs = last(handlers.fetch(" nobody/nothing ", NOBODY))
    assert "cannot be reached" in outputs["summary"]
    assert "owner/name" in last(handlers.fetch("../x", NOBODY))["summary"]
    part = replace(sources.loaded(KEY), whole=False)
    assert "only these, its first rows" in source_html(part, "en")


def test_a_changed_file_is_read_anew_and_few_are_kept(home: Path) -> None:
    before = sources.loaded(KEY)
    assert sources.loaded(KEY) is before
    write_pairs(home / "runs" / "demo" / "pairs.jsonl", PAIRS[:2])
    assert len(sources.loaded(KEY).frame) == 2
    for number in range(sources.KEPT + 1):
        write_pairs(home / "runs" / f"pairs-{number}.parquet", PAIRS[:1])
        sources.loaded(f"pairs-{number}.parquet")
    assert len(sources._loaded) == sources.KEPT


def test_scores_of_a_run_are_found_by_prompt(home: Path) -> None:
    found = sources.loaded(KEY)
    told = sources.scores_beside(found, "s0/gold-1")
    assert told[-1].target_source == -0.5
    assert told[0].symmetric == -1.5
    assert sources.scores_beside(found, "b") == {}
    assert sources.scores_beside(found, "s/gold-1") == {}
    lines = home / "runs" / "demo" / "scores.jsonl"
    rows = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    pq.write_table(pa.Table.from_pylist(rows), lines.with_name("pairs-scores.parquet"))
    lines.unlink()
    assert sources.scores_beside(found, "s0/gold-1") == told
    assert sources.scores_beside(found, "s/gold-1") == {}
    pq.write_table(pa.table({"x": [1]}), lines.with_name("pairs-scores.parquet"))
    assert sources.scores_beside(found, "s0/gold-1") == {}
    origins = [sources.answer_of(o) for o in ("gold", "answer 3", "", "answer x")]
    assert origins == [-1, 2, None, None]


# ---------------------------------------------------------------------------- views


def test_a_link_reopens_the_same_view_and_pair() -> None:
    given = view(
        direction="en→zh",
        relation="capital",
        flags=("zero_gap",),
        sort="margin",
        size=10,
    )
    place = PairPlace(KEY, given, 0)
    assert arrive("?" + address(place))["place"] == place
    deep = PairPlace(KEY, view(text="首都", size=10, page=3), 27)
    outputs = arrive("?" + address(deep))
    assert outputs["place"] == deep
    assert "Pair 28 of" in outputs["pair"]


@pytest.mark.parametrize(
    "search",
    ["?page=99&size=10", "?pair=-4", "?pair=" + "9" * 30, "?direction=xx-yy&page=1e9"],
)
def test_a_link_is_not_trusted(search: str) -> None:
    outputs = arrive(search)
    assert 0 <= outputs["place"].at < len(PAIRS)
    assert "Pair" in outputs["pair"]


def test_filters_pages_and_steps() -> None:
    place = arrive()["place"]
    found = handlers.change(place, NOBODY, *typed(text="大阪", size=10))
    assert set(found) == set(SHOWN)
    assert found["list"].count("<li>") == 10
    assert "33 of 35 pairs, page 1 of 4" in found["status"]
    assert "Pair 1 of 33" in found["pair"]
    found = handlers.next_page(found["place"], NOBODY)
    assert (found["place"].at, found["place"].view.page) == (10, 2)
    assert 'start="11"' in found["list"]
    assert handlers.page_before(found["place"], NOBODY)["place"].at == 0
    found = handlers.go(found["place"], event(at=9), NOBODY)
    assert (found["place"].at, found["place"].view.page) == (9, 1)  # the page follows
    assert 'start="1"' in found["list"]
    found = handlers.go(found["place"], event(at=8), NOBODY)
    assert "list" not in found  # the same page stays as it is
    place = found["place"]
    assert handlers.go(place, event(at=-1), NOBODY)["place"].at == 0
    assert handlers.go(place, event(at=10**9), NOBODY)["place"].at == 32
    assert handlers.go(place, event(at="<script>"), NOBODY)["place"].at == 8


def test_nothing_found_and_bad_expressions_have_words() -> None:
    place = arrive()["place"]
    for text, regex, words in (("nowhere", False, "0 of 35"), ("(", True, "Mend it")):
        found = handlers.change(place, NOBODY, *typed(text=text, regex=regex))
        assert words in found["status"]
        assert 'data-total="0"' in found["pair"]  # the filters stay in sight
    cleared = handlers.clear(found["place"], NOBODY)
    assert set(cleared) == {*FIELDS, *SHOWN}
    assert "35 of 35" in cleared["status"]
    with pytest.raises(gr.Error, match="No pairs are open"):
        list(handlers.ask_models(PairPlace(), NOBODY))


def test_a_number_that_is_none_is_said_and_nothing_else_changes() -> None:
    place = arrive()["place"]
    values = typed()
    values[FIELDS.index("margin_from")] = "two"
    found = handlers.change(place, NOBODY, *values)
    assert set(found) == {"status"}
    assert "“two” is no number" in found["status"]
    found = handlers.change(place, NOBODY, *typed())
    assert set(found) == {"status"}
    assert f"{len(PAIRS)} of {len(PAIRS)}" in found["status"]  # the complaint goes
    assert handlers.change(PairPlace(), NOBODY, *typed(text="x")) == {}


# ----------------------------------------------------------------------------- HTML


def test_the_pair_is_shown_whole() -> None:
    place = arrive()["place"]
    html = show(place, "en")["pair"]
    for words in (
        "Capital? Osaka", "日本的首都是哪里？", "<ins>大阪</ins>", "<del>东京</del>",
        "Margin +1.000", "-0.500", "Target → source", "the gold", "sampled answer 1",
        "2 characters", "Chinese", "Nothing about this pair is in doubt",
    ):  # fmt: skip
        assert words in html, words
    third = show(replace(place, at=2), "zh")["pair"]
    assert strings()["zh"]["flag_wrong_chosen"] in third


@pytest.mark.parametrize("interface", INTERFACES)
def test_nothing_that_a_file_says_becomes_markup(home: Path, interface: Any) -> None:
    fields = dict.fromkeys(
        "fact relation source target prompt strategy chosen_origin rejected_origin "
        "checkpoint score_name chosen_language rejected_language".split(),
        EVIL,
    )
    evil = pair(f"{EVIL}/1", chosen=EVIL, rejected=EVIL + "x" * 60, **fields)
    write_pairs(home / "runs" / "demo" / "pairs.jsonl", [evil])
    html = text_of(show(PairPlace(KEY), interface)) + text_of(arrive())
    drawn = handlers.draw(PairPlace(KEY), NOBODY)
    html += "".join(drawn[f"words_{name}"] for name in PLOTS)
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
        marked = environment().get_template("preferences/marks.html").module.marked
        assert (marked(mine, "ins"), marked(its, "del")) == (chosen, rejected)
    for text, _ in (*mine, *its):
        assert letters(text)[0][0] == text[0]  # no mark without its letter


def test_words_for_what_is_not_known() -> None:
    assert language_words("", "en") == "not known"
    assert "Latn" in language_words("und-Latn", "en")
    assert language_words("ceb", "en") == "Cebuano"
    assert edit_and_query("plain") == ("", "plain")
    for texts in strings().values():
        for name in FLAGS:
            assert texts[f"flag_{name}"]
            assert texts[f"flag_short_{name}"]
        for name in SORTS:
            assert texts[f"sort_{name or 'file'}"]
        assert all(texts[f"pairs_reason_{name}"] for name in REASONS)


# ---------------------------------------------------------------------- file, models


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_the_pairs_that_stay_are_a_file_for_the_trainer(kind: str) -> None:
    place = PairPlace(KEY)
    changed = handlers.change_export(place, 1.0, ["wrong_chosen"], NOBODY)
    assert set(changed) < set(EXPORT)
    file = handlers.write(place, 1.0, ["wrong_chosen"], kind, NOBODY)
    pairs = read_pairs(Path(file.value["path"]))
    assert f"{len(pairs)} of {len(PAIRS)} pairs stay" in changed["kept"]
    assert all((each.margin or 0) >= 1.0 for each in pairs)
    assert "c" not in {each.id for each in pairs}
    with pytest.raises(gr.Error, match="No pair stays"):
        handlers.write(place, 99.0, [], kind, NOBODY)


def test_models_that_are_absent_are_said(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path / "nowhere"))
    html = list(handlers.ask_models(PairPlace(KEY), NOBODY))[-1]
    assert html.count("is not on this machine") == 3
    known = {"base": PairOdds(AnswerOdds(2, -0.5), AnswerOdds(2, -2.0)), "tl_po": EVIL}
    table = odds.log_odds_html(known, "en")
    assert "prefers the chosen" in table
    assert "img" not in Tags(table).names


@pytest.mark.slow
def test_models_that_are_here_are_asked(
    pool: Pool,
) -> None:
    html = list(handlers.ask_models(PairPlace(KEY), NOBODY))[-1]
    assert html.count("is not on this machine") == 1  # atlas-tl-po
    assert html.count("prefers the") == 2
