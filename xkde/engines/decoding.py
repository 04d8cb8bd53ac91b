"""The decode loop: a batch of prompts, one token at a time, over the model's KV cache.

Greedy, or nucleus sampling (Holtzman et al. 2020, https://arxiv.org/abs/1904.09751):
the next token is drawn from the smallest set of first choices whose probabilities sum
to at least ``top_p``. Works on token ids alone.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from xkde.engines.forward import (
    check_finite,
    common_beginning,
    logits_at,
    longest_window,
    pad,
)
from xkde.types import Finish, Sampling

# Finished rows leave the batch once the others are fewer than this share of it. Leaving
# copies the cache, so they do not leave one by one.
DROP_BELOW = 0.75
# What all prompts begin with (examples, an instruction) is read once where that spares
# so many tokens.
SPARED = 256


@dataclass
class DecodedRow:
    """One answer while it is decoded.

    Only the decode loop writes to it; between two tokens, its caller may set ``finish``
    to “cancelled”, and the row leaves the batch.
    """

    prompt_tokens: int
    sampling: Sampling
    draws: list[float]  # one uniform number per token; empty when greedy
    token_ids: list[int] = field(default_factory=list)
    finish: Finish | None = None
    seconds: float = 0.0


def decode(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    samplings: Sequence[Sampling],
    stop_ids: frozenset[int],
    max_length: int | None,
    cancelled: threading.Event | None = None,
    *,
    rows_are_alike: bool = False,
) -> Iterator[list[DecodedRow]]:
    """Yield the rows, always the same list, after each token until all have finished.

    ``rows_are_alike`` says that one model answers all rows, none under an edit of its
    own: what their prompts share is then read once.

    An answer does not depend on the other rows of its batch: it follows from its own
    logits and, if sampled, from uniform numbers drawn with its own seed. Raises
    CheckpointError if the model computes values that are no numbers.
    """
    started = time.perf_counter()
    # 1) One record for each row, with all its random numbers.
    rows = [
        DecodedRow(len(prompt), sampling, _uniform_draws(sampling))
        for prompt, sampling in zip(prompts, samplings, strict=True)
    ]
    active = rows
    # 2) The first pass reads the prompts (prefill) and fills the cache.
    cache = DynamicCache(config=model.config)
    most = max((sampling.max_new_tokens for sampling in samplings), default=0)
    fits = max(map(len, prompts), default=0) + most <= longest_window(model)
    shared = _read_once(model, prompts, cache) if rows_are_alike and fits else 0
    ids, mask = pad([prompt[shared:] for prompt in prompts], "left", model.device)
    mask = torch.cat([mask.new_ones(len(rows), shared), mask], dim=1)
    while active:
        # 3) A visitor may stop the answers between two tokens.
        if cancelled is not None and cancelled.is_set():
            _cancel(active, started)
            yield rows
            return
        # 4) Forward pass, then one token for each row.
        chosen = _next_tokens(model, ids, mask, cache, active)
        # 5) Append the tokens; a stop token or a limit finishes a row.
        _append(active, chosen.tolist(), stop_ids, max_length, started)
        yield rows
        # 6) Finished rows leave the batch and the cache once they are many.
        kept = [i for i, row in enumerate(active) if row.finish is None]
        if len(kept) < DROP_BELOW * len(active):
            active = [active[i] for i in kept]
            index = torch.tensor(kept, dtype=torch.long, device=mask.device)
            chosen, mask = chosen[index], mask[index]
            cache.batch_select_indices(index)
        # 7) The next pass reads only the new tokens.
        ids = chosen[:, None]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)


@torch.inference_mode()
def _read_once(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], cache: DynamicCache
) -> int:
    """Fill the cache with what all prompts begin with; return how many tokens it is."""
    beginning = common_beginning([prompt[:-1] for prompt in prompts])
    if len(beginning) * (len(prompts) - 1) < SPARED:
        return 0
    ids, mask = pad([beginning], "left", model.device)
    last = torch.tensor([-1], device=ids.device)
    logits_at(model, ids, mask, last, past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(prompts))
    return len(beginning)


def _uniform_draws(sampling: Sampling) -> list[float]:
    if sampling.temperature <= 0:
        return []
    # On the CPU, so that every device gets the same numbers.
    generator = torch.Generator().manual_seed(sampling.seed)
    draws: list[float] = torch.rand(
        sampling.max_new_tokens, generator=generator
    ).tolist()
    return draws


def _cancel(rows: Sequence[DecodedRow], started: float) -> None:
    for row in rows:
        if row.finish is None:
            row.finish = "cancelled"
            row.seconds = time.perf_counter() - started


def _append(
    rows: Sequence[DecodedRow],
    chosen: Sequence[int],
    stop_ids: frozenset[int],
    max_length: int | None,
    started: float,
) -> None:
    for row, token_id in zip(rows, chosen, strict=True):
        if row.finish is not None:
            continue
        row.token_ids.append(token_id)
        row.seconds = time.perf_counter() - started
        answer_tokens = len(row.token_ids)
        if token_id in stop_ids:
            row.finish = "stop"
        elif answer_tokens >= row.sampling.max_new_tokens or (
            max_length is not None and row.prompt_tokens + answer_tokens >= max_length
        ):
            row.finish = "length"


@torch.inference_mode()
def _next_tokens(
    model: PreTrainedModel,
    ids: Tensor,
    mask: Tensor,
    cache: DynamicCache,
    rows: Sequence[DecodedRow],
) -> Tensor:
    """Return the next token of each row, (rows,): the first choice or a draw."""
    last = torch.tensor([-1], device=ids.device)
    logits = logits_at(model, ids, mask, last, past_key_values=cache, use_cache=True)
    logits = logits[:, -1].float()
    best = logits.max(dim=-1)
    check_finite(best.values)
    # A finished row may wait in the batch after its last draw.
    sampled = [
        i
        for i, row in enumerate(rows)
        if row.finish is None and row.sampling.temperature > 0
    ]
    if not sampled:
        return best.indices
    chosen = best.indices.clone()
    chosen[sampled] = _sample(
        logits[sampled], best.values[sampled], [rows[i] for i in sampled]
    )
    return chosen


def _sample(logits: Tensor, highest: Tensor, rows: Sequence[DecodedRow]) -> Tensor:
    """Draw one token per row by its uniform number, (rows,), from (rows, vocabulary).

    ``highest`` is each row's highest logit: without it, a low temperature overflows.
    """

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, device=logits.device)[:, None]

    temperature = column([row.sampling.temperature for row in rows])
    top_p = column([row.sampling.top_p for row in rows])
    draw = column([row.draws[len(row.token_ids)] for row in rows])
    probabilities, order = (
        ((logits - highest[:, None]) / temperature)
        .softmax(dim=-1)
        .sort(dim=-1, descending=True)
    )
    before = probabilities.cumsum(dim=-1) - probabilities
    kept = before < top_p
    kept[:, 0] = True
    cumulative = (probabilities * kept).cumsum(dim=-1)
    place = torch.searchsorted(cumulative, draw * cumulative[:, -1:], right=True)
    place = place.clamp(max=kept.sum(dim=-1, keepdim=True) - 1)
    return order.gather(-1, place)[:, 0]
