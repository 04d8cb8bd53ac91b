"""FT-L and FT-M: fine-tune one layer's down projection on the edits.

Adam on one matrix, in float32 whatever the model's own format; at most ``steps`` passes
over the edits, fewer where the mean loss falls below ``enough``. Optionally the matrix
stays within ``clamp`` of what it was, number by number (the norm constraint of Zhu et
al., 2020: https://arxiv.org/abs/2012.00363). The losses of an answer y₁ … yₙ to x:

    FT-L   Σ_t −log p(y_t | x)              every token read at the prompt's end
    FT-M   1/n Σ_t −log p(y_t | x, y_<t)    every token after the ones before it

FT-L is the baseline of ROME (https://arxiv.org/abs/2202.05262) as EasyEdit has it, FT-M
its masked variant (https://arxiv.org/abs/2401.01286). Longer answers come out of FT-L
as their tokens in no order: it is here to be compared with. Its answers have no end
mark, which at the prompt's end would teach the model to say nothing; those of FT-M
have, so that the model stops where the answer does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from transformers import PreTrainedModel

from xkde.editors.editor import Applied
from xkde.editors.weights import deltas
from xkde.editors.weights.base import WeightChange, WeightEditor
from xkde.editors.weights.modules import projection
from xkde.engines.forward import Pair, answer_logits, logits_at, nll_losses, pad
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError, Notice, SettingsError
from xkde.prompts import answered
from xkde.types import Edit

# (model, pairs of prompt and answer) -> each pair's loss, (pairs,)
AnswerLosses = Callable[[PreTrainedModel, Sequence[Pair]], Tensor]

HIGHEST_RATE = 1e6  # far above any use; float32 holds a step of Adam at it


@dataclass(frozen=True)
class FineTuningSettings:
    """Of both editors: EasyEdit's defaults; layer 21 of 32 in Llama-2-7B."""

    layer: int | float = 0.66
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    steps: int = 25
    enough: float = 1e-2  # a mean loss at which to stop
    batch_size: int = 1
    clamp: float = 0.0  # 0: none


def ft_l(given: Mapping[str, object]) -> WeightEditor:
    """Return FT-L."""
    compute = partial(change, losses=prompt_end_losses, with_end=False)
    return WeightEditor("ft-l", FineTuningSettings, compute, given)


def ft_m(given: Mapping[str, object]) -> WeightEditor:
    """Return FT-M."""
    compute = partial(change, losses=answer_losses, with_end=True)
    return WeightEditor("ft-m", FineTuningSettings, compute, given)


def answer_losses(model: PreTrainedModel, pairs: Sequence[Pair]) -> Tensor:
    """Return FT-M's loss: each answer's mean −log p per token, (pairs,)."""
    return nll_losses(answer_logits(model, pairs))


def prompt_end_losses(model: PreTrainedModel, pairs: Sequence[Pair]) -> Tensor:
    """Return FT-L's loss: the sum of −log p of all tokens at the prompt's end."""
    ids, mask = pad([prompt for prompt, _ in pairs], "left", model.device)
    last = torch.tensor([ids.shape[1] - 1], device=ids.device)
    logits = logits_at(model, ids, mask, last, use_cache=False)[:, 0].float()
    log_probs = logits.log_softmax(dim=-1)
    return torch.stack(
        [
            -log_probs[row, torch.tensor(answer, device=ids.device)].sum()
            for row, (_, answer) in enumerate(pairs)
        ]
    )


def pairs_of(
    engine: TransformersEngine, edits: Sequence[Edit], with_end: bool = True
) -> list[Pair]:
    """Return each edit's bare question and its answer as ids, end mark or not."""
    pairs: list[Pair] = []
    for edit in edits:
        encoded = engine.encode(answered(edit.question, edit.answer, edit.language))
        answer = encoded.answer_ids
        while not with_end and answer[-1:] and answer[-1] in engine.stop_ids:
            answer = answer[:-1]
        limit = engine.max_length
        if limit is not None and len(encoded.prompt_ids) + len(answer) > limit:
            raise InputError(
                "The edit “{question}…” has {n} tokens, but this model takes at most "
                "{most}. Please shorten it.",
                question=edit.question[:40],
                n=len(encoded.ids),
                most=limit,
            )
        pairs.append((encoded.prompt_ids, answer))
    return pairs


def change(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: FineTuningSettings,
    earlier: Applied | None,
    *,
    losses: AnswerLosses,
    with_end: bool,
) -> WeightChange:
    """Return the change that lowers the edits' losses; the model is left as it was."""
    _check(settings)
    pairs = pairs_of(engine, edits, with_end)
    chosen = projection(engine.model, settings.layer)
    name = chosen.weight_name
    with (
        deltas.restored(engine.model, [name]) as originals,
        deltas.only_these_learn(engine.model, [name]) as (weight,),
    ):
        before = originals[name].float()
        tuned = before.clone()
        optimizer = torch.optim.Adam(
            [tuned], settings.learning_rate, weight_decay=settings.weight_decay
        )
        mean_loss = float("inf")
        for _ in range(settings.steps):
            reached: list[float] = []
            for start in range(0, len(pairs), settings.batch_size):
                loss = losses(engine.model, pairs[start : start + settings.batch_size])
                reached += loss.tolist()
                if loss.mean() < settings.enough:
                    continue  # it has been learned; leave it
                (gradient,) = torch.autograd.grad(loss.mean(), weight)
                tuned.grad = gradient.float()
                optimizer.step()
                if settings.clamp:
                    tuned.clamp_(before - settings.clamp, before + settings.clamp)
                deltas.restore(engine.model, {name: tuned})
            mean_loss = sum(reached) / len(reached)
            if mean_loss < settings.enough or not torch.tensor(mean_loss).isfinite():
                break
    return WeightChange({name: tuned - before}, notes_of_loss(mean_loss, settings))


def notes_of_loss(mean_loss: float, settings: FineTuningSettings) -> tuple[str, ...]:
    """Return a note for people where the loss that was wanted is not reached."""
    if mean_loss < settings.enough:
        return ()
    return (
        Notice(
            "After {steps} passes the loss was still {loss:.2f} (wanted: {wanted:g}).",
            steps=settings.steps,
            loss=mean_loss,
            wanted=settings.enough,
        ),
    )


def _check(settings: FineTuningSettings) -> None:
    if settings.steps < 1 or settings.batch_size < 1:
        raise SettingsError("Fine-tuning needs at least one step and one edit a batch.")
    if not (0 < settings.learning_rate <= HIGHEST_RATE):
        raise SettingsError(
            f"A learning rate of {settings.learning_rate} teaches nothing. Give a "
            f"number above 0 and at most {HIGHEST_RATE:g}, such as 5e-4."
        )
    if settings.weight_decay < 0 or settings.clamp < 0:
        raise SettingsError("The clamp and the weight decay are 0 (none) or above.")
