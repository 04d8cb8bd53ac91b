"""Edits on a shared model: they obey, and the model is bit for bit as before."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xkde.asking import temporary_edits
from xkde.asking.all_editors import (
    ENDED,
    NEIGHBOURS,
    AllEditorsTask,
    EditorRow,
    neighbours,
    waiting_rows,
    with_subject,
)
from xkde.asking.expected_answers import expected, recognise
from xkde.asking.temporary_edits import (
    before_and_after,
    copy_but,
    edit_on_a_copy,
    run_all_editors,
)
from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.world import atlas
from xkde.editors.registry import EDITORS, make
from xkde.editors.weights import deltas
from xkde.editors.weights.digest import digest
from xkde.engines.loading import load
from xkde.errors import CheckpointError, InputError
from xkde.types import Edit, Query, Sampling

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en")
TYPED = Edit("Who wrote the song?", "Ann", "en")
KNOWN = replace(JAPAN, subject="Japan")
QUERIES = (Query(JAPAN.question, "en"), Query("日本的首都是哪里？", "zh"))


def understood(edit: Edit) -> atlas_questions.Known | None:
    return atlas_questions.understand(atlas(), edit)


def with_own_subject(edit: Edit, typed: str = "") -> Edit:
    return with_subject(atlas(), edit, understood(edit), typed)


def task(edit: Edit = JAPAN) -> AllEditorsTask:
    stay = neighbours(atlas(), edit, understood(edit), ("zh",))
    return AllEditorsTask(edit, QUERIES, stay, "base", "edited", Sampling(4))


# ------------------------------------------------------------- what is to be done


def test_the_subject_is_as_typed_or_as_atlas_knows_it() -> None:
    assert with_own_subject(JAPAN).subject == "Japan"
    chinese = Edit("日本的首都是哪里？", "大阪", "zh")
    assert with_own_subject(chinese).subject == "日本"
    assert with_own_subject(TYPED).subject == ""
    assert with_own_subject(TYPED, " the song ").subject == "the song"
    # What was typed for another edit is no subject of this one.
    assert with_own_subject(JAPAN, "the song").subject == "Japan"


@pytest.mark.parametrize("edit", [JAPAN, TYPED])
def test_neighbours_are_questions_that_the_edit_must_not_touch(edit: Edit) -> None:
    found = neighbours(atlas(), edit, understood(edit), ("zh", "th"))
    assert len(set(found)) == NEIGHBOURS
    assert {query.language for query in found} == {"en", "zh", "th"}
    for query in found:
        assert atlas_questions.recognise(atlas(), query.text, query.language)
        about = recognise(atlas(), edit, query.text, (query.language,))
        assert not expected(atlas(), edit, about, query.language).is_affected


def test_x_kde_has_the_edited_checkpoint_and_the_bare_model_comes_first() -> None:
    rows = waiting_rows(task(with_own_subject(JAPAN)))
    assert {row.editor for row in rows} == set(EDITORS)
    assert rows[0].editor == "none"
    assert {row.editor for row in rows if row.model == "edited"} == {"x-kde"}
    assert {row.phase for row in rows} == {"waiting"}


def test_without_a_subject_three_editors_are_not_run() -> None:
    unmet = {row.editor for row in waiting_rows(task(TYPED)) if row.phase == "unmet"}
    assert unmet == {"rome", "memit", "alphaedit"}


# ---------------------------------------------------------------- what becomes of it


@pytest.fixture(scope="module")
def engine(atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    loaded = load(atlas_folder, device="cpu")
    loaded.model.config.max_position_embeddings = 4096  # IKE's prompts are long
    return loaded


class Reports:
    """The rows as they are reported, and a lender that looks who has the model."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.rows: list[EditorRow] = []
        self.lent: list[str] = []
        self.digests: set[str] = set()

    def __call__(self, row: EditorRow) -> None:
        self.rows.append(row)

    @contextmanager
    def use(self, model: str) -> Iterator[Any]:
        self.lent.append(model)
        yield self.engine
        self.digests.add(digest(self.engine.model))  # as the next visitor meets it

    def last(self) -> dict[str, EditorRow]:
        return {row.editor: row for row in self.rows}


def test_every_editor_ends_and_leaves_the_model_as_it_was(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    reports, before = Reports(engine), digest(engine.model)
    chosen = {name: EDITORS[name] for name in ("x-kde", "ft-m", "rome", "serac")}
    monkeypatch.setattr("xkde.asking.all_editors.EDITORS", chosen)
    given = with_own_subject(JAPAN)
    run_all_editors(task(given), reports.use, reports, threading.Event())
    last = reports.last()
    assert reports.digests == {before}
    assert all(row.phase in ENDED and row.is_reverted for row in last.values())
    assert last["serac"].unmet == "trained part"
    assert last["none"].phase == "done"
    assert last["none"].changed == 0
    for name in ("x-kde", "ft-m", "rome"):
        assert last[name].phase == "done", last[name].words
        assert len(last[name].answers) == len(QUERIES)
        assert last[name].asked == NEIGHBOURS
    assert last["ft-m"].seconds > 0
    # The second moments were read aloud, to the end, for every layer in one pass.
    reading = [row.read for row in reports.rows if row.phase == "reading"]
    assert reading[-1][0] == reading[-1][1] > 0
    assert reading == sorted(reading)


def test_an_editor_s_error_is_its_row_s_and_the_others_go_on(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = temporary_edits.make

    def broken(name: str) -> Any:
        if name == "ft-l":
            raise RuntimeError("out of memory.\nmore")
        return made(name, {"steps": 1} if name == "ft-m" else None)

    monkeypatch.setattr(temporary_edits, "make", broken)
    chosen = {name: EDITORS[name] for name in ("ft-l", "ft-m")}
    monkeypatch.setattr("xkde.asking.all_editors.EDITORS", chosen)
    reports = Reports(engine)
    run_all_editors(task(), reports.use, reports, threading.Event())
    last = reports.last()
    assert last["ft-l"].phase == "failed"
    assert last["ft-l"].words == "It stopped with an error (out of memory)."
    assert last["ft-l"].is_reverted
    assert last["ft-m"].phase == "done"


def test_a_model_that_is_not_there_is_said_in_its_rows() -> None:
    @contextmanager
    def nobody(model: str) -> Iterator[Any]:
        raise CheckpointError(f"“{model}” is not here.")
        yield

    reports = Reports(None)
    run_all_editors(task(), nobody, reports, threading.Event())
    assert {row.phase for row in reports.rows} == {"failed"}
    assert reports.last()["x-kde"].words == "“edited” is not here."


def test_once_cancelled_no_further_editor_runs(engine: Any) -> None:
    cancelled, reports = threading.Event(), Reports(engine)

    def report(row: EditorRow) -> None:
        reports(row)
        cancelled.set()

    run_all_editors(task(), reports.use, report, cancelled)
    last = reports.last()
    assert last.pop("none").phase == "done"  # it was at work already
    assert {row.phase for row in last.values()} == {"stopped"}
    assert reports.lent == ["base"]


def test_moments_stop_in_the_middle_and_leave_no_whole_file(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    rows = "xkde.editors.weights.second_moments.ROWS_AT_ONCE"
    monkeypatch.setattr(rows, 1)  # many batches
    cancelled, reports = threading.Event(), Reports(engine)

    def report(row: EditorRow) -> None:
        reports(row)
        if row.phase == "reading":
            cancelled.set()

    chosen = {"rome": EDITORS["rome"]}
    monkeypatch.setattr("xkde.asking.all_editors.EDITORS", chosen)
    given = replace(task(), edit=with_own_subject(JAPAN))
    run_all_editors(given, reports.use, report, cancelled)
    assert reports.last()["rome"].phase == "stopped"
    assert not list(tmp_path.rglob("layer-*"))


# ------------------------------------------------- on a copy, before and after


def test_weights_are_changed_in_the_copy_alone(engine: Any) -> None:
    before = digest(engine.model)
    made = edit_on_a_copy("ft-m", engine, [KNOWN], QUERIES)
    own = made.routed[0].engine.model
    assert own is not engine.model
    assert made.routed[1].engine.model is own
    assert digest(engine.model) == before != digest(own)
    assert made.routed[0].messages[-1].content == QUERIES[0].text
    assert made.seconds > 0


def test_a_copy_shares_what_was_not_changed(engine: Any) -> None:
    names = [name for name, _ in engine.model.named_parameters()]
    own = dict(copy_but(engine, {names[1]: None}).named_parameters())
    theirs = dict(engine.model.named_parameters())
    assert [n for n in names if own[n] is not theirs[n]] == [names[1]]
    assert deltas.are_equal(engine.model, own)


def test_an_editor_in_the_prompt_asks_the_model_itself(engine: Any) -> None:
    made = edit_on_a_copy("prompt", engine, [KNOWN], QUERIES)
    assert all(each.engine is engine for each in made.routed)
    assert "Osaka" in made.routed[1].messages[-1].content


def test_a_missing_subject_is_said_before_anything_is_read(engine: Any) -> None:
    bare = Edit(KNOWN.question, "Osaka", "en")
    with pytest.raises(InputError, match="ROME must know the subject"):
        edit_on_a_copy("rome", engine, [bare], QUERIES)


def test_stop_while_moments_are_read_leaves_the_model(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    before = digest(engine.model)

    def stop(done: int, total: int) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError):
        edit_on_a_copy("rome", engine, [KNOWN], QUERIES, stop)
    assert digest(engine.model) == before
    free: list[bool] = []

    def enter() -> None:
        with deltas.alone(engine.model):
            free.append(True)

    other = threading.Thread(target=enter)
    other.start()
    other.join(5)
    assert free == [True]


def test_after_the_revert_all_is_as_before(atlas_folder: Path) -> None:
    engine = load(atlas_folder, device="cpu")
    editor = make("ft-m", {"learning_rate": 0.05, "layer": 1, "steps": 40})
    seen = before_and_after(editor, engine, [KNOWN], QUERIES, Sampling(8))
    assert seen.is_reverted
    assert seen.after[0].text == "Osaka"
    assert [g.text for g in seen.before] == [g.text for g in seen.as_before]
    assert seen.before[0].text != "Osaka"
    assert seen.applied.edits == (KNOWN,)
