"""How far a model is from an answer, as a loss that gradients run through.

Text becomes ids through the engine, so that an edit is learned just as it will be
asked. Knows no editor.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_fine_tuning.py``
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from xkde.engines.forward import Pair, logits_at, pad
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.prompts import answered
from xkde.types import Edit


def pairs_of(
    engine: TransformersEngine, edits: Sequence[Edit], with_end: bool = True
) -> list[Pair]:
    """Return each edit's bare question and its answer as ids, end mark or not."""
    pairs = []
    for edit in edits:
        told = engine.encode(answered(edit.question, edit.answer))
        answer = told.answer_ids
        while not with_end and answer[-1:] and answer[-1] in engine.stop_ids:
            answer = answer[:-1]
        limit = engine.max_length
        if limit is not None and len(told.prompt_ids) + len(answer) > limit:
            raise InputError(
                "The edit “{question}…” has {n} tokens, but this model takes at most "
                "{most}. Please shorten it.",
                question=edit.question[:40],
                n=len(told.ids),
                most=limit,
            )
        pairs.append((told.prompt_ids, answer))
    return pairs


def answer_losses(model: PreTrainedModel, pairs: Sequence[Pair]) -> Tensor:
    """Return each answer's mean negative log-probability per token (FT-M, ROME)."""
    inputs = [[*prompt, *answer[:-1]] for prompt, answer in pairs]
    ids, mask = pad(inputs, "right", model.device)
    starts = [len(prompt) - 1 for prompt, _ in pairs]
    ends = [s + len(answer) for s, (_, answer) in zip(starts, pairs, strict=True)]
    columns = torch.arange(min(starts), max(ends), device=ids.device)
    logits = logits_at(model, ids, mask, columns, use_cache=False).float()
    told = logits.log_softmax(dim=-1)
    losses = []
    for row, (_, answer) in enumerate(pairs):
        at = slice(starts[row] - min(starts), ends[row] - min(starts))
        wanted = torch.tensor(answer, device=ids.device)[:, None]
        losses.append(-told[row, at].gather(-1, wanted).mean())
    return torch.stack(losses)


def first_place_losses(model: PreTrainedModel, pairs: Sequence[Pair]) -> Tensor:
    """Return -log p of every answer token, read at the prompt's end, summed (FT-L)."""
    ids, mask = pad([prompt for prompt, _ in pairs], "left", model.device)
    last = torch.tensor([ids.shape[1] - 1], device=ids.device)
    told = logits_at(model, ids, mask, last, use_cache=False)[:, 0].float()
    told = told.log_softmax(dim=-1)
    return torch.stack(
        [
            -told[row, torch.tensor(answer, device=ids.device)].sum()
            for row, (_, answer) in enumerate(pairs)
        ]
    )
