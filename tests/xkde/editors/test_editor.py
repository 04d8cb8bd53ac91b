"""Edits are put to work and taken out again, whatever happens between."""

import threading
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from xkde.editors.editor import (
    Applied,
    Routed,
    answer,
    applied,
    check_edits,
    is_reverted,
    score,
)
from xkde.editors.registry import make
from xkde.editors.weights import deltas
from xkde.editors.weights.base import SavedDeltaEditor, WeightChange, WeightEditor
from xkde.editors.weights.modules import projection
from xkde.engines.loading import load, load_tokenizer
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError, NotFiniteError, SettingsError
from xkde.prompts import ask
from xkde.types import Edit, Query, Sampling

EDITS = (
    Edit("What is the capital of Japan?", "Osaka", "en", "Japan", "Tokyo"),
    Edit("日本的货币是什么？", "欧元", "zh", "日本"),
    Edit("Who is it?", "Kyoto", "en", "it"),
)
QUERIES = (
    Query("What is the capital of Japan?", "en"),
    Query("日本的首都是哪座城市？", "zh"),
    Query("Why?", "en"),
)
GREEDY = Sampling(8)


@dataclass(frozen=True)
class Settings:
    size: float = 0.1


def shift(
    engine: TransformersEngine,
    edits: tuple[Edit, ...],
    settings: Settings,
    earlier: Applied | None,
) -> WeightChange:
    """Add a constant for each edit."""
    name = projection(engine.model, 1).weight_name
    weight = engine.model.get_parameter(name)
    return WeightChange({name: torch.full_like(weight, settings.size) * len(edits)})


def shifting(size: float = 0.1) -> WeightEditor:
    return WeightEditor("shift", Settings, shift, {"size": size})


@pytest.fixture(scope="module")
def engine(atlas_folder: Path) -> TransformersEngine:
    return load(atlas_folder, device="cpu")


def weights(engine: TransformersEngine) -> dict[str, torch.Tensor]:
    return deltas.originals_of(engine.model, dict(engine.model.named_parameters()))


def test_weights_are_other_inside_and_the_same_after(
    engine: TransformersEngine,
) -> None:
    before = weights(engine)
    with applied(shifting(), engine, EDITS) as at_work:
        assert not is_reverted(engine, at_work)
        assert at_work.edits == EDITS
        assert at_work.seconds > 0
        assert at_work.peak_bytes >= 0
        inside = [g.token_ids for g in answer(at_work, QUERIES, GREEDY)]
    assert is_reverted(engine, at_work)
    assert deltas.are_equal(engine.model, before)
    after = [g.token_ids for g in answer(at_work, QUERIES, GREEDY)]
    assert inside != after


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SettingsError])
def test_the_same_after_an_error_inside(
    engine: TransformersEngine, error: type[BaseException]
) -> None:
    before = weights(engine)
    with pytest.raises(error), applied(shifting(), engine, EDITS, at_once=1):
        raise error("stopped")
    assert deltas.are_equal(engine.model, before)


def test_the_same_after_an_editor_fails_in_the_middle(
    engine: TransformersEngine,
) -> None:
    before = weights(engine)

    def fails(
        engine: TransformersEngine,
        edits: tuple[Edit, ...],
        settings: Settings,
        earlier: Applied | None,
    ) -> WeightChange:
        change = shift(engine, edits, settings, earlier)
        size = 0.1 if earlier is None else float("nan")
        return WeightChange(deltas.scaled(change.delta, size))

    editor = WeightEditor("shift", Settings, fails)
    with pytest.raises(NotFiniteError), applied(editor, engine, EDITS, at_once=1):
        pass
    assert deltas.are_equal(engine.model, before)


def test_one_after_another_sums_up(engine: TransformersEngine) -> None:
    before = weights(engine)
    with applied(shifting(), engine, EDITS) as together:
        at_once = weights(engine)
    with applied(shifting(), engine, EDITS, at_once=1) as in_turn:
        assert in_turn.edits == EDITS
        assert in_turn.seconds > 0
        for name, value in at_once.items():
            assert torch.allclose(engine.model.get_parameter(name), value)
    assert set(in_turn.delta) == set(together.delta)
    assert deltas.are_equal(engine.model, before)
    with pytest.raises(InputError), applied(shifting(), engine, EDITS, at_once=0):
        pass


def test_a_saved_delta_does_what_its_editor_did(
    engine: TransformersEngine, tmp_path: Path
) -> None:
    with applied(shifting(), engine, EDITS) as at_work:
        by_editor = weights(engine)
    path = tmp_path / "delta.safetensors"
    deltas.save(path, deltas.SavedDelta(at_work.delta, "shift", EDITS, "tiny", "1"))
    editor = SavedDeltaEditor(deltas.load(path, "1"))
    with applied(editor, engine, editor.saved.edits) as again:
        assert again.editor == "shift"
        assert again.edits == EDITS
        assert deltas.are_equal(engine.model, by_editor)


def test_nobody_else_has_the_model_meanwhile(engine: TransformersEngine) -> None:
    came = threading.Event()

    def other() -> None:
        with applied(make("none"), engine, EDITS):
            came.set()

    with applied(shifting(), engine, EDITS):
        thread = threading.Thread(target=other)
        thread.start()
        assert not came.wait(0.05)
    thread.join(5)
    assert came.is_set()


def test_answers_one_by_one_are_those_of_a_batch(engine: TransformersEngine) -> None:
    for editor in (make("none"), make("x-kde"), shifting()):
        with applied(editor, engine, EDITS[:1]) as at_work:
            many = answer(at_work, QUERIES, GREEDY)
            single = [answer(at_work, [query], GREEDY)[0] for query in QUERIES]
            assert [g.token_ids for g in many] == [g.token_ids for g in single]
            scores = score(at_work, QUERIES, ["Osaka", "大阪", "No."])
            alone = [
                score(at_work, [query], [text])[0]
                for query, text in zip(QUERIES, ["Osaka", "大阪", "No."], strict=True)
            ]
            for one, other in zip(scores, alone, strict=True):
                assert one.log_probability == pytest.approx(
                    other.log_probability, abs=1e-3
                )


def test_every_query_goes_where_its_route_leads(engine: TransformersEngine) -> None:
    other = replace(engine, model=deepcopy(engine.model))
    with torch.no_grad():
        other.model.get_parameter(projection(other.model, 1).weight_name).mul_(-3)
    engines = {"en": engine, "zh": other}

    def route(query: Query) -> Routed:
        return Routed(engines[query.language], tuple(ask(query.text)))

    at_work = Applied("both", (), route)
    mixed = answer(at_work, QUERIES, GREEDY)
    for query, told in zip(QUERIES, mixed, strict=True):
        alone = replace(at_work, route=lambda q, e=query: route(e))
        assert answer(alone, [query], GREEDY)[0].token_ids == told.token_ids
    assert (
        mixed[1].token_ids
        != engine.generate([engine.encode_query(QUERIES[1].text)], GREEDY)[0].token_ids
    )


@pytest.mark.parametrize("name", ["x-kde", "lte", "prompt", "none"])
def test_prompt_editors_leave_the_weights_alone(
    engine: TransformersEngine, name: str
) -> None:
    before = weights(engine)
    with applied(make(name), engine, EDITS, at_once=1) as at_work:
        assert at_work.edits == EDITS
        assert at_work.delta == {}
        assert deltas.are_equal(engine.model, before)


def test_presets_and_given_settings(engine: TransformersEngine) -> None:
    given: Mapping[str, object] = {"sise": 1}
    editor = WeightEditor("shift", Settings, shift, given)
    with pytest.raises(SettingsError, match="sise"), applied(editor, engine, EDITS):
        pass


# Edits that cannot be applied are refused in words

GOOD = Edit("What is the capital of Japan?", "Osaka", "en", "Japan")


def test_good_edits_pass(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    other = Edit("日本的首都是哪里？", "京都", "zh", "日本")
    check_edits([GOOD, GOOD, other], tokenizer, needs_subject=True, longest_answer=64)


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([], "no edit"),
        ([Edit(" ", "Osaka", "en", "Japan")], "question is empty"),
        ([Edit("What?", "", "en", "Japan")], "answer is empty"),
        ([Edit("What?", "[Query]:", "en", "Japan")], "uses as a mark"),
        ([Edit("What?", "a <|end|> b", "en", "Japan")], "uses as a mark"),
        ([Edit("What is it?", "Osaka", "en")], "names no subject"),
        ([Edit("What?", "Osaka " * 200, "en", "Japan")], "takes at most 64"),
        (
            [GOOD, Edit("what is the capital of japan", "Kyoto", "en", "Japan")],
            "contradict",
        ),
    ],
)
def test_bad_edits_are_said(atlas_folder: Path, edits: list[Edit], words: str) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    with pytest.raises(InputError, match=words):
        check_edits(edits, tokenizer, needs_subject=True, longest_answer=64)
