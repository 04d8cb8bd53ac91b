"""Many edits with real editors on a tiny model: at once, in sequence, stopped, again.

python -m pytest tests/xkde/evaluation/run/test_many_edits.py
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.tiny_encoder import saved
from xkde import paths
from xkde.__main__ import main
from xkde.data.atlas.benchmark import many_edits
from xkde.data.atlas.world import atlas
from xkde.editors.weights import deltas
from xkde.engines.encoder import load_encoder
from xkde.engines.loading import load
from xkde.errors import NotFiniteError, SettingsError
from xkde.evaluation.results.experiments import UNTOUCHED, ExperimentSettings, read
from xkde.evaluation.results.rows import records_of
from xkde.evaluation.run import many_edits as experiments
from xkde.evaluation.run.many_edits import (
    ExperimentJob,
    ExperimentMemory,
    asked_places,
    even_places,
    groups,
    needed,
    questions_about,
    run,
    with_edits,
)
from xkde.memory.index import build_index
from xkde.memory.retrieval import Calibration

SMALL = ExperimentSettings(
    "batch", "ft-m", "tiny", "0123456789ab", "en", (1, 2, 4), "",
    tested=2, again=1, languages_per_edit=1, facts=4, max_new_tokens=2,
)  # fmt: skip
WHOLE = replace(SMALL, sizes=(1, 10, 100, 500, 1000), tested=100, again=50)


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Any:
    loaded = load(request.getfixturevalue("qwen2_folder"), device="cpu")
    loaded.model.config.max_position_embeddings = 8192  # positions are rotary
    return loaded


def job_of(
    engine: Any, settings: ExperimentSettings, given: Any = None
) -> ExperimentJob:
    many = many_edits(atlas(), needed(settings))
    return ExperimentJob(engine, with_edits(settings, many), given or {}, many)


def rows_of(file: Path) -> list[dict[str, Any]]:
    told = read(file)
    assert told is not None
    return records_of(told.rows.drop(columns=["seconds", "peak_mb", "edit"]))


def weights_of(engine: Any) -> list[torch.Tensor]:
    return [p.detach().clone() for p in engine.model.parameters()]


def test_which_edits_are_made_and_asked_about() -> None:
    assert [len(groups(size, WHOLE)) for size in (0, *WHOLE.sizes)] == [
        1, 100, 10, 1, 1, 1,
    ]  # fmt: skip
    assert needed(WHOLE) == 1000
    assert needed(SMALL) == 4
    assert groups(30, WHOLE)[-1] == range(90, 120)
    for size in WHOLE.sizes:
        assert len(even_places(size, WHOLE)) == 100
    assert max(even_places(1000, WHOLE)) == 990
    assert {0, 49, 500}.issubset(asked_places(1000, WHOLE))
    every = set().union(*(asked_places(size, WHOLE) for size in WHOLE.sizes))
    assert asked_places(0, WHOLE) == every


def test_questions_are_dealt_among_groups_and_languages() -> None:
    many = many_edits(atlas(), needed(WHOLE))
    told = replace(WHOLE, languages_per_edit=4, facts=300)
    for size in (1, 10, 1000):
        parts = [
            questions_about(many, told, size, group)
            for group in range(len(groups(size, told)))
        ]
        asked = [one for part in parts for one in part]
        even = [one for one in asked if one.is_even]
        count = Counter(one.probe for one in even)
        assert count["reliability"] == count["locality"] == 400
        assert count[UNTOUCHED] == 300
        languages = Counter(o.target for o in even if o.probe == "reliability")
        assert (languages.pop("en"), len(languages)) == (100, 11)
        assert min(languages.values()) > 10  # of 27 that each would have, dealt evenly


@pytest.mark.parametrize("kind", ["batch", "sequential"])
def test_edits_at_work_and_out_again(engine: Any, tmp_path: Path, kind: Any) -> None:
    before = weights_of(engine)
    settings = replace(SMALL, kind=kind)
    job = job_of(engine, settings, {"learning_rate": 0.1})
    rows = rows_of(run(job, tmp_path / kind))
    assert all(
        torch.equal(*pair) for pair in zip(before, weights_of(engine), strict=True)
    )
    assert {row["size"] for row in rows} == {0, 1, 2, 4}
    assert {row["group"] for row in rows if row["size"] == 1} == {0, 1}
    for row in rows:
        stays = row["size"] and row["probe"] in ("locality", UNTOUCHED)
        assert (row["unchanged"] is not None) == bool(stays)
        assert row["exact"] is not None and row["token_accuracy"] is not None
        assert row["retrieved"] is None and row["refused"] == 0
    told = [
        [(r["answer"], r["token_accuracy"]) for r in rows
         if (r["size"], r["place"], r["probe"]) == (size, 0, "reliability")]
        for size in (0, 1)
    ]  # fmt: skip
    assert len(told[0]) == len(told[1]) == 1
    assert told[0] != told[1]


def test_a_stopped_run_goes_on_and_says_the_same(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(engine, replace(SMALL, kind="sequential"))
    whole = rows_of(run(job, tmp_path / "whole"))
    write = experiments.write_size

    def stop_at_four(folder: Path, size: int, rows: Any) -> None:
        if size == 4:
            raise KeyboardInterrupt
        write(folder, size, rows)

    before = weights_of(engine)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(experiments, "write_size", stop_at_four)
        run(job, tmp_path / "stopped")
    assert all(
        torch.equal(*pair) for pair in zip(before, weights_of(engine), strict=True)
    )
    kept = (tmp_path / "stopped" / "sizes" / "000002.parquet").stat().st_mtime_ns
    assert rows_of(run(job, tmp_path / "stopped")) == whole
    again = (tmp_path / "stopped" / "sizes" / "000002.parquet").stat().st_mtime_ns
    assert again == kept
    other = replace(job, settings=replace(job.settings, source="zh"))
    with pytest.raises(SettingsError, match="source was en and is zh"):
        run(other, tmp_path / "stopped")


def test_edits_that_diverge_are_counted(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverges(*_: object) -> None:
        raise NotFiniteError("These are no numbers.")

    monkeypatch.setattr(deltas, "add", diverges)
    settings = replace(SMALL, kind="sequential", sizes=(2,))
    job = job_of(engine, settings)
    rows = rows_of(run(job, tmp_path / "refused"))
    after = [row for row in rows if row["size"] == 2]
    assert {row["refused"] for row in after} == {2}
    assert {row["answer"] for row in after} == {None}
    assert "no numbers" in after[0]["notes"]


@pytest.mark.parametrize(("threshold", "is_found"), [(-1.0, True), (9.0, False)])
def test_prompts_hold_what_the_memory_finds(
    engine: Any, tmp_path: Path, threshold: float, is_found: bool
) -> None:
    settings = replace(SMALL, editor="prompt", sizes=(1,), facts=2)
    many = many_edits(atlas(), needed(settings))
    encoder = load_encoder(str(saved(tmp_path / "encoder")), device="cpu")
    edits = [case.edits["en"] for case in many.cases]
    memory = ExperimentMemory(
        build_index(edits, encoder), 1, Calibration(threshold, 0.2)
    )
    job = ExperimentJob(engine, with_edits(settings, many, "{}"), {}, many, memory)
    told = read(run(job, tmp_path / "run"))
    assert told is not None
    after = told.rows[told.rows["size"] == 1]
    assert set(after["retrieved"]) == {is_found}
    if not is_found:  # the bare query
        assert set(after["unchanged"].dropna()) == {1.0}


def test_the_command_runs_several_editors_and_ships(
    qwen2_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    small = "--tested 1 --again 0 --languages-per-edit 2 --facts 2 --max-new-tokens 2"
    words = ["experiments", "batch", "--editor", "ft-m,none", "--sizes", "1"]
    words += ["--checkpoint", str(qwen2_folder), *small.split()]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "others    exact match" in printed
    folders = sorted((tmp_path / "runs" / "experiments").glob("[!.]*"))
    assert len(folders) == 2
    assert main(["experiments", "ship", *map(str, folders)]) == 0
    assert len(list((tmp_path / "results" / "experiments").iterdir())) == 2
    assert main([*words, "--sizes", "none"]) == 1
    assert "Write numbers with commas" in capsys.readouterr().err
    words[3] = "x-kde"
    assert main([*words, "--encoder", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err
