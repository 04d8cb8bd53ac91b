"""The decode loop: a batch of prompts, a token each at a time, over the model's cache.

Works on token ids alone: knows a causal LM, no tokenizer, no text and no prompt. Run by
``xkde.engines.transformers``.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from xkde.engines.forward import check_finite, logits_at, pad
from xkde.types import Finish, Sampling

# Below this share of rows still at work, the finished ones leave the batch: not at
# once, because that copies the cache.
DROP_BELOW = 0.75


@dataclass
class Row:
    """One answer while it is decoded; the loop alone writes to it."""

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
) -> Iterator[list[Row]]:
    """Yield the rows, always the same list, after each token until all have finished.

    A row's answer does not depend on the rows beside it: greedy by its own logits, or
    drawn with uniform numbers from its own seed.
    """
    started = time.perf_counter()
    rows = [
        Row(len(prompt), sampling, _draws(sampling))
        for prompt, sampling in zip(prompts, samplings, strict=True)
    ]
    active = rows
    cache = DynamicCache(config=model.config)
    ids, mask = pad(prompts, "left", model.device)
    while active:
        if cancelled is not None and cancelled.is_set():
            _finish(active, "cancelled", started)
            yield rows
            return
        chosen = _next_tokens(model, ids, mask, cache, active)
        _append(active, chosen.tolist(), stop_ids, max_length, started)
        yield rows
        kept = [i for i, row in enumerate(active) if row.finish is None]
        if len(kept) < DROP_BELOW * len(active):
            active = [active[i] for i in kept]
            index = torch.tensor(kept, dtype=torch.long, device=mask.device)
            chosen, mask = chosen[index], mask[index]
            cache.batch_select_indices(index)
        ids = chosen[:, None]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)


def _draws(sampling: Sampling) -> list[float]:
    if sampling.temperature <= 0:
        return []
    # Always drawn on the CPU: the same numbers whatever device the model is on.
    generator = torch.Generator().manual_seed(sampling.seed)
    draws: list[float] = torch.rand(
        sampling.max_new_tokens, generator=generator
    ).tolist()
    return draws


def _finish(rows: Sequence[Row], finish: Finish, started: float) -> None:
    for row in rows:
        if row.finish is None:
            row.finish = finish
            row.seconds = time.perf_counter() - started


def _append(
    rows: Sequence[Row],
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
    rows: Sequence[Row],
) -> Tensor:
    last = torch.tensor([-1], device=ids.device)
    logits = logits_at(model, ids, mask, last, past_key_values=cache, use_cache=True)
    logits = logits[:, -1].float()
    best = logits.max(dim=-1)
    check_finite(best.values)
    # A finished row may wait for its batch to shrink, past its last draw.
    drawn = [
        i
        for i, row in enumerate(rows)
        if row.finish is None and row.sampling.temperature > 0
    ]
    if not drawn:
        return best.indices
    chosen = best.indices.clone()
    chosen[drawn] = _sample(logits[drawn], best.values[drawn], [rows[i] for i in drawn])
    return chosen


def _sample(logits: Tensor, highest: Tensor, rows: Sequence[Row]) -> Tensor:
    """Draw one token per row from the smallest set that holds its ``top_p``."""

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
