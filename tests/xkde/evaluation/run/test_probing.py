"""Editors by name in a run: made, recorded, applied once an edit, taken out again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.rank_one_samples import GIVEN, deep_engine
from tests.helpers.result_samples import SETTINGS
from xkde.editors.editor import Applied, Editor
from xkde.engines.loading import load
from xkde.errors import InputError, NotFiniteError, SettingsError, XkdeError
from xkde.evaluation.results.rows import load_results
from xkde.evaluation.run import runner
from xkde.evaluation.run.probing import (
    SHARED,
    editor_names,
    given_settings,
    open_editor,
)
from xkde.evaluation.run.questions import choose
from xkde.evaluation.run.runner import evaluate
from xkde.types import Edit

CASES = choose("atlas", "en-zh", limit=2).cases
RUN = replace(SETTINGS, cases=2, directions=("en→en", "en→zh"), max_new_tokens=3)


@dataclass(frozen=True)
class Counting:
    """An editor that notes what it is given, and refuses one edit."""

    editor: Editor
    refused: str = ""
    error: XkdeError = field(
        default_factory=lambda: InputError("This edit names no subject.")
    )
    seen: list[Edit] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.editor.name

    def apply(
        self, engine: Any, edits: Sequence[Edit], earlier: Applied | None = None
    ) -> Applied:
        self.seen.extend(edits)
        if edits[0].question == self.refused:
            raise self.error
        return self.editor.apply(engine, edits, earlier)


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Any:
    loaded = load(request.getfixturevalue("qwen2_folder"), device="cpu")
    loaded.model.config.max_position_embeddings = 8192  # positions are rotary
    return loaded


def rows_of(file: Path) -> list[dict[str, Any]]:
    return load_results([file]).drop_columns(["date"]).to_pylist()


def test_an_editor_of_weights(engine: Any, tmp_path: Path) -> None:
    editor, text = open_editor("ft-m", engine, {"steps": 2, "learning_rate": 0.05})
    assert json.loads(text)["steps"] == 2
    assert json.loads(text)["weight_decay"] == 0.0  # a default is in force, too
    assert editor is not None
    counting = Counting(editor, refused=CASES[1].edits["en"].question)
    before = {name: w.clone() for name, w in engine.model.state_dict().items()}
    settings = replace(RUN, editor="ft-m", editor_settings=text)
    rows = rows_of(
        evaluate(engine, CASES, settings, tmp_path / "ft-m", editor=counting)
    )
    assert all(w.equal(before[n]) for n, w in engine.model.state_dict().items())
    # Once an edit, for both directions, all probes and both protocols.
    assert counting.seen == [case.edits["en"] for case in CASES]
    plain = rows_of(
        evaluate(engine, CASES, replace(RUN, editor="none"), tmp_path / "none")
    )
    without = {_key(row): row for row in plain}
    assert {_key(row) for row in rows} == without.keys()
    for row in rows:
        assert row["prompt"] == row["query"]
        assert row["editor"] == "ft-m"
        if row["probe"] == "locality":
            assert row["before"] == without[_key(row)]["answer"]
        if row["case"] == CASES[1].id:
            assert (row["finish"], row["answer"]) == ("not_edited", None)
            assert row["exact"] is row["token_accuracy"] is row["unchanged"] is None
            assert row["notes"] == "This edit names no subject."
        else:
            assert row["edit_seconds"] > 0
            assert row["edit_peak_mb"] >= 0
    edited = [row for row in rows if row["case"] == CASES[0].id]
    assert any(row["answer"] != without[_key(row)]["answer"] for row in edited)


def test_an_edit_that_diverges_is_left_out(engine: Any, tmp_path: Path) -> None:
    editor, text = open_editor("ft-m", engine, {"steps": 1})
    assert editor is not None
    question = CASES[0].edits["en"].question
    counting = Counting(editor, question, NotFiniteError("It diverged."))
    settings = replace(RUN, editor="ft-m", editor_settings=text)
    rows = rows_of(evaluate(engine, CASES, settings, tmp_path / "run", editor=counting))
    assert {row["notes"] for row in rows if row["finish"] == "not_edited"} == {
        "It diverged."
    }
    assert {row["case"] for row in rows if row["finish"] != "not_edited"} == {
        CASES[1].id
    }


def test_a_setting_that_fits_no_edit_ends_the_run(engine: Any, tmp_path: Path) -> None:
    editor, text = open_editor("ft-m", engine, {"layer": 99})
    settings = replace(RUN, editor="ft-m", editor_settings=text)
    with pytest.raises(SettingsError, match="layer"):
        evaluate(engine, CASES, settings, tmp_path / "run", editor=editor)


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("case", "probe", "question", "source", "target", "protocol")
    return tuple(row[name] for name in names)


def test_an_editor_in_the_prompt(engine: Any, tmp_path: Path) -> None:
    """X-KDE through the editors' interface asks what the runner's own way asks."""
    own = rows_of(evaluate(engine, CASES, RUN, tmp_path / "own"))
    for name, begins in (("prompt", "{edit}\n"), ("lte", "Please acknowledge")):
        editor, text = open_editor(name, engine, {})
        settings = replace(RUN, editor=name, editor_settings=text)
        rows = rows_of(
            evaluate(engine, CASES, settings, tmp_path / name, editor=editor)
        )
        assert [_key(row) for row in rows] == [_key(row) for row in own]
        for row, mine in zip(rows, own, strict=True):
            assert row["prompt"].startswith(begins.format(edit=row["edit"]))
            assert row["prompt"].endswith(row["query"])
            assert row["before"] == mine["before"]
            if name == "lte":  # one fact: the same words as X-KDE's
                assert row["answer"] == mine["answer"]


@pytest.mark.parametrize("name", ["rome", "alphaedit", "kn"])
def test_edits_side_by_side_give_the_rows_of_one_after_another(
    name: str, atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setattr(runner, "EDITS_A_PART", runner.CASES_A_PART)
    engine = deep_engine(atlas_folder)
    weights = {n: w.clone() for n, w in engine.model.state_dict().items()}
    cases = [*choose("atlas", "en-zh", limit=5).cases]
    blank = replace(cases[1].edits["en"], answer=" ")  # which every editor refuses
    cases[1] = replace(cases[1], edits={**cases[1].edits, "en": blank})
    given = {**GIVEN[name], **({} if name == "kn" else {"steps": 2})}
    editor, text = open_editor(name, engine, given)
    assert editor is not None
    settings = replace(RUN, cases=5, editor=name, editor_settings=text)

    def run(folder: str, by: Editor, stop: float = 2.0) -> list[dict[str, Any]]:
        def stop_early(done: float, of: int) -> None:
            if done > stop * of:
                raise KeyboardInterrupt

        return rows_of(
            evaluate(
                engine,
                cases,
                settings,
                tmp_path / folder,
                editor=by,
                on_progress=stop_early,
            )
        )

    alone = run("alone", Counting(editor))
    with pytest.raises(KeyboardInterrupt):
        run("together", editor, stop=0.85)  # in the second part
    assert len([*(tmp_path / "together" / "parts").iterdir()]) == 1
    together = run("together", editor)
    costs = ("edit_seconds", "edit_peak_mb", "notes")
    for one, other in zip(together, alone, strict=True):
        told = [{k: v for k, v in row.items() if k not in costs}
                for row in (one, other)]  # fmt: skip
        assert told[0] == told[1]
        assert (one["edit_seconds"] is None) == (other["edit_seconds"] is None)
        if one["case"] == cases[1].id:
            assert one["notes"] == other["notes"] != ""
        elif one["case"] != cases[4].id:
            assert one["notes"] == f"{other['notes']} {SHARED}".strip()
        else:  # alone in its part: what it took is its own
            assert one["notes"] == other["notes"]
    assert any(row["unchanged"] not in (None, 1.0) for row in together)
    assert all(w.equal(weights[n]) for n, w in engine.model.state_dict().items())


def test_names_and_settings_are_read() -> None:
    assert editor_names("rome, ike,x-kde,rome") == ["rome", "ike", "x-kde"]
    given = given_settings(
        ["rome.layer=4", "ft-m.clamp=0.5", "ft-m.learning-rate=5e-4"], ["ft-m", "rome"]
    )
    assert given == {
        "ft-m": {"clamp": 0.5, "learning_rate": 5e-4},
        "rome": {"layer": 4},
    }
    for text in ("layer=4", "rome.layer", "memit.layer=4", "rome.layer=[4"):
        with pytest.raises(XkdeError, match="sets nothing|no value"):
            given_settings([text], ["rome"])
    with pytest.raises(InputError, match="no editor “magic”"):
        editor_names("rome,magic")


def test_settings_that_an_editor_lacks(engine: Any) -> None:
    assert open_editor("x-kde", engine, {}) == (None, "")
    for name in ("none", "ft-m", "lte"):
        with pytest.raises(SettingsError, match="setting"):
            open_editor(name, engine, {"depth": 3})
