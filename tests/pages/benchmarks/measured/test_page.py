"""Measured here without a browser: sources, tables, gaps, comparisons, the address."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pages.benchmarks.cases.view import CaseView
from pages.benchmarks.measured import page
from pages.benchmarks.measured import start as start_page
from pages.benchmarks.measured.page import chosen
from pages.benchmarks.measured.plots import bars, gap_marks
from pages.benchmarks.measured.tables import (
    caption,
    compared_html,
    gaps,
    gaps_html,
    languages_html,
    pair_of,
    probes_html,
    provenance_html,
    runs_html,
)
from pages.benchmarks.sources import (
    MeasuredChoice,
    MeasuredSource,
    available,
    cases_address,
    means_of,
    sources,
)
from tests.helpers.measured_samples import ATLAS_RUN, begun, under_way, written
from xkde import paths
from xkde.evaluation.run.background import Order, Started

REQUEST: Any = SimpleNamespace(request=None, query_params={}, headers={})
BASE = replace(ATLAS_RUN, checkpoint="atlas-base", revision="b" * 12)
PLAIN = replace(BASE, editor="none")
TABLE = {
    "wrapper": "hf_template", "seed": 7,
    "models": {
        "atlas-xe-it": {
            "fingerprint": "other",
            "cells": [
                {"measure": "closed-book", "source": "en", "target": "en",
                 "hits": 9, "n": 10},
                {"measure": "reliability", "source": "en", "target": "zh",
                 "hits": 3, "n": 4},
                {"measure": "reliability", "source": "en", "target": "th",
                 "hits": 1, "n": 4},
                {"measure": "unchanged", "source": "en", "target": "th",
                 "hits": 2, "n": 4},
            ],
        }
    },
}  # fmt: skip


# What a file's name, a run's folder or a cell may hold; each is shown as it is.
PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    '<a href="javascript:alert(1)">here</a>',
    "<b>bold</b>",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ATLAS_RESULTS", tmp_path / "results" / "atlas.json")
    return tmp_path


@pytest.fixture
def found(home: Path) -> list[MeasuredSource]:
    """The unedited base, the base told of the edit, and XE-IT, which obeys it."""
    runs = home / "runs" / "evaluations"
    written(runs / "xe-it", cases=10, right=0.8)
    written(runs / "base", BASE, cases=10, right=0.3)
    written(runs / "plain", PLAIN, cases=10, right=0.1)
    return sources(available()[0], "atlas", "en")


def test_stages_follow_each_other(found: list[MeasuredSource]) -> None:
    assert [source.name for source in found] == [
        "atlas-base · no edit",
        "atlas-base · X-KDE’s prompt, not trained for it",
        "atlas-xe-it · X-KDE",
    ]
    assert len(chosen(found, MeasuredChoice())) == 3
    assert chosen(found, MeasuredChoice(runs=(found[1].key,))) == [found[1]]


def test_numbers_of_a_run(found: list[MeasuredSource]) -> None:
    told = means_of(found[2], MeasuredChoice(), ["protocol", "probe"])
    by = {(s.group["protocol"], s.group["probe"]): s for s in told}
    assert by["generated", "reliability"].n == 30  # ten cases in three languages
    assert by["generated", "reliability"].mean == 0.8
    assert by["teacher-forced", "locality"].mean == pytest.approx(0.9)
    html = probes_html(found, MeasuredChoice(), "en")
    assert html.count("<tbody>") == 3
    assert "0.800" in html
    assert html.count("data-cases") == 3 * 2 * 4
    assert "n 30, edits 10" in html


def test_the_heat_map_has_a_row_for_each_language(found: list[MeasuredSource]) -> None:
    html = languages_html(found, MeasuredChoice(), "zh")
    assert html.count('<th scope="row">') == 3
    assert html.index("英语") < html.index("泰语") < html.index("中文")
    assert html.count("--v:80%") == 3
    choice = MeasuredChoice(measure="f1", protocol="teacher-forced")
    nothing = languages_html(found, choice, "en")
    assert "not measured" in nothing


def test_a_number_leads_to_its_answers(found: list[MeasuredSource]) -> None:
    choice = MeasuredChoice(clean=True)
    address = cases_address(found[2], choice, probe="locality", target="th")
    view = CaseView.from_query(dict(parse_qsl(address)))
    assert view == CaseView(
        run="evaluations/xe-it", protocol="generated", probe="locality", source="en",
        target="th", clean="clean",
    )  # fmt: skip


def test_teacher_forcing_beside_generation(found: list[MeasuredSource]) -> None:
    told = gaps(found, MeasuredChoice())
    assert [source.name for source, _ in told] == [source.name for source in found]
    line = told[2][1][0].difference
    assert (line.first, line.second) == (pytest.approx(0.9), pytest.approx(0.8))
    html = gaps_html(told, "en")
    assert html.count("<b>") == 12
    drawn = gap_marks(told, "en")
    assert [mark.name for mark in drawn.data[:6:2]] == [its.name for its in found]
    forced, generated = drawn.data[5], drawn.data[4]
    assert list(forced.y) == pytest.approx([0.9] * 4)
    assert list(generated.y) == pytest.approx([0.8] * 4)
    # The line between both marks is the gap.
    assert list(generated.error_y.array) == pytest.approx([0.1] * 4)
    assert gap_marks([], "en") is None
    assert "gap +0.100" in html
    assert "--protocol both" in gaps_html([], "en")


def test_two_runs_are_compared_by_case(found: list[MeasuredSource]) -> None:
    pair = pair_of(found, MeasuredChoice())
    assert pair == (found[2], found[1])
    html = compared_html(*pair, MeasuredChoice(), "en")
    assert "+0.500" in html
    assert "permutation" in html  # three languages of a case go together
    assert "McNemar" in html  # by language each case answers once
    links = re.findall(r'data-cases="([^"]+)"', html)
    view = CaseView.from_query(dict(parse_qsl(links[0].replace("&amp;", "&"))))
    assert (view.versus, view.beside) == ("only_this", found[1].key)
    swapped = pair_of(found, MeasuredChoice(first=found[0].key, second=found[2].key))
    assert swapped == (found[2], found[0])
    assert pair_of(found[:1], MeasuredChoice()) is None


def test_the_picture_says_what_it_is_of(found: list[MeasuredSource]) -> None:
    drawn = bars(found, MeasuredChoice(), "en")
    assert [bar.name for bar in drawn.data] == [source.name for source in found]
    assert list(drawn.data[2].y) == [0.8] * 4
    assert all(drawn.data[2].error_y.array)
    assert "view=cases" in drawn.data[0].customdata[0]
    words = caption(found, MeasuredChoice(), "en")
    for part in ("atlas", "edits in English", "generated", "exact match", "n = 30"):
        assert part in words
    assert bars(found, MeasuredChoice(measure="judged"), "en") is None
    assert ATLAS_RUN.revision in provenance_html(found, "en")
    assert "2026-11-20" in provenance_html(found, "en")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_hostile_name_is_a_text_in_pictures_and_pages(
    found: list[MeasuredSource], payload: str
) -> None:
    hostile = [replace(each, name=payload) for each in found]
    drawn = bars(hostile, MeasuredChoice(), "en").to_json()
    pages = [caption(hostile, MeasuredChoice(), "en"), provenance_html(hostile, "en")]
    for shown in (drawn, *pages):
        assert payload not in shown
        assert "<script" not in shown
        assert "<img" not in shown
        assert "<a href=" not in shown.replace('<a href="?', "")


def test_the_shipped_table_is_shown_where_no_run_is(home: Path) -> None:
    paths.RESULTS.mkdir()
    paths.ATLAS_RESULTS.write_text(json.dumps(TABLE), encoding="utf-8")
    (only,) = sources(available()[0], "atlas", "en")
    assert only.rows is None
    (told,) = means_of(only, MeasuredChoice(), ["probe"])
    assert (told.n, told.mean) == (8, 0.5)
    by_target = means_of(
        only, MeasuredChoice(), ["source", "target"], probe="reliability"
    )
    assert [s.mean for s in by_target] == [0.75, 0.25]
    assert means_of(only, MeasuredChoice(clean=True), ["probe"]) == []
    (unchanged,) = means_of(only, MeasuredChoice(measure="unchanged"), ["probe"])
    assert (unchanged.group, unchanged.mean) == ({"probe": "locality"}, 0.5)
    html = probes_html([only], MeasuredChoice(), "en")
    assert "data-cases" not in html  # nothing is behind it
    written(home / "runs" / "a", replace(ATLAS_RUN, revision="other"))
    assert [source.key for source in sources(available()[0], "atlas", "en")] == ["a"]


def test_nothing_and_broken_files_have_words(home: Path) -> None:
    told = page.prefill(MeasuredChoice(), "en")
    assert set(told) == {*page.FIELDS, *page.OUTPUTS}
    assert "Nothing has been measured" in told["status"]
    begun(home / "runs" / "empty")
    under_way(home / "runs" / "half")
    file = written(home / "runs" / "<b>broken") / "results.parquet"
    file.write_bytes(b"PAR1")
    html = runs_html(available()[0], "en")
    assert "no whole Parquet file" in html
    assert "not at its end" in html
    assert "<b>broken" not in html.replace("<b>&lt;b&gt;broken", "")
    assert [source.key for source in sources(available()[0], "atlas", "en")] == ["half"]


def test_a_link_reopens_the_view(found: list[MeasuredSource]) -> None:
    choice = MeasuredChoice(
        source="all", protocol="teacher-forced", probe="locality", measure="unchanged",
        clean=True, runs=(found[0].key, found[2].key), first=found[2].key,
        second=found[0].key,
    )  # fmt: skip
    told = dict(parse_qsl(choice.address()))
    assert (told["tab"], told["view"]) == ("benchmarks", "measured")
    assert MeasuredChoice.from_query(told) == choice
    event: Any = SimpleNamespace(search="?" + choice.address())
    *_, last = page.arrived({}, event, REQUEST)
    (address,) = re.findall(r'data-address="([^"]+)"', last["status"])
    assert dict(parse_qsl(address.replace("&amp;", "&"))) == told
    assert (
        MeasuredChoice.from_query({"protocol": "x", "probe": "y", "measure": "z"})
        == MeasuredChoice()
    )


def test_fields_state_a_choice(found: list[MeasuredSource]) -> None:
    values = {
        "benchmark": "atlas", "source": "en", "protocol": "generated",
        "probe": "locality", "measure": "score", "clean": True, "runs": [found[0].key],
        "first": None, "second": None,
    }  # fmt: skip
    told = page.choice_of(values)
    assert told == MeasuredChoice(probe="locality", clean=True, runs=(found[0].key,))
    assert set(values) == set(page.FIELDS)
    assert set(page.changed(values, REQUEST)) == set(page.OUTPUTS)
    assert set(page.renewed(values, REQUEST)) == {*page.FIELDS, *page.OUTPUTS}


# ------------------------------------------------------------------ starting one


def test_progress_is_told_in_words() -> None:
    order = Order("<i>", limit=3)
    running = Started(order, "running", 30, 120, 60.0, 0)
    html = start_page.status_html(running, "en")
    assert "30 of 120" in html
    assert "About 3 min left." in html
    assert "<i>" not in html
    stopped = Started(order, "stopped", 30, 120, 60.0, 0, "It broke.")
    assert "It broke." in start_page.status_html(stopped, "zh")
    told = start_page.render(stopped, "en")
    assert set(told) == set(start_page.OUTPUTS)
    visible = [told[name].visible for name in ("stop", "resume", "show")]
    assert visible == [False, True, True]
    assert start_page.render(None, "en")["status"] == ""


def test_a_space_starts_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/x-kde")
    values = {
        "checkpoint": "atlas-xe-it", "benchmark": "atlas", "directions": "en-zh",
        "protocol": "both", "editor": "x-kde", "limit": 3,
    }  # fmt: skip
    assert set(values) == set(start_page.FIELDS)
    with pytest.raises(Exception, match="public Space"):
        start_page.begun(values, REQUEST)


def test_only_language_models_are_offered_for_an_evaluation(
    atlas_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))  # without downloads
    encoder = atlas_checkpoints / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text('{"architectures": ["BertModel"]}')
    assert start_page.checkpoints() == ["atlas-base", "atlas-xe-it"]
