"""KN: find the neurons that speak for the old answer, and turn them to the new one.

Dai et al., 2022: https://arxiv.org/abs/2104.08696. A neuron w is one input of a layer's
down projection, read at the prompt's last token. Its attribution (equation 4) is the
integrated gradient of the old answer's probability, that of its first token:

    Attr(w) = w · 1/m Σ_{k=1..m} ∂p(old | x; neuron = k/m · w) / ∂w

Neurons above a share of the largest attribution in enough of the prompts are knowledge
neurons; their columns W_w of the projection lose the old token's embedding and gain the
new one's: W_w ← W_w − λ₁ e(old) + λ₂ e(new). Gated neurons can be negative where BERT's
were not: their columns change the other way round. A weak method: it can turn one
token, and every neuron serves other facts, too.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from xkde.editors.editor import Applied
from xkde.editors.weights.base import EachEdit, WeightChange, WeightEditor
from xkde.editors.weights.contexts import EditPrompt, question_prompts
from xkde.editors.weights.deltas import only_these_learn
from xkde.editors.weights.low_rank import LowRankUpdate, Updates, delta_of, joined
from xkde.editors.weights.modules import Projection, down_projections, hooked
from xkde.engines.forward import logits_at, pad
from xkde.engines.transformers import TransformersEngine
from xkde.errors import Notice
from xkde.types import Edit, Sampling


@dataclass(frozen=True)
class KnSettings:
    """KN's settings."""

    gradients: int = 20  # m, steps of the integral
    threshold: float = 0.2  # of the largest attribution
    share: float = 0.4  # of the prompts in which a neuron is above it
    openings: int = 4  # prompts beside the bare question
    erase: float = 1.0  # λ₁
    write: float = 8.0  # λ₂


def editor(given: Mapping[str, object]) -> WeightEditor:
    """Return the editor."""
    return WeightEditor("kn", KnSettings, change, given, compute_each=each_edit)


def change(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: KnSettings,
    earlier: Applied | None,
) -> WeightChange:
    """Return the change of the weights that turns the edits' neurons."""
    updates: Updates = {}
    for edit in edits:
        updates = joined(updates, _updates(engine, edit, settings))
    return WeightChange(delta_of(engine.model, updates), (_note(updates),))


def each_edit(
    engine: TransformersEngine, edits: Sequence[Edit], settings: KnSettings
) -> EachEdit:
    """Return the updates and the notes of every edit by itself."""
    updates = [_updates(engine, edit, settings) for edit in edits]
    return [(each, (_note(each),)) for each in updates]


def _note(updates: Updates) -> Notice:
    count = sum(int((update.keys != 0).sum()) for update in updates.values())
    return Notice("Neurons turned: {n:,}.", n=count)


def _updates(
    engine: TransformersEngine, edit: Edit, settings: KnSettings
) -> dict[int, LowRankUpdate]:
    """Return one edit's updates: the same shift for all of its neurons."""
    if not edit.old_answer.strip():
        edit = replace(edit, old_answer=_own_answer(engine, edit))
    prompts = question_prompts(
        engine.tokenizer, [edit], settings.openings, old_answer=True
    )
    [new] = question_prompts(engine.tokenizer, [edit], 0)
    places = down_projections(engine.model)
    attributed, values = attributions(engine, places, prompts, settings.gradients)
    signs = neurons(attributed, settings) * values.mean(dim=1).sign()
    embeddings = engine.model.get_output_embeddings().weight.detach().float()
    old_token, new_token = embeddings[prompts[0].answer[0]], embeddings[new.answer[0]]
    shift = settings.write * new_token - settings.erase * old_token
    return {
        place.layer: LowRankUpdate(of_layer[:, None].to(shift), shift[:, None])
        for place, of_layer in zip(places, signs, strict=True)
        if bool(of_layer.any())
    }


def neurons(attributed: Tensor, settings: KnSettings) -> Tensor:
    """Return which neurons (layers, width) speak, by attributions of all prompts.

    ``attributed`` is (layers, prompts, width).
    """
    largest = attributed.amax(dim=(0, 2), keepdim=True)
    above = (attributed > settings.threshold * largest) & (largest > 0)
    return above.float().mean(dim=1) >= settings.share


def attributions(
    engine: TransformersEngine,
    places: Sequence[Projection],
    prompts: Sequence[EditPrompt],
    steps: int,
) -> tuple[Tensor, Tensor]:
    """Return every neuron's attribution to the first answer tokens, and itself.

    Both (layers, prompts, width). What stands before the prompt's last token is read
    once.
    """
    model = engine.model
    ids, mask = pad([prompt.ids[:-1] for prompt in prompts], "left", model.device)
    column = torch.tensor([-1], device=ids.device)
    cache = DynamicCache(config=model.config)
    found: list[tuple[Tensor, Tensor]] = []
    with only_these_learn(model):
        with torch.no_grad():
            logits_at(model, ids, mask, column, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(steps)
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)
        last = torch.tensor([[prompt.ids[-1]] for prompt in prompts], device=ids.device)
        gold = torch.tensor(
            [[prompt.answer[0]] for prompt in prompts], device=ids.device
        )
        copies = [t.repeat_interleave(steps, dim=0) for t in (last, mask, gold)]
        for place in places:
            found.append(_layer(model, place, deepcopy(cache), copies, steps))
    attributed, values = zip(*found, strict=True)
    return torch.stack(attributed), torch.stack(values)


def _layer(
    model: PreTrainedModel,
    place: Projection,
    cache: DynamicCache,
    copies: Sequence[Tensor],
    steps: int,
) -> tuple[Tensor, Tensor]:
    """Return the attributions and the neurons of one layer, (prompts, width)."""
    ids, mask, gold = copies
    scale = torch.arange(1, steps + 1, device=ids.device) / steps
    scale = scale.repeat(len(ids) // steps)[:, None, None]
    seen: list[Tensor] = []

    def shrink(_: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        own = arguments[0].detach()
        scaled = (own * scale.to(own.dtype)).requires_grad_()
        seen.extend((own, scaled))
        return (scaled, *arguments[1:])

    column = torch.tensor([-1], device=ids.device)
    with hooked(place.module, shrink, before=True):
        logits = logits_at(
            model, ids, mask, column, past_key_values=cache, use_cache=True
        )
    probabilities = logits[:, -1].float().softmax(dim=-1).gather(-1, gold)
    own, scaled = seen
    [gradient] = torch.autograd.grad(probabilities.sum(), [scaled])
    attributed = (own * gradient).float()[:, -1].unflatten(0, (-1, steps))
    return attributed.mean(dim=1), own[::steps, -1].float()


def _own_answer(engine: TransformersEngine, edit: Edit) -> str:
    """Return what the model answers by itself, where no old answer is given."""
    [answer] = engine.generate([engine.encode_query(edit.question)], Sampling())
    return answer.text or edit.answer
