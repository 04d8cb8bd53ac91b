"""A run gives the same rows in any batches, and after any number of stops."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers.result_samples import SETTINGS
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import (
    BenchmarkError,
    CheckpointError,
    DataError,
    InputError,
    SettingsError,
)
from xkde.evaluation.results.rows import KEY, load_results
from xkde.evaluation.results.store import RunSettings
from xkde.evaluation.run.questions import choose
from xkde.evaluation.run.runner import evaluate
from xkde.evaluation.scoring.answers import exact_match, score

CASES = choose("atlas", "en-zh,zh-en,de-zh", limit=3).cases
RUN = replace(
    SETTINGS,
    cases=3,
    directions=("en→zh", "zh→en", "de→zh"),
    max_new_tokens=4,
)


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Any:
    loaded = load(request.getfixturevalue("qwen2_folder"), device="cpu")
    loaded.model.config.max_position_embeddings = 4096  # positions are rotary
    return loaded


def rows_of(file: Path) -> list[dict[str, Any]]:
    return load_results([file]).drop_columns(["date"]).to_pylist()


@pytest.fixture(scope="module")
def whole(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return rows_of(evaluate(engine, CASES, RUN, tmp_path_factory.mktemp("whole")))


def test_rows_say_what_they_rest_on(whole: list[Any]) -> None:
    protocols = {row["protocol"] for row in whole}
    assert protocols == {"teacher-forced", "generated"}
    keys = {(r["case"], r["probe"], r["source"], r["target"], r["protocol"])
            for r in whole}  # fmt: skip
    assert len(keys) == len(whole) >= 3 * 3 * 3 * 2
    for row in whole:
        assert row["run"] == RUN.run
        assert row["provenance"] == "measured here"
        assert row["prompt"].endswith(row["query"])
        assert row["edit"] in row["prompt"]
        is_generated = row["protocol"] == "generated"
        assert (row["exact"] is None) != is_generated
        assert (row["token_accuracy"] is None) == is_generated
        assert (row["unchanged"] is None) == (row["probe"] != "locality")
        assert (row["before"] is None) == (row["probe"] != "locality")
        if is_generated:
            again = score(row["answer"], row["gold"], row["target"],
                          source=row["source"])  # fmt: skip
            assert (row["exact"], row["f1"]) == (again.exact, again.f1)
            if row["before"] is not None:
                was = exact_match(row["before"], row["gold"])
                assert row["exact_before"] == was
        assert row["base"] == row["notes"] == ""
        assert row["base_answer"] is row["unchanged_from_base"] is row["judged"] is None


def test_batches_change_nothing(engine: Any, whole: list[Any], tmp_path: Path) -> None:
    for size in (1, 5):
        file = evaluate(engine, CASES, RUN, tmp_path / str(size), batch_size=size)
        assert sorted(map(str, rows_of(file))) == sorted(map(str, whole))


def stop_after(count: int) -> Callable[[float, int], None]:
    def stop(done: float, of: int) -> None:
        if done > count:
            raise KeyboardInterrupt

    return stop


def test_a_stopped_run_goes_on(engine: Any, whole: list[Any], tmp_path: Path) -> None:
    for count in (0, 30, 50):
        with pytest.raises(KeyboardInterrupt):
            evaluate(
                engine,
                CASES,
                RUN,
                tmp_path,
                batch_size=1,
                on_progress=stop_after(count),
            )
    parts = len(list((tmp_path / "parts").glob("*.parquet")))
    assert parts == 3
    seen: list[tuple[float, int]] = []
    file = evaluate(
        engine, CASES, RUN, tmp_path, batch_size=2,
        on_progress=lambda done, of: seen.append((done, of)),
    )  # fmt: skip
    assert sorted(map(str, rows_of(file))) == sorted(map(str, whole))
    assert seen[0][0] > 3 * 16
    assert seen[-1] == (len(whole), len(whole))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    before = file.stat().st_mtime_ns
    assert evaluate(unaskable(engine), CASES, RUN, tmp_path) == file
    assert file.stat().st_mtime_ns >= before
    with pytest.raises(SettingsError, match="max_new_tokens was 4 and is 5"):
        evaluate(engine, CASES, replace(RUN, max_new_tokens=5), tmp_path)


def unaskable(engine: Any) -> Any:
    """Return an engine that can be checked, but must not be asked."""

    class Unaskable(TransformersEngine):
        def generate(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("asked again")

    # A model that cannot be called, so that no score can be read either.
    model: Any = SimpleNamespace(dtype=engine.model.dtype)
    return Unaskable(model, engine.tokenizer, engine.device)


def test_without_an_edit(engine: Any, tmp_path: Path) -> None:
    settings = replace(RUN, editor="none", directions=("en→zh",))
    rows = rows_of(evaluate(engine, CASES, settings, tmp_path))
    assert all(row["prompt"] == row["query"] for row in rows)
    assert all(row["unchanged"] is None for row in rows)
    assert {row["editor"] for row in rows} == {"none"}


def test_a_base_beside(engine: Any, whole: list[Any], tmp_path: Path) -> None:
    """Its own base says without the edit what the model itself says."""
    settings = replace(RUN, base="itself", base_revision="0")
    rows = rows_of(evaluate(engine, CASES, settings, tmp_path, base=engine))
    assert len(rows) == len(whole)
    for row, alone in zip(rows, whole, strict=True):
        assert row["base"] == "itself"
        assert row["answer"] == alone["answer"]
        assert row["base_answer"] is not None
        is_generated = row["protocol"] == "generated"
        assert (row["exact_base"] is None) != is_generated
        assert (row["token_accuracy_base"] is None) == is_generated
        if row["probe"] == "locality":
            assert row["base_answer"] == row["before"]
            assert row["unchanged_from_base"] == row["unchanged"]
            assert row["exact_base"] == row["exact_before"]
        else:
            assert row["unchanged_from_base"] is None


def test_a_base_with_other_tokens(
    engine: Any, llama2_folder: Path, tmp_path: Path
) -> None:
    other = load(llama2_folder, device="cpu")
    other.model.config.max_position_embeddings = 8192
    settings = replace(RUN, base="other", directions=("en→zh",))
    rows = rows_of(evaluate(engine, CASES, settings, tmp_path, base=other))
    kept = [row for row in rows if row["probe"] == "locality"]
    assert kept
    for row in kept:
        is_generated = row["protocol"] == "generated"
        # Places of other tokens are not the same places; texts can be compared.
        assert (row["unchanged_from_base"] is None) != is_generated
        assert row["base_answer"] is not None


def test_what_does_not_fit_is_null(qwen2_folder: Path, tmp_path: Path) -> None:
    engine = load(qwen2_folder, device="cpu")
    engine.model.config.max_position_embeddings = 64
    settings = replace(RUN, directions=("en→zh",))
    rows = rows_of(evaluate(engine, CASES, settings, tmp_path))
    assert {row["finish"] for row in rows} == {"too_long"}
    for row in rows:
        assert row["answer"] is row["exact"] is row["token_accuracy"] is None
        assert row["f1"] is row["unchanged"] is None


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"directions": ("en→cy",)}, BenchmarkError, "no question to ask"),
        ({"protocols": ()}, InputError, "teacher-forced and generated"),
        ({"protocols": ("judged",)}, InputError, "teacher-forced and generated"),
        ({"editor": "magic"}, InputError, "no editor “magic”"),
    ],
)
def test_what_cannot_be_asked(
    engine: Any,
    tmp_path: Path,
    changes: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    settings: RunSettings = replace(RUN, **changes)
    with pytest.raises(error, match=words):
        evaluate(engine, CASES, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_engines_that_cannot_be_asked(atlas_folder: Path, tmp_path: Path) -> None:
    engine = load(atlas_folder, device="cpu")
    with pytest.raises(InputError, match="only the engine transformers"):
        evaluate(SimpleNamespace(encode=engine.encode), CASES, RUN, tmp_path / "run")
    only_answers = SimpleNamespace(encode=engine.encode, model="served")
    told = replace(RUN, editor="rome", protocols=("generated",))
    with pytest.raises(InputError, match="rome works on the engine transformers only"):
        evaluate(only_answers, CASES, told, tmp_path / "run")
    with pytest.raises(CheckpointError, match="hf_template"):
        evaluate(engine, CASES, replace(RUN, wrapper="xkde_eval"), tmp_path / "run")
    engine.tokenizer.chat_template = None
    with pytest.raises(CheckpointError, match="no chat template"):
        evaluate(engine, CASES, RUN, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_evaluations_never_share_a_folder(engine: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    refused: list[str] = []

    def a_second_one(done: float, of: int) -> None:
        if not refused:
            with pytest.raises(DataError, match="run is in use by process") as error:
                evaluate(engine, CASES, RUN, folder)
            refused.append(str(error.value))

    file = evaluate(engine, CASES, RUN, folder, on_progress=a_second_one)
    rows = rows_of(file)
    assert len({tuple(row[name] for name in KEY) for row in rows}) == len(rows)
    assert len(refused) == 1
