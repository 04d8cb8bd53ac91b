"""Which editors are offered, what is said of them, and their answers on the page."""

import json
import shutil
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from pages.edit_and_ask import answering, models
from pages.edit_and_ask import handlers as handle
from pages.edit_and_ask.answering import panes_of, why
from pages.edit_and_ask.answers import answers_html, summary
from pages.edit_and_ask.form import example, values_of
from pages.edit_and_ask.memory import MemorySession
from pages.edit_and_ask.why import why_html
from pages.shell.links import EDITOR, Form
from pages.shell.prefill import Prefilled, understand
from pages.shell.runs import end_run
from pages.shell.strings import INTERFACES, strings, tr
from tests.helpers.requests import NOBODY
from xkde import paths
from xkde.editors.registry import EDITORS, has_part
from xkde.editors.weights.digest import digest
from xkde.engines.pool import Pool

BARE = (MemorySession(), False, 0.75)  # no memory is used


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path / "home"))


def short(**more: Any) -> Form:
    return replace(example("example_japan")[0], max_new_tokens=6, **more)


# ---------------------------------------------------------------- what is offered


def test_every_editor_but_none_has_a_name_and_its_own_sentence() -> None:
    for name, entry in EDITORS.items():
        if name == "none":
            continue
        assert strings()["en"][f"editor_says_{name}"] == entry.sentence
        for say in INTERFACES:
            assert models.editor_name(name, say)
            assert tr(f"editor_says_{name}", say)


def test_an_editor_without_its_trained_part_is_left_out(
    atlas_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path / "home"))
    real = paths.EMBEDDED_CHECKPOINTS / "atlas-base" / "config.json"
    shutil.copy(real, atlas_checkpoints / "atlas-base" / "config.json")
    assert models.offered_editors("atlas-base")[0] == EDITOR
    assert {"none", "mend"}.isdisjoint(models.offered_editors("atlas-base"))
    card = atlas_checkpoints / "atlas-mend" / paths.CARD
    card.parent.mkdir(parents=True)
    card.write_text(json.dumps({}), encoding="utf-8")
    assert "mend" in models.offered_editors("atlas-base")
    assert not has_part("mend", atlas_checkpoints / "atlas-xe-it")  # another shape
    assert "mend" not in models.offered_editors("no/such")


def test_a_choice_that_is_not_offered_becomes_the_default() -> None:
    assert models.render_editors("mend", "no/such").value == EDITOR
    assert models.render_editors("ft-m", "no/such").value == "ft-m"


def test_only_x_kde_has_the_edited_checkpoint() -> None:
    assert panes_of(Form())["edited"] == "atlas-xe-it"
    assert panes_of(Form(editor="ft-m"))["edited"] == "atlas-base"


# --------------------------------------------------------------------- answers


@pytest.mark.slow
@pytest.mark.parametrize("editor", ["prompt", "ft-m"])
def test_an_editor_answers_in_its_pane_and_leaves_the_model(
    pool: Pool, editor: str
) -> None:
    pool.start("atlas-base")
    pool.wait("atlas-base", 60)
    with pool.use(["atlas-base"]) as [engine]:
        before = digest(engine.model)
    form = short(editor=editor, languages=("en", "zh"))
    last = deque(
        answering.ask(answering.plan(form, understand(form)), form), maxlen=1
    ).pop()
    assert all(answers.is_done for answers in last.answers.values())
    with pool.use(["atlas-base"]) as [engine]:
        assert digest(engine.model) == before
    page = answers_html(replace(last, seconds=1.0), "en")
    assert models.editor_name(editor, "en") in page
    assert models.editor_name(editor, "en") in summary(last, "en")
    told = why(last, 0)
    assert ("edited" in told) == (editor == "prompt")
    assert pool.status("atlas-xe-it").phase == "unknown"  # nobody asked it
    gone = tr("why_no_more", "en", editor="FT-M") in why_html(last, 0, told, "en")
    assert gone == (editor == "ft-m")


@pytest.mark.slow
def test_a_missing_subject_is_a_clear_message(pool: Pool) -> None:
    form = short(editor="rome", question="Who wrote the song?", query="Who wrote it?")
    with pytest.raises(gr.Error, match="ROME must know the subject"):
        list(handle.run(NOBODY, Prefilled(), *BARE, *values_of(form)))
    with pool.use(["atlas-base"]):
        pass  # it is free again


@pytest.mark.slow
def test_stop_while_an_edit_is_made_is_said(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(*given: Any) -> Any:
        begun.set()
        go_on.wait(20)

    monkeypatch.setattr(answering, "_edit", slow)
    form, auto = short(editor="ft-m"), Prefilled()
    shown = []
    for state in handle.run(NOBODY, auto, *BARE, *values_of(form)):
        shown.append(state[1])
        if begun.is_set():
            end_run(handle.WORK, NOBODY, patience=0)
    go_on.set()
    assert any("FT-M is making the edit" in words for words in shown)
    assert "Stopped" in shown[-1]
