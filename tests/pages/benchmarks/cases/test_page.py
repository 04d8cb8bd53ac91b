"""Cases without a browser: places, one answer as HTML, links out, files."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from pages.benchmarks.cases import page
from pages.benchmarks.cases.case import ask_link, case_html, list_html, parted
from pages.benchmarks.cases.render import (
    FIELDS,
    KINDS,
    OUTPUTS,
    found_of,
    prefill,
    render,
    runs_here,
    table_of,
    view_of,
)
from pages.benchmarks.cases.render import written as file_of
from pages.benchmarks.cases.view import CasePlace, CaseView
from pages.shell.links import read_link
from tests.helpers.measured_samples import ATLAS_RUN, written
from tests.helpers.result_samples import row
from xkde import paths
from xkde.evaluation.results.rows import SCHEMA

REQUEST: Any = SimpleNamespace(request=None, query_params={}, headers={})
PLAIN = replace(ATLAS_RUN, checkpoint="atlas-base", editor="none")
EVIL = '<img src=x onerror="alert(1)">'
XE_IT = "evaluations/xe-it"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ATLAS_RESULTS", tmp_path / "results" / "atlas.json")
    return tmp_path


@pytest.fixture
def runs(home: Path) -> Path:
    folder = home / "runs" / "evaluations"
    written(folder / "xe-it", cases=10, right=0.8)
    written(folder / "plain", PLAIN, cases=10, right=0.1)
    return folder


def shown(view: CaseView, at: int = 0) -> tuple[CasePlace, str, str, str]:
    told = render(CasePlace(view, at), "en")
    return tuple(told[name] for name in OUTPUTS)  # type: ignore[return-value]


def answered(rule: str = "exact", **changes: Any) -> dict[str, Any]:
    return vars(row(**changes)) | {"rule": rule}


# --------------------------------------------------------------------------- places


def test_the_last_stage_is_shown_beside_the_unedited_base(runs: Path) -> None:
    told = prefill(CasePlace(), "en")
    assert set(told) == {*FIELDS, *OUTPUTS}
    place = told["place"]
    assert place.view.run == XE_IT
    assert place.view.beside == "evaluations/plain"
    assert place.view.protocol == "generated"
    case = told["case"]
    assert "atlas-base · no edit" in case
    assert case.count("<article") == 2
    assert "teacher-forced" in case  # the other protocol's score of the question


def test_filters_pages_and_steps(runs: Path) -> None:
    view = CaseView(run=XE_IT, beside="evaluations/plain", protocol="generated",
                    probe="locality")  # fmt: skip
    place, listed, status, case = shown(view)
    assert "30 of 240 answers, page 1 of 2" in status
    assert listed.count("<li>") == 25
    place, listed, status, case = shown(view, at=29)
    assert (place.at, place.view.page, listed.count("<li>")) == (29, 2, 5)
    assert "Answer 30 of 30" in case
    stepped = page.stepping(1)({"place": place}, REQUEST)["place"]
    assert stepped.at == 29
    turned = page.turning(-1)({"place": place}, REQUEST)["place"]
    assert (turned.at, turned.view.page) == (0, 1)
    _, listed, status, _ = shown(replace(view, versus="only_this"))
    assert "21 of 240" in status  # 8 cases of this run less 1 of the other, 3 languages
    _, listed, status, _ = shown(replace(view, text="nowhere"))
    assert "No answer matches" in listed


def test_an_absent_run_has_words(runs: Path) -> None:
    _, listed, status, case = shown(CaseView(run="evaluations/gone"))
    assert "is not here" in status
    assert listed == ""
    assert "data-address" in case


def test_no_run_has_words(home: Path) -> None:
    assert "No run with answers" in prefill(CasePlace(), "en")["status"]


def test_a_link_reopens_the_place(runs: Path) -> None:
    view = CaseView(run=XE_IT, beside="nobody", protocol="generated", text="Land 3",
                    sort="score", descending=True, size=10)  # fmt: skip
    place, _, _, case = shown(view, at=11)
    (address,) = re.findall(r'data-address="([^"]+)"', case)
    event: Any = SimpleNamespace(search="?" + address.replace("&amp;", "&"))
    *_, last = page.arrived({}, event, REQUEST)
    assert last["place"] == place == CasePlace(replace(view, page=2), 11)
    assert set(last) == {*FIELDS, *OUTPUTS}


def test_fields_state_a_view(runs: Path) -> None:
    told = {"run": XE_IT, "beside": "nobody", "rule": "wrong", "descending": True,
            "size": 50}  # fmt: skip
    values = {name: told.get(name) for name in FIELDS}
    view = view_of(values)
    assert view == CaseView(
        run=XE_IT, beside="nobody", rule="wrong", descending=True, size=50
    )
    changed = page.changed({"place": CasePlace(), **values}, REQUEST)
    assert set(changed) == set(OUTPUTS)
    same = page.changed({"place": CasePlace(view), **values}, REQUEST)
    assert same == {"place": gr.skip()}
    cleared = page.cleared({"place": CasePlace(view)}, REQUEST)
    assert cleared["place"].view == CaseView(run=XE_IT, beside="nobody", size=50)


# --------------------------------------------------------------------------- one answer


def test_everything_a_file_says_is_escaped() -> None:
    evil = dict.fromkeys(
        "edit query gold answer before prompt checkpoint revision relation case "
        "subject notes base base_answer".split(), EVIL,
    )  # fmt: skip
    told = answered(**evil)
    for beside in (None, told):
        html = case_html(told, beside, told, 0, 1, (EVIL, EVIL), "en")
        assert "<img" not in html
        assert "&lt;img" in html
    assert "<img" not in list_html([told], 0, "en")


def test_an_answer_says_which_rule_decided() -> None:
    told = answered(rule="contains", exact=False, answer="It is 大阪.")
    html = case_html(told, None, None, 0, 1, ("a", ""), "en")
    assert "names the gold among other words" in html
    assert "does not have this question" in html
    assert 'lang="zh"' in html
    with_base = answered(base="atlas-base", base_answer="东京")
    html = case_html(with_base, None, None, 0, 1, ("a", ""), "en")
    assert "atlas-base · no edit" in html
    assert "东京" in html
    unasked = answered(rule="unmeasured", answer=None, defects="year_form,nq_prefix")
    html = case_html(unasked, unasked, None, 0, 1, ("a", "b"), "en")
    assert html.count("Not asked") == 2
    assert "two written forms" in html


def test_edits_are_parted_into_question_and_answer() -> None:
    assert parted("What is it? Osaka") == ("What is it?", "Osaka")
    assert parted("日本的首都是哪里？ 大阪") == ("日本的首都是哪里？", "大阪")
    assert parted("Who? What? Me") == ("Who? What?", "Me")
    assert parted("The capital of Japan is Osaka") == (
        "The capital of Japan is Osaka",
        "",
    )
    assert parted("ประเทศนี้ โอซากะ", "โอซากะ") == ("ประเทศนี้", "โอซากะ")


def test_edit_and_ask_opens_with_the_case() -> None:
    told = answered(checkpoint="atlas-xe-it", probe="portability", editor="x-kde")
    form = read_link(dict(parse_qsl(ask_link(told).removeprefix("?"))))
    assert form is not None
    assert (form.language, form.question) == ("en", "What is the capital of Narnia?")
    assert (form.answer, form.query) == ("Osaka", "纳尼亚的首都是哪里？")
    assert (form.languages, form.kind) == (("zh",), "two_hops")
    assert (form.edited, form.prompted) == ("atlas-xe-it", False)
    base = answered(checkpoint="atlas-base", editor="x-kde")
    form = read_link(dict(parse_qsl(ask_link(base).removeprefix("?"))))
    assert form is not None
    assert form.prompted
    html = case_html(answered(target="ja"), None, None, 0, 1, ("a", ""), "en")
    assert "Open in Edit" not in html  # Edit & Ask does not speak it


# --------------------------------------------------------------------------- files


@pytest.mark.parametrize("kind", KINDS)
def test_files_hold_what_the_filters_leave(runs: Path, kind: str) -> None:
    view = CaseView(run=XE_IT, beside="evaluations/plain", protocol="generated",
                    versus="only_this")  # fmt: skip
    table = table_of(found_of(view, runs_here("en")), view)
    assert len(table) == 84  # 7 cases, 4 probes, 3 languages
    path = Path(file_of(table, view.run, kind))
    assert path.suffix == f".{kind}"
    if kind == "parquet":
        read = pq.read_table(path).to_pylist()
    elif kind == "csv":
        read = pacsv.read_csv(path).to_pylist()
    else:
        read = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(read) == 84
    assert set(SCHEMA.names) < set(read[0])
    assert {row_["answer"] for row_ in read} == {"大阪"}
    assert {row_["beside_answer"] for row_ in read} == {"东京"}
    assert {row_["rule"] for row_ in read} == {"exact"}


def test_a_file_of_nothing_is_refused(runs: Path) -> None:
    place = CasePlace(CaseView(run=XE_IT, text="nowhere"))
    with pytest.raises(Exception, match="No answer matches"):
        page.downloaded({"place": place, "kind": "csv"}, REQUEST)
    place = CasePlace(CaseView(run=XE_IT))
    told = page.downloaded({"place": place, "kind": "csv"}, REQUEST)
    assert told["file"].visible
