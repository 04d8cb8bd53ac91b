"""An editor's edit on a copy: the copy obeys, the model is bit for bit as before.

python -m pytest tests/xkde/asking/test_on_a_copy.py
"""

import threading
from pathlib import Path

import pytest

from xkde.asking.on_a_copy import copy_but, made_on_a_copy
from xkde.editors.weights import deltas
from xkde.editors.weights.second_moments import digest
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.types import Edit, Query

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en", subject="Japan")
QUERIES = (Query(JAPAN.question, "en"), Query("日本的首都是哪里？", "zh"))


@pytest.fixture(scope="module")
def engine(atlas_folder: Path) -> TransformersEngine:
    return load(atlas_folder, device="cpu")


def test_weights_are_changed_in_the_copy_alone(engine: TransformersEngine) -> None:
    before = digest(engine.model)
    made = made_on_a_copy("ft-m", engine, [JAPAN], QUERIES)
    own = made.routed[0].engine.model
    assert own is not engine.model
    assert made.routed[1].engine.model is own
    assert digest(engine.model) == before != digest(own)
    assert made.routed[0].messages[-1].content == QUERIES[0].text
    assert made.seconds > 0


def test_a_copy_shares_what_was_not_changed(engine: TransformersEngine) -> None:
    names = [name for name, _ in engine.model.named_parameters()]
    own = dict(copy_but(engine, {names[1]: None}).named_parameters())
    theirs = dict(engine.model.named_parameters())
    assert [n for n in names if own[n] is not theirs[n]] == [names[1]]
    assert deltas.are_equal(engine.model, own)


def test_an_editor_in_the_prompt_asks_the_model_itself(
    engine: TransformersEngine,
) -> None:
    made = made_on_a_copy("prompt", engine, [JAPAN], QUERIES)
    assert all(each.engine is engine for each in made.routed)
    assert "Osaka" in made.routed[1].messages[-1].content


def test_a_missing_subject_is_said_before_anything_is_read(
    engine: TransformersEngine,
) -> None:
    bare = Edit(JAPAN.question, "Osaka", "en")
    with pytest.raises(InputError, match="ROME must know the subject"):
        made_on_a_copy("rome", engine, [bare], QUERIES)


def test_stop_while_moments_are_read_leaves_the_model(
    engine: TransformersEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    before = digest(engine.model)

    def stop(done: int, total: int) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError):
        made_on_a_copy("rome", engine, [JAPAN], QUERIES, stop)
    assert digest(engine.model) == before
    free: list[bool] = []

    def enter() -> None:
        with deltas.alone(engine.model):
            free.append(True)

    other = threading.Thread(target=enter)
    other.start()
    other.join(5)
    assert free == [True]
