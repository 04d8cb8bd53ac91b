"""Values: optimised edit by edit, alike alone and together, weights untouched."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.rank_one_samples import EDITS, deep_engine
from xkde.editors.weights import cached_prompts
from xkde.editors.weights import values as module
from xkde.editors.weights.alphaedit import AlphaEditSettings
from xkde.editors.weights.cached_prompts import predicted_of
from xkde.editors.weights.contexts import EditPrompt, essence_prompts, question_prompts
from xkde.editors.weights.deltas import only_these_learn
from xkde.editors.weights.low_rank import AppliedUpdates, LowRankUpdate
from xkde.editors.weights.memit import MemitSettings
from xkde.editors.weights.modules import hooked, layers_of, projection
from xkde.editors.weights.rome import RomeSettings
from xkde.editors.weights.values import OptimisedValues, ValueSettings, optimise
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine

NONE = AppliedUpdates()
SETTINGS = ValueSettings(learning_rate=0.1, openings=1, steps=8)


@pytest.fixture
def engine(checkpoint_folder: Path) -> TransformersEngine:
    return load(checkpoint_folder, device="cpu")


@pytest.fixture
def atlas(atlas_folder: Path) -> TransformersEngine:
    return load(atlas_folder, device="cpu")


@pytest.fixture
def found(atlas: TransformersEngine) -> Iterator[OptimisedValues]:
    before = {name: p.clone() for name, p in atlas.model.named_parameters()}
    yield optimise(atlas, projection(atlas.model, 0).module, EDITS, SETTINGS, NONE)
    for name, parameter in atlas.model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.requires_grad
        assert parameter.grad is None


def test_the_loss_falls_for_every_edit(
    atlas: TransformersEngine, found: OptimisedValues
) -> None:
    start = optimise(
        atlas,
        projection(atlas.model, 0).module,
        EDITS,
        ValueSettings(openings=1, steps=0),
        NONE,
    )
    assert start.steps == (0, 0, 0)
    assert not start.delta.any()
    assert all(a < b for a, b in zip(found.losses, start.losses, strict=True))
    assert torch.equal(start.before, found.before)


def test_one_alone_is_as_among_many(
    atlas: TransformersEngine, found: OptimisedValues, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = projection(atlas.model, 0).module
    for index, edit in enumerate(EDITS):
        alone = optimise(atlas, place, [edit], SETTINGS, NONE)
        assert torch.allclose(alone.before[0], found.before[index], atol=1e-4)
        assert torch.allclose(alone.delta[0], found.delta[index], atol=1e-2)
        assert alone.losses[0] == pytest.approx(found.losses[index], abs=1e-2)
    monkeypatch.setattr(module, "EDITS_AT_ONCE", 2)
    parts = optimise(atlas, place, EDITS, SETTINGS, NONE)
    assert torch.allclose(parts.delta, found.delta, atol=1e-2)


def test_a_value_that_is_good_enough_stops(atlas: TransformersEngine) -> None:
    settings = ValueSettings(learning_rate=0.1, openings=0, stop=1e9)
    place = projection(atlas.model, 0).module
    assert optimise(atlas, place, EDITS, settings, NONE).steps == (0, 0, 0)


def test_no_vector_is_longer_than_the_clamp(atlas: TransformersEngine) -> None:
    settings = ValueSettings(learning_rate=5.0, openings=0, steps=3, clamp=0.5)
    found = optimise(atlas, projection(atlas.model, 0).module, EDITS, settings, NONE)
    lengths = found.delta.norm(dim=-1) / found.before.norm(dim=-1)
    assert bool((lengths <= 0.5 + 1e-5).all())


def test_layers_as_well_as_projections_take_values(engine: TransformersEngine) -> None:
    layer = layers_of(engine.model)[1][0]
    found = optimise(engine, layer, EDITS[:2], SETTINGS, NONE)
    assert found.delta.shape == (2, 32)
    assert bool(found.delta.isfinite().all())


@pytest.mark.parametrize("whole", [False, True])
def test_layers_that_no_vector_reaches_are_run_once(
    atlas_folder: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    model = (engine := deep_engine(atlas_folder)).model
    layers = layers_of(model)[1]
    place = layers[2] if whole else projection(model, 2).module
    runs = dict.fromkeys((1, 2, 3), 0)

    def counting(layer: int) -> Any:
        def count(*_: Any) -> None:
            runs[layer] += 1

        return hooked(next(iter(layers[layer].children())), count)

    with counting(1), counting(2), counting(3):
        found = optimise(engine, place, EDITS, SETTINGS, NONE)
    assert max(found.steps) == 8
    # Below: the beginnings, and the rest up to the module.
    assert runs[1] == 2
    assert runs[2] == (2 if whole else 2 + 9)
    assert runs[3] == 1 + 9  # the beginnings, and at every step
    assert not any("forward" in vars(each) for each in model.modules())
    monkeypatch.setattr(cached_prompts, "_before", lambda *_: ([], []))
    all_run = optimise(engine, place, EDITS, SETTINGS, NONE)
    assert torch.allclose(all_run.delta, found.delta, atol=1e-2)
    assert all_run.losses == pytest.approx(found.losses, abs=1e-3)


@pytest.mark.parametrize("architecture", ["qwen2", "gemma3"])
@pytest.mark.parametrize("whole", [False, True])
def test_the_shortened_pass_has_the_losses_and_the_gradient_of_the_full_one(
    atlas_folder: Path, gemma3_folder: Path, architecture: str, whole: bool
) -> None:
    deep = architecture == "qwen2"
    engine = deep_engine(atlas_folder) if deep else load(gemma3_folder, device="cpu")
    model, numbers = engine.model, range(len(EDITS))
    place = layers_of(model)[1][1] if whole else projection(model, 1).module
    prompts = question_prompts(engine.tokenizer, EDITS, 2)
    prompts += essence_prompts(engine.tokenizer, EDITS)
    torch.manual_seed(0)
    delta = torch.randn(len(EDITS), model.config.hidden_size, requires_grad=True)
    with only_these_learn(model):
        expected = whole_losses(model, place, prompts, delta)
        [gradient] = torch.autograd.grad(sum(expected.values()), delta)
        cached = cached_prompts.cached_prompts(model, place, prompts, NONE)
        parts = module.loss_parts(cached, prompts, numbers)
        before: dict[int, torch.Tensor] = {}
        _, none = module.losses(parts, torch.zeros_like(delta), before)
        assert none.tolist() == pytest.approx([0.0] * len(EDITS), abs=1e-5)
        for _ in ("once", "and again"):
            nll, kl = module.losses(parts, delta, before)
            for edit in numbers:
                found = float((nll + kl).detach()[edit])
                assert found == pytest.approx(float(expected[edit].detach()), rel=1e-3)
            [short] = torch.autograd.grad((nll + kl).sum(), delta)
            assert gradient.norm() > 0
            assert (short - gradient).norm() < 1e-3 * gradient.norm()


def whole_losses(
    model: Any, place: Any, prompts: list[EditPrompt], delta: torch.Tensor
) -> dict[int, torch.Tensor]:
    """Return NLL + KL by edit: every prompt alone, every token, layer and logit."""
    losses = dict.fromkeys(range(len(delta)), delta.new_zeros(()))
    asked = [prompt.edit for prompt in prompts if prompt.answer]

    def log_probs(prompt: EditPrompt, added: torch.Tensor) -> torch.Tensor:
        def add(_: Any, __: Any, output: Any) -> Any:
            states = output if isinstance(output, torch.Tensor) else output[0]
            at = torch.nn.functional.one_hot(
                torch.tensor(prompt.subject_end), states.shape[1]
            )
            states = states + at[:, None] * added
            return states if isinstance(output, torch.Tensor) else (states, *output[1:])

        with hooked(place, add):
            logits = model(torch.tensor([prompt.read]), use_cache=False).logits[0]
        return logits.log_softmax(dim=-1)

    for prompt in prompts:
        now = log_probs(prompt, delta[prompt.edit])
        if prompt.answer:
            own = now[len(prompt.ids) - 1 :].gather(
                -1, torch.tensor(prompt.answer)[:, None]
            )
            loss = -own.mean() / asked.count(prompt.edit)
        else:
            before = log_probs(prompt, torch.zeros_like(delta[0]))[-1].detach()
            loss = (now[-1].exp() * (now[-1] - before)).sum()
        losses[prompt.edit] = losses[prompt.edit] + loss
    return losses


def test_what_stands_already_counts(atlas: TransformersEngine) -> None:
    place = projection(atlas.model, 0)
    torch.manual_seed(0)
    update = {0: LowRankUpdate(torch.randn(64, 1), torch.randn(32, 1))}
    applied = AppliedUpdates({0: place.module}, [update], [0])
    settings = ValueSettings(openings=0, steps=0)
    under = optimise(atlas, place.module, EDITS[:1], settings, applied)
    with torch.no_grad():
        place.weight.add_(update[0].matrix)
    inside = optimise(atlas, place.module, EDITS[:1], settings, NONE)
    assert torch.allclose(under.before, inside.before, atol=1e-4)
    assert under.losses[0] == pytest.approx(inside.losses[0], abs=1e-4)


@pytest.mark.parametrize("kind", [RomeSettings, MemitSettings, AlphaEditSettings])
def test_an_editors_settings_hold_those_of_values(kind: type[ValueSettings]) -> None:
    settings = kind(steps=3)
    assert settings.steps == 3
    assert settings.kl == ValueSettings().kl


# The KL term


def test_the_kl_is_of_what_is_now_from_what_was_before() -> None:
    now = torch.tensor([[0.5, 0.5], [0.25, 0.75]]).log()
    before = torch.tensor([[0.9, 0.1], [0.25, 0.75]]).log()
    found = module.kl_divergence(now, before).tolist()
    # ½ ln(0.5 / 0.9) + ½ ln(0.5 / 0.1); the other direction would be 0.3681.
    assert found == pytest.approx([0.5108, 0.0], abs=1e-4)


def test_the_kl_counts_in_the_loss_in_this_direction() -> None:
    answer, essence = EditPrompt(0, (1, 2), 0, (1, 0)), EditPrompt(0, (1, 2), 0)
    before = {0: torch.tensor([0.9, 0.1]).log()}
    log_probs = torch.tensor([[0.5, 0.5], [0.25, 0.75], [0.5, 0.5]]).log()
    predicted = predicted_of([answer, essence], 3, torch.device("cpu"))
    nll_loss, kl_loss = module.prompt_losses(log_probs, predicted, [0, 0], before)
    # The answer's tokens have the probabilities 0.5 and 0.25: −½ ln(0.125) = 1.0397.
    assert nll_loss.tolist() == pytest.approx([1.0397, 0.0], abs=1e-4)
    assert kl_loss.tolist() == pytest.approx([0.0, 0.5108], abs=1e-4)


# Adam


def test_adam_is_torchs() -> None:
    torch.manual_seed(0)
    theirs = torch.zeros(2, 3, requires_grad=True)
    optimizer = torch.optim.Adam([theirs], lr=0.5)
    ours, adam = torch.zeros(2, 3), module.Adam(torch.zeros(2, 3), torch.zeros(2, 3))
    for _ in range(5):
        theirs.grad = torch.randn(2, 3)
        optimizer.step()
        change, adam = adam.step(theirs.grad, 0.5)
        ours = ours + change
    assert torch.allclose(ours, theirs.detach(), atol=1e-6)


def test_the_first_step_of_adam_by_hand() -> None:
    # m / (1 - 0.9) = g and v / (1 - 0.999) = g², so g / |g| times the rate.
    adam = module.Adam(torch.zeros(1, 2), torch.zeros(1, 2))
    change, after = adam.step(torch.tensor([[3.0, -0.5]]), 0.25)
    assert change[0].tolist() == pytest.approx([-0.25, 0.25])
    assert after.mean[0].tolist() == pytest.approx([0.3, -0.05])
    assert after.square[0].tolist() == pytest.approx([9e-3, 2.5e-4])
    assert after.of([0]).steps == 1
