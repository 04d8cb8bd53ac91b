"""Measured here without a browser: sources, tables, gaps, comparisons, the address.

python -m pytest tests/pages/benchmarks/measured/test_page.py
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pages.benchmarks.measured import page as page
from pages.benchmarks.measured import render as shown_
from pages.benchmarks.measured import start as start_page
from pages.benchmarks.measured.compared import compared_html, gaps, pair_of
from pages.benchmarks.measured.html import (
    gaps_html,
    languages_html,
    probes_html,
    provenance_html,
    runs_html,
)
from pages.benchmarks.measured.plots import caption, figure
from pages.benchmarks.measured.sources import (
    Choice,
    Source,
    cases_address,
    chosen,
    offered,
    shares,
    sources,
)
from tests.helpers.measured_samples import ATLAS_RUN, begun, under_way, written
from xkde import paths
from xkde.evaluation.results.case_view import CaseView
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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ATLAS_RESULTS", tmp_path / "results" / "atlas.json")
    return tmp_path


@pytest.fixture
def found(home: Path) -> list[Source]:
    """The unedited base, the base told of the edit, and XE-IT, which obeys it."""
    runs = home / "runs" / "evaluations"
    written(runs / "xe-it", cases=10, right=0.8)
    written(runs / "base", BASE, cases=10, right=0.3)
    written(runs / "plain", PLAIN, cases=10, right=0.1)
    return sources(offered()[0], "atlas", "en")


def test_stages_follow_each_other(found: list[Source]) -> None:
    assert [source.name for source in found] == [
        "atlas-base · no edit",
        "atlas-base · X-KDE",
        "atlas-xe-it · X-KDE",
    ]
    assert len(chosen(found, Choice())) == 3
    assert chosen(found, Choice(runs=(found[1].key,))) == [found[1]]


def test_numbers_of_a_run(found: list[Source]) -> None:
    told = shares(found[2], Choice(), ["protocol", "probe"])
    by = {(s.group["protocol"], s.group["probe"]): s for s in told}
    assert by["generated", "reliability"].n == 30  # ten cases in three languages
    assert by["generated", "reliability"].mean == 0.8
    assert by["teacher-forced", "locality"].mean == pytest.approx(0.9)
    html = probes_html(found, Choice(), "en")
    assert html.count("<tbody>") == 3
    assert "0.800" in html
    assert html.count("data-cases") == 3 * 2 * 4
    assert "n 30" in html


def test_the_heat_map_has_a_row_for_each_language(found: list[Source]) -> None:
    html = languages_html(found, Choice(), "zh")
    assert html.count('<th scope="row">') == 3
    assert html.index("英语") < html.index("泰语") < html.index("中文")
    assert html.count("--v:80%") == 3
    choice = Choice(measure="f1", protocol="teacher-forced")
    nothing = languages_html(found, choice, "en")
    assert "not measured" in nothing


def test_a_number_leads_to_its_answers(found: list[Source]) -> None:
    choice = Choice(clean=True)
    address = cases_address(found[2], choice, probe="locality", target="th")
    view = CaseView.from_query(dict(parse_qsl(address)))
    assert view == CaseView(
        run="evaluations/xe-it", protocol="generated", probe="locality", source="en",
        target="th", clean="clean",
    )  # fmt: skip


def test_teacher_forcing_beside_generation(found: list[Source]) -> None:
    told = gaps(found, Choice())
    assert [source.name for source, _ in told] == [source.name for source in found]
    line = told[2][1][0]
    assert (line.first, line.second) == (pytest.approx(0.9), pytest.approx(0.8))
    html = gaps_html(told, "en")
    assert html.count('class="dumbbell"') == 12
    assert "gap +0.100" in html
    assert "--protocol both" in gaps_html([], "en")


def test_two_runs_are_compared_by_case(found: list[Source]) -> None:
    pair = pair_of(found, Choice())
    assert pair == (found[2], found[1])
    html = compared_html(*pair, Choice(), "en")
    assert "+0.500" in html
    assert "permutation" in html  # three languages of a case go together
    assert "McNemar" in html  # by language each case answers once
    links = re.findall(r'data-cases="([^"]+)"', html)
    view = CaseView.from_query(dict(parse_qsl(links[0].replace("&amp;", "&"))))
    assert (view.versus, view.beside) == ("only_this", found[1].key)
    swapped = pair_of(found, Choice(first=found[0].key, second=found[2].key))
    assert swapped == (found[2], found[0])
    assert pair_of(found[:1], Choice()) is None


def test_the_picture_says_what_it_is_of(found: list[Source]) -> None:
    drawn = figure(found, Choice(), "en")
    assert [bar.name for bar in drawn.data] == [source.name for source in found]
    assert list(drawn.data[2].y) == [0.8] * 4
    assert all(drawn.data[2].error_y.array)
    assert "view=cases" in drawn.data[0].customdata[0]
    words = caption(found, Choice(), "en")
    for part in ("atlas", "edits in English", "generated", "exact match", "n = 30"):
        assert part in words
    assert figure(found, Choice(measure="judged"), "en") is None
    assert ATLAS_RUN.revision in provenance_html(found, "en")
    assert "2026-11-20" in provenance_html(found, "en")


def test_the_shipped_table_is_shown_where_no_run_is(home: Path) -> None:
    paths.RESULTS.mkdir()
    paths.ATLAS_RESULTS.write_text(json.dumps(TABLE), encoding="utf-8")
    (only,) = sources(offered()[0], "atlas", "en")
    assert only.rows is None
    (told,) = shares(only, Choice(), ["probe"])
    assert (told.n, told.mean) == (8, 0.5)
    by_target = shares(only, Choice(), ["source", "target"], probe="reliability")
    assert [s.mean for s in by_target] == [0.75, 0.25]
    assert shares(only, Choice(clean=True), ["probe"]) == []
    (unchanged,) = shares(only, Choice(measure="unchanged"), ["probe"])
    assert (unchanged.group, unchanged.mean) == ({"probe": "locality"}, 0.5)
    html = probes_html([only], Choice(), "en")
    assert "data-cases" not in html  # nothing is behind it
    written(home / "runs" / "a", replace(ATLAS_RUN, revision="other"))
    assert [source.key for source in sources(offered()[0], "atlas", "en")] == ["a"]


def test_nothing_and_broken_files_have_words(home: Path) -> None:
    told = shown_.filled(Choice(), "en")
    assert len(told) == len(shown_.FIELDS) + shown_.SHOWN
    assert "Nothing has been measured" in told[len(shown_.FIELDS)]
    begun(home / "runs" / "empty")
    under_way(home / "runs" / "half")
    file = written(home / "runs" / "<b>broken") / "results.parquet"
    file.write_bytes(b"PAR1")
    html = runs_html(offered()[0], "en")
    assert "no whole Parquet file" in html
    assert "not at its end" in html
    assert "<b>broken" not in html.replace("<b>&lt;b&gt;broken", "")
    assert [source.key for source in sources(offered()[0], "atlas", "en")] == ["half"]


def test_a_link_reopens_the_view(found: list[Source]) -> None:
    choice = Choice(
        source="all", protocol="teacher-forced", probe="locality", measure="unchanged",
        clean=True, runs=(found[0].key, found[2].key), first=found[2].key,
        second=found[0].key,
    )  # fmt: skip
    told = dict(parse_qsl(choice.address()))
    assert (told["tab"], told["view"]) == ("benchmarks", "measured")
    assert Choice.from_query(told) == choice
    event: Any = SimpleNamespace(search="?" + choice.address())
    *_, last = page.arrived(event, REQUEST)
    status = last[len(shown_.FIELDS)]
    (address,) = re.findall(r'data-address="([^"]+)"', status)
    assert dict(parse_qsl(address.replace("&amp;", "&"))) == told
    assert (
        Choice.from_query({"protocol": "x", "probe": "y", "measure": "z"}) == Choice()
    )


def test_fields_state_a_choice(found: list[Source]) -> None:
    values = ["atlas", "en", "generated", "locality", "score", True, [found[0].key],
              None, None]  # fmt: skip
    told = shown_.choice_of(values)
    assert told == Choice(probe="locality", clean=True, runs=(found[0].key,))
    assert len(page.changed(REQUEST, *values)) == shown_.SHOWN
    assert len(page.renewed(REQUEST, *values)) == len(values) + shown_.SHOWN


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
    assert [part.visible for part in start_page.shown(stopped, "en")[3:]] == [
        False, True, True,
    ]  # fmt: skip
    assert start_page.shown(None, "en")[0] == ""


def test_a_space_starts_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/x-kde")
    values = ("atlas-xe-it", "atlas", "en-zh", "both", "x-kde", 3)
    with pytest.raises(Exception, match="public Space"):
        start_page.begun(REQUEST, *values)


def test_only_language_models_are_offered_for_an_evaluation(
    atlas_checkpoints: Path,
) -> None:
    encoder = atlas_checkpoints / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text('{"architectures": ["BertModel"]}')
    assert start_page.checkpoints() == ["atlas-base", "atlas-xe-it"]
