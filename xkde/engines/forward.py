"""Forward passes of a causal LM on token ids: logits, hidden states, answer losses.

The one place that pads, sets positions and asks a model for logits. Three ways to read
given answers, each token given the true ones before it (teacher forcing):

    logits_at       logits at chosen columns of a padded batch
    answer_logits   logits of every answer token, for losses with gradients:
                    nll_losses  mean over tokens of -log p(token)
                    kl_losses   mean over tokens of KL(p_before || p_after)
    measure         log-probability, rank and first choice for every answer token

Knows no tokenizer and no model by name: a forward pass receives what its signature
accepts.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from xkde.errors import NotFiniteError

Padding = Literal["left", "right"]
Pair = tuple[Sequence[int], Sequence[int]]  # the ids of a prompt and of its answer


# Batches


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


def common_beginning(sequences: Sequence[Sequence[int]]) -> list[int]:
    """Return the ids that all sequences begin with."""
    columns = zip(*sequences, strict=False)  # to the end of the shortest
    return [ids[0] for ids in takewhile(lambda ids: len(set(ids)) == 1, columns)]


def batches_by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Return the indices in batches of similar length, which need little padding."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def mean_pool(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over each row's tokens, (rows, hidden), of (rows, time, hidden).

    ``mask`` is (rows, time), 1 where a token stands.
    """
    weights = mask[:, :, None].to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


# One pass


def logits_at(
    model: PreTrainedModel,
    ids: Tensor,
    mask: Tensor,
    columns: Tensor,
    positions: Tensor | None = None,
    **options: object,
) -> Tensor:
    """Return logits (rows, columns, vocabulary) at the given columns of ``ids``.

    ``ids`` are (rows, time); ``mask`` is (rows, time) or what the model's attention
    takes. If the forward pass accepts ``logits_to_keep``, it projects these columns
    alone. Positions follow from the mask unless they are given, (rows, time).
    """
    inputs = _inputs(model, ids, mask, columns, positions)
    logits: Tensor = model(**inputs, **options).logits
    return logits if "logits_to_keep" in inputs else logits[:, columns]


@torch.inference_mode()
def hidden_states(
    model: PreTrainedModel, sequence: Sequence[int], layers: Sequence[int] | None
) -> Tensor:
    """Return (layers, time, hidden) in float32: 0 the embeddings, then each layer."""
    ids, mask = pad([sequence], "right", model.device)
    last = torch.tensor([-1], device=ids.device)
    inputs = _inputs(model, ids, mask, last)
    states = model(**inputs, use_cache=False, output_hidden_states=True).hidden_states
    chosen = states if layers is None else [states[layer] for layer in layers]
    return torch.cat([state.float().cpu() for state in chosen])


def _inputs(
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
    optional = {"position_ids": positions, "logits_to_keep": columns}
    known = accepted(model)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        **{name: value for name, value in optional.items() if name in known},
    }


def accepted(model: PreTrainedModel) -> frozenset[str]:
    """Return the names of the parameters of a model's forward pass."""
    return _parameters(getattr(model.forward, "__func__", model.forward))


@lru_cache(maxsize=64)
def _parameters(function: Callable[..., object]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def longest_input(model: PreTrainedModel) -> int | None:
    """Return how many tokens the model takes, prompt and answer together."""
    length: int | None = getattr(
        model.config.get_text_config(), "max_position_embeddings", None
    )
    return length


def longest_window(model: PreTrainedModel) -> int:
    """Return how many tokens every layer of the model looks back on."""
    window = getattr(model.config.get_text_config(), "sliding_window", None)
    return int(window or longest_input(model) or 2**31)


def check_finite(highest: Tensor) -> None:
    """Raise NotFiniteError unless the highest logit of every row is finite."""
    if not bool(highest.isfinite().all()):
        raise NotFiniteError(
            "The model computed values that are no numbers, so its weights are damaged "
            "or its number format is too narrow. Load it in float32, or fetch the "
            "checkpoint again."
        )


# Given answers


@dataclass(frozen=True)
class AnswerLogits:
    """The answer tokens of a batch of pairs, one after another."""

    logits: Tensor  # (tokens, vocabulary), float32
    targets: Tensor  # (tokens,)
    rows: Tensor  # (tokens,): the index of the pair of each token
    count: int  # of pairs


def answer_logits(
    model: PreTrainedModel, pairs: Sequence[Pair], padding: Padding = "right"
) -> AnswerLogits:
    """Return the logits of each answer's tokens, given the true ones before them.

    Only the columns in which some answer of the batch lies are projected.
    """
    # The last answer token is predicted, never read.
    inputs = [[*prompt, *answer[:-1]] for prompt, answer in pairs]
    ids, mask = pad(inputs, padding, model.device)
    width = ids.shape[1]
    starts = [
        len(prompt) - 1 + (width - len(row) if padding == "left" else 0)
        for (prompt, _), row in zip(pairs, inputs, strict=True)
    ]
    ends = [s + len(answer) for s, (_, answer) in zip(starts, pairs, strict=True)]
    first = min(starts)
    columns = torch.arange(first, max(ends), device=ids.device)
    logits = logits_at(model, ids, mask, columns, use_cache=False)
    at = [(r, c - first) for r in range(len(pairs)) for c in range(starts[r], ends[r])]
    rows, places = torch.tensor(at, device=ids.device).T
    answer_ids = [token_id for _, answer in pairs for token_id in answer]
    targets = torch.tensor(answer_ids, device=ids.device)
    return AnswerLogits(logits[rows, places].float(), targets, rows, len(pairs))


def nll_losses(answers: AnswerLogits) -> Tensor:
    """Return each answer's mean negative log-likelihood per token, (pairs,)."""
    nll = cross_entropy(answers.logits, answers.targets, reduction="none")
    return mean_by_answer(nll, answers)


def kl_losses(
    log_probs_before: Tensor, log_probs: Tensor, answers: AnswerLogits
) -> Tensor:
    """Return each answer's mean KL(before || after) per token, (pairs,).

    Both log-probabilities are (tokens, vocabulary).
    """
    kl = (log_probs_before.exp() * (log_probs_before - log_probs)).sum(dim=-1)
    return mean_by_answer(kl, answers)


def mean_by_answer(values: Tensor, answers: AnswerLogits) -> Tensor:
    """Return the mean of (tokens,) over each answer's tokens, (pairs,)."""
    sums = values.new_zeros(answers.count).index_add(0, answers.rows, values)
    return sums / torch.bincount(answers.rows, minlength=answers.count)


@dataclass(frozen=True)
class TokenMeasure:
    """One answer token under the model, and the model's own first choice."""

    token_id: int
    log_probability: float
    rank: int  # 0 for the first choice
    best_id: int


@torch.inference_mode()
def measure(
    model: PreTrainedModel, pairs: Sequence[Pair], padding: Padding
) -> list[list[TokenMeasure]]:
    """Measure every token of each answer.

    Raises CheckpointError if the model computes values that are no numbers.
    """
    answers = answer_logits(model, pairs, padding)
    own = answers.logits.gather(-1, answers.targets[:, None])
    best = answers.logits.max(dim=-1)
    check_finite(best.values)
    measured = map(
        TokenMeasure,
        answers.targets.tolist(),
        (own - answers.logits.logsumexp(dim=-1, keepdim=True))[:, 0].tolist(),
        (answers.logits > own).sum(dim=-1).tolist(),
        best.indices.tolist(),
    )
    return [[next(measured) for _ in answer] for _, answer in pairs]
