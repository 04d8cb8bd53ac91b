"""Published without a browser: panels, headlines, doubts, choices, links, files."""

import csv
import io
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote

import gradio as gr
import pytest

from pages import PAGES
from pages.benchmarks import page as benchmarks
from pages.benchmarks.published import numbers as numbering
from pages.benchmarks.published import page as showing
from pages.benchmarks.published.figure import (
    context_html,
    csv_text,
    figure_html,
    printed_html,
)
from pages.benchmarks.published.numbers import PublishedView, from_query
from pages.benchmarks.published.page import FIELDS, choices_of, fitted, moved, value_of
from pages.benchmarks.published.words import headline, method_words, provenance
from pages.shell.strings import INTERFACES, strings
from tests.pages.edit_and_ask.test_page import EVIL, Tags
from xkde import paths
from xkde.errors import DataError
from xkde.evaluation.published import OtherWork, PaperNumbers, read
from xkde.types import PROBES

NUMBERS = read()
FIRST = PublishedView()
VISITORS: dict[str, Any] = {
    "en": SimpleNamespace(request=None, query_params={}, headers={}),
    "zh": SimpleNamespace(request=1, query_params={"lang": "zh-CN"}, headers={}),
}
NOBODY = VISITORS["en"]


def event(**data: str) -> Any:
    return gr.EventData(None, data)


def arrive(search: str = "", visitor: Any = NOBODY) -> dict[str, Any]:
    return showing.arrived({}, event(search=search), visitor)


def stated(view: PublishedView, **changes: Any) -> dict[str, Any]:
    """Return the values of the view's components, some of them changed."""
    values = {name: value_of(NUMBERS, view, name) for name in FIELDS}
    return {"view": view, **values, **changes}


def every_view() -> list[PublishedView]:
    """Return each table with each edit, and each metric and language by itself."""
    found = []
    for table in NUMBERS.tables:
        for edit in NUMBERS.texts(table, "edit") or ("",):
            start = PublishedView(table, edit)
            found.append(start)
            found += [
                replace(start, metric=m) for m in NUMBERS.texts(table, "metric")[1:]
            ]
            found += [
                replace(start, asked=to) for to in NUMBERS.texts(table, "target")[:3]
            ]
    return found


# ------------------------------------------------------------------------ numbers


def test_the_first_view_is_the_claim() -> None:
    shown = numbering.panels(NUMBERS, FIRST)
    assert [panel.metric for panel in shown] == list(PROBES)
    bar = shown[0].bar("X-KDE")
    assert bar is not None
    assert (bar.value, bar.own) == (94.81, 99.93)  # Table 1, en → zh and en → en
    first, more = headline(NUMBERS, FIRST, shown, "en")
    assert first == (
        "Edited in English, asked in Chinese: X-KDE reaches 94.81 in reliability, "
        "17.95 points above LTE."
    )
    assert more == (
        "Compared with asking in English, X-KDE loses 5.12 points of reliability, "
        "LTE 23.05. X-KDE is first in 3 of 4; not in locality (MEMIT 98.76 › 95.05)."
    )


def test_a_panel_leaves_the_edit_s_own_language_out_of_its_mean() -> None:
    shown = numbering.panels(NUMBERS, PublishedView(9))
    bar = shown[0].bar("X-KDE")
    assert bar is not None and shown[0].cells == 11
    assert bar.value == pytest.approx(89.36, abs=0.005)
    assert bar.own == 99.93
    assert {a.cross for a in NUMBERS.averages if a.table == 9} >= {
        panel.bars[0].value for panel in shown[:1]
    }


def test_one_metric_is_shown_language_by_language() -> None:
    shown = numbering.panels(NUMBERS, PublishedView(9, metric="locality"))
    assert [panel.target for panel in shown][:2] == ["en", "cs"]
    assert len(shown) == 12
    assert all(math.isnan(bar.own) for bar in shown[0].bars)
    turkish = next(panel for panel in shown if panel.target == "tr")
    assert turkish.best.method == "MEMIT"
    (alone,) = numbering.panels(
        NUMBERS, PublishedView(9, metric="locality", asked="tr")
    )
    assert alone == replace(turkish, bars=alone.bars)
    assert {bar.method: bar for bar in alone.bars} == {
        bar.method: bar for bar in turkish.bars
    }


@pytest.mark.parametrize("view", every_view(), ids=str)
def test_panels_keep_one_order_and_true_cells(view: PublishedView) -> None:
    view = fitted(NUMBERS, view)
    shown = numbering.panels(NUMBERS, view)
    orders = [[bar.method for bar in panel.bars] for panel in shown]
    assert orders and all(order == orders[0] for order in orders)
    first = [bar.value for bar in shown[0].bars]
    assert first == sorted(first, reverse=True)
    for panel in shown:
        ranks = numbering.ranks(panel)
        assert ranks[panel.best.method] == 1
        assert max(ranks.values()) <= len(panel.bars)
    won, cells = numbering.wins(NUMBERS, view)
    assert sum(won.values()) >= cells > 0 or view.asked == view.edit


def test_wins_count_single_cells() -> None:
    won, cells = numbering.wins(NUMBERS, FIRST)
    assert cells == 4
    assert {name: n for name, n in won.items() if n} == {"X-KDE": 3, "MEMIT": 1}
    won, cells = numbering.wins(NUMBERS, PublishedView(6, metric="portability"))
    assert cells == 1 and (won["ORPO"], won["KTO"]) == (1, 1)  # both 67.23


# ------------------------------------------------------------------------- choices


def test_backbone_and_edit_lead_to_the_table_that_has_them() -> None:
    view = FIRST
    for name, value, table, edit in (
        ("backbone", "Qwen2.5-7B-Instruct", 11, "en"),
        ("edit", "zh", 11, "zh"),
        ("table", "10", 10, "zh"),
        ("edit", "en", 9, "en"),  # not Table 2, which is the half of it
        ("backbone", "Qwen2.5-7B-Instruct", 12, "en"),
        ("table", "3", 3, ""),
        ("table", "4", 4, "en"),
        ("edit", "zh", 4, "zh"),
    ):
        view = moved(NUMBERS, view, name, value)
        assert (view.table, view.edit) == (table, edit), name


def test_what_another_table_lacks_is_taken_back() -> None:
    view = PublishedView(9, asked="th", metric="locality", methods=("LTE", "X-KDE"))
    there = moved(NUMBERS, view, "table", "11")
    assert there == PublishedView(11, metric="locality", methods=("LTE", "X-KDE"))
    assert moved(NUMBERS, view, "table", "6") == PublishedView(6, metric="locality")


@pytest.mark.parametrize("view", every_view(), ids=str)
def test_fields_hold_what_they_offer(view: PublishedView) -> None:
    view = fitted(NUMBERS, view)
    for name in FIELDS:
        offered = [value for _, value in choices_of(NUMBERS, view, name, "zh")]
        value = value_of(NUMBERS, view, name)
        if name == "methods":
            assert value == offered
        elif len(offered) > 1:
            assert value in offered, name


def test_only_fields_that_change_are_sent() -> None:
    same = showing.changed(stated(FIRST), NOBODY)
    assert same["view"] == FIRST and not set(FIELDS) & set(same)
    found = showing.changed(stated(FIRST, table="10"), NOBODY)
    assert found["view"] == PublishedView(10, "zh")
    assert found["table"].value == "10" and "methods" not in found


def test_no_method_is_said_in_words_with_a_way_out() -> None:
    found = showing.changed(stated(FIRST, methods=[]), NOBODY)
    assert found["view"].methods == ()
    assert strings()["en"]["published_none"] in found["figure"]
    (link,) = re.findall(r'data-go="([^"]+)"', found["figure"])
    went = showing.went({"view": found["view"]}, event(link=link), NOBODY)
    assert went["view"] == FIRST


def test_buttons_change_only_what_they_name() -> None:
    view = PublishedView(9, methods=("LTE", "X-KDE"))
    found = showing.went({"view": view}, event(link="metric=locality"), NOBODY)
    assert found["view"] == replace(view, metric="locality")
    link = "table=1&edit=zh&methods=*"
    found = showing.went({"view": view}, event(link=link), NOBODY)
    assert found["view"] == PublishedView(1, "zh")


# ---------------------------------------------------------------------------- links


@pytest.mark.parametrize("view", every_view(), ids=str)
def test_an_address_reopens_its_view(view: PublishedView) -> None:
    for methods in (None, (), ("LTE", "X-KDE")):
        asked = fitted(NUMBERS, replace(view, methods=methods))
        told = dict(parse_qsl(asked.address, keep_blank_values=True))
        assert (told.pop("tab"), told.pop("view")) == ("benchmarks", "published")
        assert fitted(NUMBERS, from_query(told)) == asked


@pytest.mark.parametrize(
    "search",
    ["?table=77", "?table=-1", "?table=x", f"?table={'9' * 40}", f"?table={EVIL}"],
)
def test_a_link_to_no_table_is_said(search: str) -> None:
    found = arrive(search)
    assert found["view"] == FIRST
    assert strings()["en"]["published_no_table"] in found["figure"]


def test_a_link_of_another_view_is_not_read() -> None:
    assert arrive("?tab=benchmarks&view=cases&table=9")["view"] == FIRST
    assert arrive("?tab=benchmarks&view=published&table=9")["view"] == PublishedView(9)


# --------------------------------------------------------------------- what is said


@pytest.mark.parametrize("say", INTERFACES)
@pytest.mark.parametrize("view", every_view(), ids=str)
def test_every_figure_says_where_it_is_from(view: PublishedView, say: Any) -> None:
    view = fitted(NUMBERS, view)
    found = arrive("?" + view.address, VISITORS[say])
    table = NUMBERS.tables[view.table]
    html = found["figure"]
    assert provenance(NUMBERS, view, 1, say).split("n = ")[0][:20] in html
    assert table.backbone in html and table.protocol in html
    assert "2502.14645" in html
    if table.benchmark in numbering.CASES:
        assert f"n = {numbering.CASES[table.benchmark]:,}" in html
    assert "{" not in re.sub(
        r'style="[^"]*"', "", found["figure"] + found["printed"] + found["cells"]
    )
    assert "nan" not in html.replace("finance", "")


def test_doubts_stand_where_the_numbers_are_shown() -> None:
    wrong = arrive("?table=1&edit=zh")["figure"]
    assert "80.79 does not follow from its 8 cells, which give 75.12" in wrong
    assert "80.79" not in arrive()["figure"]
    repeated = arrive("?table=10&asked=en")["figure"]
    assert "MEMIT · MzsRE are equal to the last digit, zh→en" in repeated
    assert repeated.count("<sup>△</sup>") >= 3
    assert arrive("?table=12")["figure"].count("<sup>△</sup>") == 0


def test_printed_is_held_against_recomputed() -> None:
    html = printed_html(NUMBERS, PublishedView(1, "zh"), "en")
    assert "All 161 averages" in html and "159 agree" in html and "2 do not" in html
    assert html.count('class="differs"') == 1
    assert "△ +5.67 differs" in html  # 80.79 − 75.115, to the even digit
    assert html.count("<tr") == 1 + 7
    none = printed_html(NUMBERS, PublishedView(4), "en")
    assert "Table 4 prints no averages" in none and "<table" not in none


def test_the_file_holds_what_is_shown() -> None:
    view = PublishedView(9, metric="portability", methods=("X-KDE", "LTE"))
    rows = list(csv.DictReader(io.StringIO(csv_text(NUMBERS, view))))
    assert len(rows) == 2 * 12
    assert {row["kind"] for row in rows} == {"published"}
    assert {row["protocol"] for row in rows} == {"teacher-forced"}
    turkish = [r["percent"] for r in rows if r["target"] == "tr"]
    assert turkish == ["51.04", "48.69"]
    html = arrive("?" + view.address)["cells"]
    (file,) = re.findall(r'href="data:text/csv;charset=utf-8,([^"]*)"', html)
    assert unquote(file) == csv_text(NUMBERS, fitted(NUMBERS, view))


def test_every_table_and_method_has_words_in_both_languages() -> None:
    for say in INTERFACES:
        assert all(f"published_table_{n}" in strings()[say] for n in NUMBERS.tables)
    own = {m for n in NUMBERS.tables for m in NUMBERS.texts(n, "method")}
    english = {m for m in own if " " in m or m == "origin"}
    assert all(method_words(m, "zh") != m for m in english)


def test_markup_in_the_files_is_just_text() -> None:
    evil = (OtherWork(EVIL, EVIL, EVIL, EVIL, ((EVIL, 1.0),)),)
    told = Tags(context_html(replace(NUMBERS, context=evil), "en"))
    assert not {"img", "script"} & told.names and "onerror" not in told.attributes
    table = replace(NUMBERS.tables[1], title=EVIL, notes=(EVIL,), average=EVIL)
    numbers = replace(NUMBERS, tables={**NUMBERS.tables, 1: table})
    html = figure_html(numbers, FIRST, "en") + printed_html(numbers, FIRST, "en")
    told = Tags(html)
    assert not {"img", "script"} & told.names and "onerror" not in told.attributes


# --------------------------------------------------------------------- broken files


def broken(folder: Path, name: str, before: str, after: str) -> Path:
    copy = folder / "published"
    shutil.copytree(paths.PUBLISHED, copy)
    text = (copy / name).read_text(encoding="utf-8")
    assert before in text
    (copy / name).write_text(text.replace(before, after, 1), encoding="utf-8")
    return copy


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("table_01.csv", "94.81", "94,8x1", r"table_01.csv \(line 8\)"),
        ("table_09.csv", ",93.07", "", r"table_09.csv \(line 8\)"),
        ("table_10.csv", "metric,method", "metric,name", "cannot be read"),
        ("printed.csv", "61.90", "?", r"printed.csv \(line 2\)"),
        ("tables.toml", "number = 1\n", "number = \n", "tables.toml"),
        ("context.toml", 'name = "ORE"', 'name = "ORE', "context.toml"),
    ],
)
def test_a_broken_file_is_named(
    tmp_path: Path, name: str, before: str, after: str, words: str
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read(broken(tmp_path, name, before, after))
    assert "git checkout assets/published" in str(caught.value)


def test_a_missing_file_is_said_where_the_figure_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = broken(tmp_path, "table_01.csv", "X-KDE", "X-KDE")
    (copy / "table_12.csv").unlink()

    def reading() -> PaperNumbers:
        return read(copy)

    monkeypatch.setattr(showing, "read", reading)
    found = arrive()
    assert "assets/published/table_12.csv cannot be read" in found["figure"]
    assert all(found[name]["visible"] is False for name in FIELDS)


# ----------------------------------------------------------------------------- tab


def test_the_tab_is_the_second_and_its_address_names_a_view() -> None:
    assert list(PAGES)[:2] == ["edit", "benchmarks"]
    assert list(benchmarks.VIEWS) == ["published", "measured", "editors", "cases"]
    for view in (*benchmarks.VIEWS, "", "klingon"):
        told = {"tab": "benchmarks", "view": view}
        visitor: Any = SimpleNamespace(request=1, query_params=told)
        wanted = view if view in benchmarks.VIEWS else "published"
        assert benchmarks.wanted_view(visitor) == wanted
        visitor.query_params["tab"] = "preferences"
        assert benchmarks.wanted_view(visitor) == ""
