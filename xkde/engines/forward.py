"""One forward pass of a causal LM: padding, positions, logits where they are wanted.

Works on token ids alone: knows no tokenizer, no text and no prompt. Never asks which
model it is; a forward pass is given what its signature names. Run by
``xkde.engines.decoding`` and ``xkde.engines.scoring``.
"""

import inspect
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from xkde.errors import CheckpointError

Padding = Literal["left", "right"]


@torch.inference_mode()
def hidden_states(
    model: PreTrainedModel, sequence: Sequence[int], layers: Sequence[int] | None
) -> Tensor:
    """Return (layers, time, hidden) in float32: 0 the embeddings, then each layer."""
    ids, mask = pad([sequence], "right", model.device)
    last = torch.tensor([-1], device=ids.device)
    options = _options(model, ids, mask, last)
    states = model(**options, use_cache=False, output_hidden_states=True).hidden_states
    chosen = states if layers is None else [states[layer] for layer in layers]
    return torch.cat([state.float().cpu() for state in chosen])


def pad(
    sequences: Sequence[Sequence[int]], padding: Padding, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return token ids and attention mask, both (rows, longest)."""
    width = max(map(len, sequences))
    ids = torch.zeros(len(sequences), width, dtype=torch.long)  # any id: it is masked
    mask = torch.zeros(len(sequences), width, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        start = width - len(sequence) if padding == "left" else 0
        ids[row, start : start + len(sequence)] = torch.tensor(sequence)
        mask[row, start : start + len(sequence)] = 1
    return ids.to(device), mask.to(device)


def mean_pool(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over each row's tokens, (rows, hidden), of (rows, time, hidden).

    ``mask`` is (rows, time), 1 where a token stands.
    """
    weights = mask[:, :, None].to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def longest_input(model: PreTrainedModel) -> int | None:
    """Return how many tokens the model takes, prompt and answer together."""
    length: int | None = getattr(
        model.config.get_text_config(), "max_position_embeddings", None
    )
    return length


def logits_at(
    model: PreTrainedModel,
    ids: Tensor,
    mask: Tensor,
    columns: Tensor,
    positions: Tensor | None = None,
    **more: Any,
) -> Tensor:
    """Return logits (rows, columns, vocabulary) at the given columns of the last ones.

    The model itself computes them, with whatever scaling or capping it has; where its
    forward pass can be told so, for these columns alone. Positions are those that the
    mask tells, unless they are given.
    """
    options = _options(model, ids, mask, columns, positions)
    logits: Tensor = model(**options, **more).logits
    return logits if "logits_to_keep" in options else logits[:, columns]


def check_finite(highest: Tensor) -> None:
    """Raise CheckpointError unless every row's highest logit is a number."""
    if not bool(highest.isfinite().all()):
        raise CheckpointError(
            "The model computed values that are no numbers, so its weights are damaged "
            "or its number format is too narrow. Load it in float32, or fetch the "
            "checkpoint again."
        )


def _options(
    model: PreTrainedModel,
    ids: Tensor,
    mask: Tensor,
    columns: Tensor,
    positions: Tensor | None = None,
) -> dict[str, Tensor]:
    if positions is None:
        positions = (mask.cumsum(dim=-1) - 1)[:, -ids.shape[1] :]
        # A finished row that waits in the batch must not run out of positions.
        positions = positions.clamp(min=0, max=(longest_input(model) or 2**31) - 1)
    options = {"position_ids": positions, "logits_to_keep": columns}
    known = accepted(model)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        **{name: value for name, value in options.items() if name in known},
    }


def accepted(model: PreTrainedModel) -> frozenset[str]:
    """Return what a forward pass can be given; a checkpoint's own code varies."""
    return frozenset(inspect.signature(model.forward).parameters)
