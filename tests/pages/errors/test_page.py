"""Errors as an annotator meets it, by its handlers: label, undo, settle, words."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from pages.errors import files, handlers
from pages.errors.handlers import CHOICE
from pages.errors.session import LabellingSession
from pages.shell.strings import Interface
from tests.helpers.measured_samples import ATLAS_RUN, written
from tests.helpers.requests import request_of
from tests.helpers.small_disk import small_disk
from xkde.labelling import store
from xkde.labelling.exchange import FORMATS
from xkde.labelling.queue import QueueChoice

RUN, PLAIN = "evaluations/edited", "evaluations/plain"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    written(tmp_path / "runs" / RUN, cases=10, right=0.7)
    other = replace(ATLAS_RUN, checkpoint="atlas-base", editor="prompt")
    written(tmp_path / "runs" / PLAIN, other, cases=10, right=0.1)
    yield tmp_path


def started(name: str = "Ada", **changes: Any) -> LabellingSession:
    choice = replace(QueueChoice(run=RUN, count=6), **changes)
    values = [getattr(choice, each) for each in CHOICE]
    shown = handlers.start(request_of(session=name), name, False, *values)
    session: LabellingSession = shown["session"]
    return session


def labelled(session: LabellingSession, *kinds: str, note: str = "") -> Any:
    shown: Any = {}
    for kind in kinds:
        shown = handlers.save(
            request_of("en", session.browser), session, kind, "major", note
        )
        session = shown["session"]
    return shown


def written_by(made: Any) -> list[str]:
    return [file["path"] for file in made["file"].value]


@pytest.mark.parametrize("interface", ["en", "zh"])
def test_a_case_shows_all_that_is_to_be_judged(interface: Interface) -> None:
    session = started()
    shown = handlers.shown(session, [], interface)
    case = session.cases[0]
    for text in (case.edit, case.query, case.gold, case.answer):
        assert text in shown["case"]
    assert ("1 of 6" if interface == "en" else "第 1 条，共 6 条") in shown["case"]
    assert "Tokyo" in shown["case"] or interface == "zh"
    blind = handlers.shown(replace(session, blind=True), [], interface)
    assert "kind-found" in shown["case"] and "kind-found" not in blind["case"]


def test_labelling_undoing_skipping_and_coming_back() -> None:
    session = started()
    shown = labelled(session, "near_miss", "other_entity", note="x")
    assert "2 of 6 labelled" in shown["status"] and "3 of 6" in shown["case"]
    back = handlers.undo(request_of(session="Ada"), shown["session"])
    assert "1 of 6 labelled" in back["status"] and "2 of 6" in back["case"]
    assert back["kind"] is None
    first = handlers.stepping(-1)(request_of(session="Ada"), back["session"])
    assert (first["kind"], first["severity"], first["note"]) == (
        "near_miss",
        "major",
        "x",
    )
    # Whoever comes again goes on where labels end; another one begins.
    assert started().at == 1
    assert started("Bo").at == 0
    end = handlers.stepping(99)(request_of(session="Ada"), session)
    assert "That was the last one" in end["case"]


def test_two_of_one_name_are_told_and_both_kept() -> None:
    one = started()
    other = replace(started(), browser="two")
    labelled(other, "broken")
    shown = labelled(one, "near_miss")
    assert "another browser" in shown["status"]
    assert len(store.labelled(store.default_file())) == 1
    back = handlers.undo(request_of(session="Ada"), shown["session"])
    assert back["kind"] == "broken"


def test_disagreements_are_settled_together() -> None:
    labelled(started("Ada"), "near_miss", "broken")
    labelled(started("Bo"), "near_miss", "leaked")
    shown = handlers.settle(request_of(), "Ada and Bo", LabellingSession())
    assert "1 of 1" in shown["case"]
    assert all(who in shown["case"] for who in ("Ada", "Bo"))
    after = labelled(shown["session"], "leaked")
    assert "1 of 1 disagreements settled" in after["status"]
    with pytest.raises(gr.Error, match="No two annotators"):
        handlers.settle(request_of(), "Ada", LabellingSession())


def test_agreement_report_and_every_export_come_back(runs: Path) -> None:
    session = started(balanced=False)
    shown = labelled(session, "near_miss", "broken", note=EVIL)
    labelled(started("Bo", balanced=False), "near_miss", "leaked")
    findings = files.compare(request_of(), shown["session"])
    assert "Krippendorff" in findings and EVIL not in findings
    for interface in ("en", "zh"):
        made = files.report(request_of(interface), shown["session"])
        page, markdown = (Path(file).read_text("utf-8") for file in written_by(made))
        assert EVIL not in page + markdown
        assert "http" not in page
        assert page.startswith("<!doctype html>") and markdown.startswith("# ")
    for name in FORMATS:
        made = files.export(request_of(), shown["session"], name)
        [file] = written_by(made)
        kept = store.labelled(store.default_file())
        for each in store.default_file().parent.glob("labels.sqlite3*"):
            each.unlink()
        files.take_over(request_of(), file)
        found = store.labelled(store.default_file())
        assert [set(its.labels) for its in found] == [set(its.labels) for its in kept]


def test_what_cannot_be_done_is_said(runs: Path) -> None:
    session = started()
    for act, words in (
        (
            lambda: handlers.save(request_of(), session, None, "", ""),
            "Say what kind",
        ),
        (
            lambda: handlers.undo(request_of(), session),
            "Nothing was labelled",
        ),
        (lambda: started("  "), "a name"),
        (lambda: started(count=2.5), "whole numbers"),
        (lambda: started(side="both_wrong"), "two runs"),
        (lambda: started(relation="none"), "No failure"),
        (
            lambda: files.compare(request_of(), LabellingSession()),
            "no labels yet",
        ),
    ):
        with pytest.raises(gr.Error, match=words):
            act()
    strange = runs / "x.jsonl"
    strange.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(gr.Error, match="UTF-8"):
        files.take_over(request_of(), str(strange))
    with pytest.raises(gr.Error, match="UTF-8 编码"):
        files.take_over(request_of("zh"), str(strange))


def test_a_full_disk_keeps_the_case_and_what_was_typed() -> None:
    session = started()
    labelled(session, "near_miss")
    with small_disk(100), pytest.raises(gr.Error, match="cannot be written"):
        handlers.save(request_of(session="Ada"), session, "broken", "", "a note")
    assert len(store.labelled(store.default_file())) == 1
