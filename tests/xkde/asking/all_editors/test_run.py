"""All editors on one edit: who runs, what is told, and that nothing is left behind.

python -m pytest tests/xkde/asking/all_editors/test_run.py
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xkde.asking.all_editors import run
from xkde.asking.all_editors.tasks import (
    ENDED,
    NEIGHBOURS,
    Task,
    Tried,
    at_first,
    neighbours,
    with_subject,
)
from xkde.asking.expected_answers import expected, place_of
from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.world import atlas
from xkde.editors.registry import EDITORS
from xkde.editors.weights.second_moments import digest
from xkde.engines.loading import load
from xkde.errors import CheckpointError
from xkde.types import Edit, Query, Sampling

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en")
TYPED = Edit("Who wrote the song?", "Ann", "en")
QUERIES = (Query(JAPAN.question, "en"), Query("日本的首都是哪里？", "zh"))


def task(edit: Edit = JAPAN) -> Task:
    told = neighbours(atlas(), edit, ("zh",))
    return Task(edit, QUERIES, told, "base", "edited", Sampling(4))


# ------------------------------------------------------------- what is to be done


def test_the_subject_is_as_typed_or_as_atlas_knows_it() -> None:
    assert with_subject(atlas(), JAPAN).subject == "Japan"
    chinese = Edit("日本的首都是哪里？", "大阪", "zh")
    assert with_subject(atlas(), chinese).subject == "日本"
    assert with_subject(atlas(), TYPED).subject == ""
    assert with_subject(atlas(), TYPED, " the song ").subject == "the song"
    # What was typed for another edit is no subject of this one.
    assert with_subject(atlas(), JAPAN, "the song").subject == "Japan"


@pytest.mark.parametrize("edit", [JAPAN, TYPED])
def test_neighbours_are_questions_that_the_edit_must_not_touch(edit: Edit) -> None:
    found = neighbours(atlas(), edit, ("zh", "th"))
    assert len(set(found)) == NEIGHBOURS
    assert {query.language for query in found} == {"en", "zh", "th"}
    for query in found:
        assert atlas_questions.recognise(atlas(), query.text, query.language)
        place = place_of(atlas(), edit, query.text, (query.language,))
        assert not expected(atlas(), edit, place, query.language).is_affected


def test_x_kde_has_the_edited_checkpoint_and_the_bare_model_comes_first() -> None:
    rows = at_first(task(with_subject(atlas(), JAPAN)))
    assert {row.editor for row in rows} == set(EDITORS)
    assert rows[0].editor == "none"
    assert {row.editor for row in rows if row.model == "edited"} == {"x-kde"}
    assert {row.phase for row in rows} == {"waiting"}


def test_without_a_subject_three_editors_are_not_run() -> None:
    unmet = {row.editor for row in at_first(task(TYPED)) if row.phase == "unmet"}
    assert unmet == {"rome", "memit", "alphaedit"}


# ---------------------------------------------------------------- what becomes of it


@pytest.fixture(scope="module")
def engine(atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    loaded = load(atlas_folder, device="cpu")
    loaded.model.config.max_position_embeddings = 4096  # IKE's prompts are long
    return loaded


class Told:
    """The rows as they are told, and a lender that looks who has the model."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.rows: list[Tried] = []
        self.lent: list[str] = []
        self.digests: set[str] = set()

    def __call__(self, row: Tried) -> None:
        self.rows.append(row)

    @contextmanager
    def use(self, model: str) -> Iterator[Any]:
        self.lent.append(model)
        yield self.engine
        self.digests.add(digest(self.engine.model))  # as the next visitor meets it

    def last(self) -> dict[str, Tried]:
        return {row.editor: row for row in self.rows}


def test_every_editor_ends_and_leaves_the_model_as_it_was(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    told, before = Told(engine), digest(engine.model)
    chosen = {name: EDITORS[name] for name in ("x-kde", "ft-m", "rome", "serac")}
    monkeypatch.setattr("xkde.asking.all_editors.tasks.EDITORS", chosen)
    given = with_subject(atlas(), JAPAN)
    run.compare(task(given), told.use, told, threading.Event())
    last = told.last()
    assert told.digests == {before}
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
    reading = [row.read for row in told.rows if row.phase == "reading"]
    assert reading[-1][0] == reading[-1][1] > 0
    assert reading == sorted(reading)


def test_an_editor_s_error_is_its_row_s_and_the_others_go_on(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run.make

    def broken(name: str) -> Any:
        if name == "ft-l":
            raise RuntimeError("out of memory.\nmore")
        return made(name, {"steps": 1} if name == "ft-m" else None)

    monkeypatch.setattr(run, "make", broken)
    chosen = {name: EDITORS[name] for name in ("ft-l", "ft-m")}
    monkeypatch.setattr("xkde.asking.all_editors.tasks.EDITORS", chosen)
    told = Told(engine)
    run.compare(task(), told.use, told, threading.Event())
    last = told.last()
    assert last["ft-l"].phase == "failed"
    assert last["ft-l"].words == "It stopped with an error (out of memory)."
    assert last["ft-l"].is_reverted
    assert last["ft-m"].phase == "done"


def test_a_model_that_is_not_there_is_said_in_its_rows() -> None:
    @contextmanager
    def nobody(model: str) -> Iterator[Any]:
        raise CheckpointError(f"“{model}” is not here.")
        yield

    told = Told(None)
    run.compare(task(), nobody, told, threading.Event())
    assert {row.phase for row in told.rows} == {"failed"}
    assert told.last()["x-kde"].words == "“edited” is not here."


def test_once_cancelled_no_further_editor_runs(engine: Any) -> None:
    cancelled, told = threading.Event(), Told(engine)

    def tell(row: Tried) -> None:
        told(row)
        cancelled.set()

    run.compare(task(), told.use, tell, cancelled)
    last = told.last()
    assert last.pop("none").phase == "done"  # it was at work already
    assert {row.phase for row in last.values()} == {"stopped"}
    assert told.lent == ["base"]


def test_moments_stop_in_the_middle_and_leave_no_whole_file(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setattr(
        "xkde.editors.weights.second_moments.ROWS_AT_ONCE", 1
    )  # many batches
    cancelled, told = threading.Event(), Told(engine)

    def tell(row: Tried) -> None:
        told(row)
        if row.phase == "reading":
            cancelled.set()

    chosen = {"rome": EDITORS["rome"]}
    monkeypatch.setattr("xkde.asking.all_editors.tasks.EDITORS", chosen)
    given = replace(task(), edit=with_subject(atlas(), JAPAN))
    run.compare(given, told.use, tell, cancelled)
    assert told.last()["rome"].phase == "stopped"
    assert not list(tmp_path.rglob("layer-*"))
