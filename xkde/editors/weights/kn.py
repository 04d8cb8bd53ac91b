"""KN: find the neurons that speak for the old answer, and turn them to the new one.

A neuron is one input of a layer's down projection. Its attribution is the integrated
gradient of the old answer's probability (its first token's) as the neuron goes from
nothing to its own value, at the prompt's last token. Neurons above a share of the
largest attribution in enough of the prompts are knowledge neurons; their columns lose
the old token's embedding and gain the new one's (Dai et al., 2022). Gated neurons can
be negative where BERT's were not: their columns change the other way round. A weak
method: it can turn one token, and every neuron serves other facts too.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_kn.py``
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from xkde.editors.editor import Applied
from xkde.editors.weights.base import Change, InWeights
from xkde.editors.weights.contexts import Row, rows_of
from xkde.editors.weights.deltas import only_these_learn
from xkde.editors.weights.low_rank import Update, Updates, joined
from xkde.editors.weights.memit import delta_of
from xkde.editors.weights.modules import Projection, down_projections, hooked
from xkde.engines.forward import logits_at, pad
from xkde.engines.transformers import TransformersEngine
from xkde.errors import Notice
from xkde.types import Edit, Sampling


@dataclass(frozen=True)
class KnSettings:
    """KN's settings; the last two are the paper's λ1 and λ2."""

    gradients: int = 20  # steps of the integral
    threshold: float = 0.2  # of the largest attribution
    share: float = 0.4  # of the prompts in which a neuron is above it
    openings: int = 4  # prompts beside the bare question
    erase: float = 1.0
    write: float = 8.0


def editor(given: Mapping[str, Any]) -> InWeights:
    """Return the editor."""
    return InWeights("kn", KnSettings, compute, given)


def compute(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: KnSettings,
    earlier: Applied | None,
) -> Change:
    """Return the change of the weights that turns the edits' neurons."""
    [updates] = updates_of(engine, [edits], settings)
    count = sum(int((u.keys != 0).sum()) for u in updates.values())
    return Change(
        delta_of(engine, updates), (Notice("Neurons turned: {n:,}.", n=count),)
    )


def updates_of(
    engine: TransformersEngine,
    groups: Sequence[Sequence[Edit]],
    settings: KnSettings,
    solver: None = None,
) -> list[Updates]:
    """Return the updates of every group of edits, each for itself."""
    return [_together(engine, group, settings) for group in groups]


def _together(
    engine: TransformersEngine, edits: Sequence[Edit], settings: KnSettings
) -> Updates:
    done: Updates = {}
    for edit in edits:
        done = joined(done, _single(engine, edit, settings))
    return done


def _single(
    engine: TransformersEngine, edit: Edit, settings: KnSettings
) -> dict[int, Update]:
    """Return one edit's updates: the same shift for all of its neurons."""
    if not edit.old_answer.strip():
        edit = replace(edit, old_answer=_own_answer(engine, edit))
    rows = rows_of(engine.tokenizer, [edit], settings.openings, new=False)
    [new] = rows_of(engine.tokenizer, [edit], 0)
    places = down_projections(engine.model)
    found, keys = attributions(engine, places, rows, settings.gradients)
    chosen = neurons(found, settings) * keys.mean(dim=1).sign()
    embeddings = engine.model.get_output_embeddings().weight.detach().float()
    old_token, new_token = embeddings[rows[0].answer[0]], embeddings[new.answer[0]]
    shift = settings.write * new_token - settings.erase * old_token
    return {
        place.layer: Update(signs[:, None].to(shift), shift[:, None])
        for place, signs in zip(places, chosen, strict=True)
        if bool(signs.any())
    }


def neurons(found: Tensor, settings: KnSettings) -> Tensor:
    """Return which neurons (layers, width) speak, by attributions of all prompts.

    ``found`` is (layers, prompts, width).
    """
    largest = found.amax(dim=(0, 2), keepdim=True)
    above = (found > settings.threshold * largest) & (largest > 0)
    return above.float().mean(dim=1) >= settings.share


def attributions(
    engine: TransformersEngine,
    places: Sequence[Projection],
    rows: Sequence[Row],
    steps: int,
) -> tuple[Tensor, Tensor]:
    """Return every neuron's attribution to the rows' first answer tokens, and itself.

    Both (layers, rows, width). What stands before the prompt's last token is read once.
    """
    model = engine.model
    ids, mask = pad([row.ids[:-1] for row in rows], "left", model.device)
    column = torch.tensor([-1], device=ids.device)
    cache = DynamicCache(config=model.config)
    found = []
    with only_these_learn(model):
        with torch.no_grad():
            logits_at(model, ids, mask, column, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(steps)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        last = torch.tensor([[row.ids[-1]] for row in rows], device=ids.device)
        gold = torch.tensor([[row.answer[0]] for row in rows], device=ids.device)
        copies = [t.repeat_interleave(steps, dim=0) for t in (last, mask, gold)]
        for place in places:
            found.append(_layer(model, place, deepcopy(cache), copies, steps))
    attributed, keys = zip(*found, strict=True)
    return torch.stack(attributed), torch.stack(keys)


def _layer(
    model: Any,
    place: Projection,
    cache: DynamicCache,
    copies: Sequence[Tensor],
    steps: int,
) -> tuple[Tensor, Tensor]:
    """Return the attributions and the neurons of one layer, (rows, width)."""
    ids, mask, gold = copies
    scale = torch.arange(1, steps + 1, device=ids.device) / steps
    scale = scale.repeat(len(ids) // steps)[:, None, None]
    keys: list[Tensor] = []

    def shrink(_: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        own = arguments[0].detach()
        scaled = (own * scale.to(own.dtype)).requires_grad_()
        keys.extend((own, scaled))
        return (scaled, *arguments[1:])

    column = torch.tensor([-1], device=ids.device)
    with hooked(place.module, shrink, before=True):
        logits = logits_at(
            model, ids, mask, column, past_key_values=cache, use_cache=True
        )
    probabilities = logits[:, -1].float().softmax(dim=-1).gather(-1, gold)
    own, scaled = keys
    [gradient] = torch.autograd.grad(probabilities.sum(), [scaled])
    by_row = (own * gradient).float()[:, -1].unflatten(0, (-1, steps))
    return by_row.mean(dim=1), own[::steps, -1].float()


def _own_answer(engine: TransformersEngine, edit: Edit) -> str:
    """Return what the model answers by itself, where no old answer is given."""
    [told] = engine.generate([engine.encode_query(edit.question)], Sampling())
    return told.text or edit.answer
