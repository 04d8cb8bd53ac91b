"""FT-L and FT-M: their losses by hand, and that they learn on tiny models."""

from pathlib import Path

import pytest
import torch

from xkde.editors.editor import answer, applied, score
from xkde.editors.registry import make
from xkde.editors.weights import deltas
from xkde.editors.weights.fine_tuning import answer_losses, pairs_of, prompt_end_losses
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError, SettingsError
from xkde.types import Edit, Query, Sampling

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en", "Japan")
EURO = Edit("日本的货币是什么？", "欧元", "zh", "日本")
FAST = {"learning_rate": 0.05, "layer": 1, "steps": 40}


@pytest.fixture(scope="module")
def engine(atlas_folder: Path) -> TransformersEngine:
    return load(atlas_folder, device="cpu")


def test_answer_loss_is_that_of_scoring(checkpoint_folder: Path) -> None:
    engine = load(checkpoint_folder, device="cpu")
    pairs = pairs_of(engine, [JAPAN, EURO])
    scores = engine.score(pairs)
    losses = answer_losses(engine.model, pairs)
    alone = torch.cat([answer_losses(engine.model, [pair]) for pair in pairs])
    assert losses.requires_grad
    assert torch.allclose(losses, alone, atol=1e-4)
    for loss, told in zip(losses.tolist(), scores, strict=True):
        mean = -told.log_probability / len(told.tokens)
        assert loss == pytest.approx(mean, abs=1e-3)


def test_first_place_loss_reads_the_prompts_end(engine: TransformersEngine) -> None:
    pairs = pairs_of(engine, [JAPAN, EURO], with_end=False)
    losses = prompt_end_losses(engine.model, pairs)
    for (prompt, ids), loss in zip(pairs, losses.tolist(), strict=True):
        assert ids[-1] not in engine.stop_ids
        logits = engine.model(input_ids=torch.tensor([prompt])).logits[0, -1]
        expected = -logits.log_softmax(-1)[list(ids)].sum().item()
        assert loss == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("folder", ["qwen2_folder", "llama2_folder", "atlas_folder"])
def test_ft_m_gives_the_answer_and_is_taken_out(
    folder: str, request: pytest.FixtureRequest
) -> None:
    engine = load(request.getfixturevalue(folder), device="cpu")
    before = deltas.originals_of(engine.model, dict(engine.model.named_parameters()))
    with applied(make("ft-m", FAST), engine, [JAPAN]) as at_work:
        (told,) = answer(at_work, [Query(JAPAN.question, "en")], Sampling(16))
        assert told.text == "Osaka"
        assert told.finish == "stop"
        assert len(at_work.delta) == 1
        assert all(p.requires_grad for p in engine.model.parameters())
    assert deltas.are_equal(engine.model, before)


def test_ft_l_raises_the_first_token(engine: TransformersEngine) -> None:
    query = [Query(JAPAN.question, "en")]
    with applied(make("none"), engine, [JAPAN]) as bare:
        (before,) = score(bare, query, ["Osaka"])
    with applied(make("ft-l", {**FAST, "steps": 8}), engine, [JAPAN]) as at_work:
        (after,) = score(at_work, query, ["Osaka"])
    assert after.tokens[0].probability > before.tokens[0].probability


def test_several_edits_together(engine: TransformersEngine) -> None:
    edits = [JAPAN, EURO]
    queries = [Query(edit.question, edit.language) for edit in edits]
    with applied(make("ft-m", {**FAST, "batch_size": 2}), engine, edits) as at_work:
        told = answer(at_work, queries, Sampling(16))
        assert [g.text for g in told] == ["Osaka", "欧元"]


def test_clamp_holds_every_number(engine: TransformersEngine) -> None:
    few = {**FAST, "clamp": 0.01, "steps": 4}
    with applied(make("ft-m", few), engine, [JAPAN]) as at_work:
        (added,) = at_work.delta.values()
        assert added.abs().max() <= 0.01 + 1e-6
        assert "still" in at_work.notes[0]


def test_what_cannot_be_learned_is_said(engine: TransformersEngine) -> None:
    before = deltas.originals_of(engine.model, dict(engine.model.named_parameters()))
    bad: list[tuple[dict[str, object], Edit, type[Exception]]] = [
        ({"learning_rate": float("nan")}, JAPAN, SettingsError),
        ({"learning_rate": 1e39}, JAPAN, SettingsError),  # beyond float32
        ({"learning_rate": "fast"}, JAPAN, SettingsError),
        ({"steps": 0}, JAPAN, SettingsError),
        ({"layer": 7}, JAPAN, SettingsError),
        ({}, Edit("Why?", "Osaka " * 200, "en"), InputError),
        ({}, Edit("Why? " * 300, "Osaka", "en"), InputError),
    ]
    for settings, edit, error in bad:
        with pytest.raises(error), applied(make("ft-m", settings), engine, [edit]):
            pass
    assert deltas.are_equal(engine.model, before)
