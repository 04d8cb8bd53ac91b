"""The logits of given answers as tensors that gradients run through, and two losses.

Where ``scoring`` measures, this is learned from: how unlikely an answer is (NLL), and
how far one model's tokens are from another's (KL). Works on token ids alone. Run by
MEND and SERAC, while they are trained and when they edit.

Run its tests: ``python -m pytest tests/xkde/engines/test_answer_logits.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from xkde.engines.forward import logits_at, pad

Pair = tuple[Sequence[int], Sequence[int]]  # the ids of a prompt, of its answer


@dataclass(frozen=True)
class AnswerLogits:
    """Every answer token of a batch, one after another."""

    logits: Tensor  # (tokens, vocabulary), float32
    targets: Tensor  # (tokens,)
    rows: Tensor  # (tokens,): the pair that each belongs to
    count: int  # of pairs


def answer_logits(model: PreTrainedModel, pairs: Sequence[Pair]) -> AnswerLogits:
    """Return the logits of each answer's tokens, given the true ones before them."""
    inputs = [[*prompt, *answer[:-1]] for prompt, answer in pairs]
    ids, mask = pad(inputs, "right", model.device)
    starts = [len(prompt) - 1 for prompt, _ in pairs]
    ends = [s + len(answer) for s, (_, answer) in zip(starts, pairs, strict=True)]
    first = min(starts)
    columns = torch.arange(first, max(ends), device=ids.device)
    logits = logits_at(model, ids, mask, columns, use_cache=False)
    at = [(r, c - first) for r in range(len(pairs)) for c in range(starts[r], ends[r])]
    rows, places = torch.tensor(at, device=ids.device).T
    told = [token_id for _, answer in pairs for token_id in answer]
    targets = torch.tensor(told, device=ids.device)
    return AnswerLogits(logits[rows, places].float(), targets, rows, len(pairs))


def mean_losses(told: AnswerLogits) -> Tensor:
    """Return each answer's mean negative log-likelihood per token."""
    return means(cross_entropy(told.logits, told.targets, reduction="none"), told)


def divergences(before: Tensor, after: Tensor, told: AnswerLogits) -> Tensor:
    """Return each answer's mean KL(before ‖ after) per token, of log-probabilities."""
    return means((before.exp() * (before - after)).sum(dim=-1), told)


def means(values: Tensor, told: AnswerLogits) -> Tensor:
    """Return the mean over each answer's tokens."""
    sums = values.new_zeros(told.count).index_add(0, told.rows, values)
    return sums / torch.bincount(told.rows, minlength=told.count)
