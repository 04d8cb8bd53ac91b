"""What no vector reaches is read once; what is read then is what a whole pass has."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.helpers.rank_one_samples import EDITS, deep_engine
from xkde.editors.weights import cached_prompts as module
from xkde.editors.weights.cached_prompts import cached_prompts, predicted_of
from xkde.editors.weights.contexts import EditPrompt, essence_prompts, question_prompts
from xkde.editors.weights.keys import inputs_and_outputs
from xkde.editors.weights.low_rank import AppliedUpdates, LowRankUpdate
from xkde.editors.weights.modules import hooked, layers_of, projection
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine

NONE = AppliedUpdates()


@pytest.fixture(params=["qwen2", "gemma3"])
def engine(
    request: pytest.FixtureRequest, atlas_folder: Path, gemma3_folder: Path
) -> TransformersEngine:
    if request.param == "qwen2":
        return deep_engine(atlas_folder)
    return load(gemma3_folder, device="cpu")


def prompts_of(engine: TransformersEngine) -> list[EditPrompt]:
    questions = question_prompts(engine.tokenizer, EDITS, 2)
    return [*questions, *essence_prompts(engine.tokenizer, EDITS)]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("some_are_applied", [False, True])
def test_keys_and_values_are_those_of_a_whole_pass(
    engine: TransformersEngine,
    monkeypatch: pytest.MonkeyPatch,
    whole: bool,
    shared: bool,
    some_are_applied: bool,
) -> None:
    model, prompts = engine.model, prompts_of(engine)
    place = projection(model, 1)
    read = layers_of(model)[1][1] if whole else place.module
    applied = NONE
    if some_are_applied:
        torch.manual_seed(0)
        width, given = place.matrix.shape
        sets = [
            {1: LowRankUpdate(torch.randn(given, 1), torch.randn(width, 1))},
            {1: LowRankUpdate(torch.randn(given, 2), torch.randn(width, 2))},
        ]
        applied = AppliedUpdates({1: place.module}, sets, [0, 1, 0])
    [(inputs, outputs)] = inputs_and_outputs(engine, [read], prompts, applied)
    if shared:
        monkeypatch.setattr(module, "WORTH_A_PASS", 0)
    monkeypatch.setattr(module, "PROMPTS_AT_ONCE", 5)
    cached = cached_prompts(model, read, prompts, applied)
    assert torch.allclose(cached.inputs, inputs, rtol=1e-3, atol=1e-4)
    assert torch.allclose(cached.outputs, outputs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("some_are_applied", [False, True])
def test_logits_are_those_of_prompts_alone(
    engine: TransformersEngine, some_are_applied: bool
) -> None:
    """Again and again, with any vectors, for all prompts and for some."""
    model, prompts = engine.model, prompts_of(engine)
    place = projection(model, 1)
    torch.manual_seed(0)
    width, given = place.matrix.shape
    update = LowRankUpdate(torch.randn(given, 1), torch.randn(width, 1))
    applied = NONE
    if some_are_applied:
        applied = AppliedUpdates({1: place.module}, [{1: update}], [0, 0, 0])
    with torch.no_grad():
        cached = cached_prompts(model, place.module, prompts, applied)
        [batch] = cached.batches(range(len(prompts)))
        [part] = cached.batches([7, 2])
        if some_are_applied:
            place.weight.add_(update.matrix)
        for scale in (0.0, 1.0, 3.0):
            vectors = scale * torch.randn(len(prompts), width)
            expected = [
                alone(model, place.module, prompt, vector)
                for prompt, vector in zip(prompts, vectors, strict=True)
            ]
            if some_are_applied:
                place.weight.sub_(update.matrix)
            found, of_part = batch.logits(vectors), part.logits(vectors[[7, 2]])
            if some_are_applied:
                place.weight.add_(update.matrix)
            answers = [e for e, p in zip(expected, prompts, strict=True) if p.answer]
            essences = [e[-1:] for e in expected[-len(EDITS) :]]
            assert torch.allclose(
                found, torch.cat([*answers, *essences]), rtol=1e-2, atol=1e-2
            )
            assert torch.allclose(
                of_part, torch.cat([expected[7], expected[2]]), rtol=1e-2, atol=1e-2
            )


def alone(
    model: Any, place: nn.Module, prompt: EditPrompt, vector: torch.Tensor
) -> torch.Tensor:
    """Return the logits of one prompt's answer, or of its end, in a whole pass."""

    def add(_: object, __: object, output: torch.Tensor) -> torch.Tensor:
        states = output.clone()
        states[0, prompt.subject_end] += vector
        return states

    with hooked(place, add):
        logits = model(torch.tensor([prompt.read]), use_cache=False).logits[0]
    return logits[len(prompt.ids) - 1 :].float()


def test_a_module_that_is_called_again_after_the_vector_runs() -> None:
    twice = nn.Linear(1, 1)
    with module._giving([([twice], "kept")]):
        assert twice(torch.zeros(1)) == "kept"
        assert isinstance(twice(torch.zeros(1)), torch.Tensor)
    assert "forward" not in vars(twice)


def test_where_the_head_predicts() -> None:
    """Answers of two tokens and of one in rows of five columns, an essence between."""
    prompts = [
        EditPrompt(0, (1, 2, 3), 1, (7, 8)),
        EditPrompt(0, (1, 2), 1),
        EditPrompt(1, (1, 2, 3), 1, (9,)),
    ]
    found = predicted_of(prompts, 5, torch.device("cpu"))
    assert found.rows.tolist() == [0, 0, 2, 1]
    assert found.columns.tolist() == [3, 4, 4, 4]
    assert found.targets.tolist() == [7, 8, 9]
    assert found.weights.tolist() == [0.5, 0.5, 1.0]
    assert found.essences == (1,)
