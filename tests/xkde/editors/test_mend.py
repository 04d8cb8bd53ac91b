"""MEND: the change that it makes, and that the model is as before afterwards."""

from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tests.helpers import tiny_parts
from xkde.editors import trained
from xkde.editors.editor import applied
from xkde.editors.weights.fine_tuning import answer_losses, pairs_of
from xkde.engines.hypernetwork import HyperNetwork, save_network
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import CheckpointError, SettingsError
from xkde.types import Edit

JAPAN = Edit("Which city is the capital of Japan?", "Osaka", "en")
PARTY = Edit("哪个政党执政英国？", "工党", "zh")
PATTERN = "*.layers.1.mlp.*"
DOWN = "model.layers.1.mlp.down_proj.weight"


@pytest.fixture(scope="module")
def engine(qwen2_folder: Path) -> TransformersEngine:
    return load(qwen2_folder, device="cpu")


@pytest.fixture(scope="module")
def folder(qwen2_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("mend") / "part"
    return tiny_parts.mend(place, qwen2_folder, PATTERN)


def loss(engine: TransformersEngine, edits: list[Edit]) -> float:
    with torch.no_grad():
        found = answer_losses(engine.model, pairs_of(engine, edits))
    return float(found.mean())


def test_an_edit_becomes_likelier_and_is_taken_out_bit_by_bit(
    engine: TransformersEngine, folder: Path
) -> None:
    before = {n: p.clone() for n, p in engine.model.named_parameters()}
    loss_before = loss(engine, [JAPAN])
    with applied(trained.mend({"folder": str(folder)}), engine, [JAPAN]) as at_work:
        assert loss(engine, [JAPAN]) < loss_before
        assert len(at_work.delta) == 3
    after = dict(engine.model.named_parameters())
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.requires_grad for p in after.values())


def test_untrained_it_steps_down_the_gradient(
    engine: TransformersEngine, folder: Path
) -> None:
    weight = engine.model.get_parameter(DOWN)
    told = answer_losses(engine.model, pairs_of(engine, [JAPAN, PARTY]))
    (gradient,) = torch.autograd.grad(told.sum(), weight)
    for batch_size in (1, 16):
        given = {"folder": str(folder), "batch_size": batch_size}
        with applied(trained.mend(given), engine, [JAPAN, PARTY]) as at_work:
            delta = at_work.delta[DOWN]
        assert torch.allclose(delta, -0.1 * gradient, atol=1e-5)


def test_strength_scales_the_change(engine: TransformersEngine, folder: Path) -> None:
    deltas = []
    for strength in (1.0, 0.5):
        given = {"folder": str(folder), "strength": strength}
        with applied(trained.mend(given), engine, [JAPAN]) as at_work:
            deltas.append(at_work.delta[DOWN])
    assert torch.allclose(deltas[0] * 0.5, deltas[1])


def test_one_after_another_each_starts_from_the_weights_it_finds(
    engine: TransformersEngine, folder: Path
) -> None:
    editor = trained.mend({"folder": str(folder)})
    with applied(editor, engine, [JAPAN, PARTY]) as together:
        delta = together.delta[DOWN]
    with applied(editor, engine, [JAPAN, PARTY], at_once=1) as in_turn:
        assert in_turn.edits == (JAPAN, PARTY)
        added = engine.model.get_parameter(DOWN) - in_turn.originals[DOWN]
        assert torch.allclose(added, in_turn.delta[DOWN], atol=1e-6)
        assert not torch.allclose(in_turn.delta[DOWN], delta, atol=1e-6)


def test_weights_that_are_stored_transposed(
    engine: TransformersEngine, tmp_path: Path
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=len(engine.tokenizer), n_embd=32, n_layer=2, n_head=4,
            n_positions=256, initializer_range=0.2, resid_pdrop=0.0, embd_pdrop=0.0,
            attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
        model = GPT2LMHeadModel(config).eval()
    other = TransformersEngine(model, engine.tokenizer, engine.device)
    model.save_pretrained(tmp_path / "gpt2")
    engine.tokenizer.save_pretrained(tmp_path / "gpt2")
    folder = tiny_parts.mend(tmp_path / "part", tmp_path / "gpt2", "*.h.1.mlp.c_proj")
    name = "transformer.h.1.mlp.c_proj.weight"
    told = answer_losses(model, pairs_of(other, [JAPAN]))
    (gradient,) = torch.autograd.grad(told.sum(), model.get_parameter(name))
    with applied(trained.mend({"folder": str(folder)}), other, [JAPAN]) as at_work:
        assert at_work.delta[name].shape == (128, 32)
        assert torch.allclose(at_work.delta[name], -0.1 * gradient, atol=1e-5)


def test_a_network_of_another_model_is_refused(
    engine: TransformersEngine, folder: Path, tmp_path: Path
) -> None:
    network = HyperNetwork({DOWN.removesuffix(".weight"): (8, 4)}, rank=2, rate=0.1)
    save_network(network, tmp_path / "mend.safetensors")
    (tmp_path / "card.json").write_text("{}", encoding="utf-8")
    with (
        pytest.raises(SettingsError, match="another shape"),
        applied(trained.mend({"folder": str(tmp_path)}), engine, [JAPAN]),
    ):
        pass


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ({}, SettingsError, "train-editor mend"),
        ({"folder": "nowhere"}, CheckpointError, "is not in nowhere"),
        ({"batch_size": 0}, SettingsError, "at least one edit"),
    ],
)
def test_mistakes(
    engine: TransformersEngine,
    given: dict[str, object],
    error: type[Exception],
    reason: str,
) -> None:
    before = {n: p.clone() for n, p in engine.model.named_parameters()}
    with (
        pytest.raises(error, match=reason),
        applied(trained.mend(given), engine, [JAPAN]),
    ):
        pass
    assert all(torch.equal(before[n], p) for n, p in engine.model.named_parameters())
