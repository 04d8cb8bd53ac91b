"""Teacher-forced scoring: how likely each token of a given answer is.

Works on token ids alone; the engine puts text to the tokens. Run by
``xkde.engines.transformers``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from xkde.engines.forward import Padding, check_finite, logits_at, pad


@dataclass(frozen=True)
class TokenMeasure:
    """One answer token under the model, and the model's own first choice."""

    token_id: int
    log_probability: float
    rank: int
    best_id: int


@torch.inference_mode()
def measure(
    model: PreTrainedModel,
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
    padding: Padding,
) -> list[list[TokenMeasure]]:
    """Measure each answer's tokens, every token given the true ones before it.

    Logits are computed only for the columns in which some answer of the batch lies.
    """
    # The last answer token is predicted from, never read.
    inputs = [[*prompt, *answer[:-1]] for prompt, answer in pairs]
    ids, mask = pad(inputs, padding, model.device)
    width = ids.shape[1]
    starts = [
        len(prompt) - 1 + (width - len(read) if padding == "left" else 0)
        for (prompt, _), read in zip(pairs, inputs, strict=True)
    ]
    ends = [s + len(answer) for s, (_, answer) in zip(starts, pairs, strict=True)]
    first = min(starts)
    columns = torch.arange(first, max(ends), device=ids.device)
    logits = logits_at(model, ids, mask, columns, use_cache=False)
    at = [(r, c - first) for r in range(len(pairs)) for c in range(starts[r], ends[r])]
    row_index, column_index = torch.tensor(at, device=ids.device).T
    picked = logits[row_index, column_index].float()
    answers = [token_id for _, answer in pairs for token_id in answer]
    target = torch.tensor(answers, device=ids.device)[:, None]
    own = picked.gather(-1, target)
    best = picked.max(dim=-1)
    check_finite(best.values)
    measured = map(
        TokenMeasure,
        answers,
        (own - picked.logsumexp(dim=-1, keepdim=True))[:, 0].tolist(),
        (picked > own).sum(dim=-1).tolist(),
        best.indices.tolist(),
    )
    return [[next(measured) for _ in answer] for _, answer in pairs]
