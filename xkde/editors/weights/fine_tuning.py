"""Fine-tuning one down projection on edits until it gives the answers: FT-L and FT-M.

Adam on one matrix, in float32 whatever the model's own format; at most ``steps`` passes
over the edits, fewer where the mean loss falls below ``enough``. Optionally the matrix
stays within ``clamp`` of what it was, number by number. Knows which loss by argument.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_fine_tuning.py``
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from xkde.editors.weights import deltas
from xkde.editors.weights.base import Change
from xkde.editors.weights.modules import projection
from xkde.engines.forward import Pair
from xkde.errors import Notice, SettingsError


@dataclass(frozen=True)
class Settings:
    """Of both editors: field.md's defaults; layer 21 of 32 in Llama-2-7B."""

    layer: int | float = 0.66
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    steps: int = 25
    enough: float = 1e-2  # a mean loss at which to stop
    batch_size: int = 1
    clamp: float = 0.0  # 0: none


def fine_tune(
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    losses: Callable[[PreTrainedModel, Sequence[Pair]], Tensor],
    settings: Settings,
) -> Change:
    """Return the change that lowers the losses; the model is left as it was."""
    _check(settings)
    chosen = projection(model, settings.layer)
    with (
        deltas.restored(model, [chosen.weight_name]) as originals,
        deltas.only_these_learn(model, [chosen.weight_name]) as (weight,),
    ):
        before = originals[chosen.weight_name].float()
        now = before.clone()
        optimizer = torch.optim.Adam(
            [now], settings.learning_rate, weight_decay=settings.weight_decay
        )
        reached = float("inf")
        for _ in range(settings.steps):
            told = []
            for start in range(0, len(pairs), settings.batch_size):
                each = losses(model, pairs[start : start + settings.batch_size])
                told += each.tolist()
                if each.mean() < settings.enough:
                    continue  # it has been learned; leave it
                (now.grad,) = torch.autograd.grad(each.mean(), weight)
                now.grad = now.grad.float()
                optimizer.step()
                if settings.clamp:
                    now.clamp_(before - settings.clamp, before + settings.clamp)
                deltas.restore(model, {chosen.weight_name: now})
            reached = sum(told) / len(told)
            if reached < settings.enough or not torch.tensor(reached).isfinite():
                break
    return Change({chosen.weight_name: now - before}, _notes(reached, settings))


def _check(settings: Settings) -> None:
    if settings.steps < 1 or settings.batch_size < 1:
        raise SettingsError("Fine-tuning needs at least one step and one edit a batch.")
    if not (0 < settings.learning_rate < float("inf")):
        raise SettingsError(
            f"A learning rate of {settings.learning_rate} teaches nothing. Give a "
            "number above 0, such as 5e-4."
        )
    if settings.weight_decay < 0 or settings.clamp < 0:
        raise SettingsError("The clamp and the weight decay are 0 (none) or above.")


def _notes(reached: float, settings: Settings) -> tuple[str, ...]:
    if reached < settings.enough:
        return ()
    return (
        Notice(
            "After {steps} passes the loss was still {loss:.2f} (wanted: {wanted:g}).",
            steps=settings.steps,
            loss=reached,
            wanted=settings.enough,
        ),
    )
