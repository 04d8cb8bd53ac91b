"""What an answer looks at: attention, and input × gradient, token by token.

Both are read for the answer's own tokens, given the true ones before them:

    attention           the weight that the places where the answer is predicted give to
                        each token of the prompt, mean over layers, heads and places
    input × gradient    x · ∂/∂x Σ log p(answer token), x a token's embedding

Attention says where a layer reads, not what it makes of it (Jain and Wallace, 2019,
https://arxiv.org/abs/1902.10186). Input × gradient (Shrikumar et al., 2017,
https://arxiv.org/abs/1605.01713) says what a small change of a token would do: it is
blind where the answer is certain anyway. Neither proves a cause; the trace does.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from xkde.editors.weights.deltas import only_these_learn
from xkde.editors.weights.modules import hooked
from xkde.engines.forward import answer_logits, nll_losses
from xkde.engines.transformers import TransformersEngine
from xkde.errors import CheckpointError
from xkde.inside.layers import check_length, decoder_layers, last_logits
from xkde.inside.parts import PARTS, Part, PartToken, ReadPrompt
from xkde.types import Sampling

OWN_ANSWER = Sampling(max_new_tokens=16)


@dataclass(frozen=True)
class Attribution:
    """What an answer looks at; both lists have a number for each token of the prompt.

    ``attention`` sums to 1, or is empty where the model has none to show; ``gradient``
    is in nats: above 0 where the token makes the answer likelier.
    """

    answer: str
    tokens: tuple[PartToken, ...]
    attention: tuple[float, ...]
    gradient: tuple[float, ...]

    @property
    def gradient_shares(self) -> tuple[float, ...]:
        """The size of each token's input × gradient, as a share of all."""
        whole = sum(abs(value) for value in self.gradient) or 1.0
        return tuple(abs(value) / whole for value in self.gradient)


def attribute(
    engine: TransformersEngine, prompt: ReadPrompt, answer_ids: Sequence[int] = ()
) -> Attribution:
    """Attribute an answer to a prompt's tokens; by default the model's own.

    Raises InputError for a prompt that is too long, CheckpointError for a model that
    answers nothing.
    """
    check_length([*prompt.ids, *answer_ids])
    ids = tuple(answer_ids) or engine.generate([prompt.ids], OWN_ANSWER)[0].token_ids
    if not ids:
        raise CheckpointError("The model gave no answer, so nothing can be attributed.")
    text = str(engine.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()
    attention = attention_to(engine.model, prompt.ids, ids)
    gradient = input_times_gradient(engine.model, prompt.ids, ids)
    return Attribution(
        text, prompt.tokens, tuple(attention.tolist()), tuple(gradient.tolist())
    )


def input_times_gradient(
    model: PreTrainedModel, prompt: Sequence[int], answer: Sequence[int]
) -> Tensor:
    """Return each prompt token's x · ∂ log p(answer) / ∂x, (time,), float32."""
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[-1]

    with only_these_learn(model), hooked(model.get_input_embeddings(), keep):
        answers = answer_logits(model, [(prompt, answer)])
        log_probability = -nll_losses(answers).sum() * len(answer)
        [slope] = torch.autograd.grad(log_probability, kept[0])
    product = (slope.float() * kept[0].detach().float()).sum(dim=-1)
    return product[0, : len(prompt)].cpu()


@torch.no_grad()
def attention_to(
    model: PreTrainedModel, prompt: Sequence[int], answer: Sequence[int]
) -> Tensor:
    """Return each prompt token's share of the attention, (time,); (0,) without any.

    Maps are what modules of the layers give beside their states, (1, heads, time,
    time); transformers' own way to ask for them leaves hooks behind.
    """
    ids = torch.tensor([[*prompt, *answer[:-1]]], device=model.device)
    time, start = ids.shape[1], len(prompt) - 1
    rows: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: object) -> None:
        for each in output if isinstance(output, tuple) else ():
            if isinstance(each, Tensor) and each.shape[2:] == (time, time):
                rows.append(each[0, :, start:].float().mean(dim=(0, 1)))

    inner = [
        module
        for layer in decoder_layers(model)
        for module in layer.modules()
        if module is not layer
    ]
    with eager_attention(model), ExitStack() as hooks:
        for module in inner:
            hooks.enter_context(hooked(module, keep))
        last_logits(model, ids)
    if not rows:
        return torch.zeros(0)
    weights = torch.stack(rows).mean(dim=0)[: len(prompt)].cpu()
    return weights / weights.sum()


@contextmanager
def eager_attention(model: PreTrainedModel) -> Iterator[None]:
    """Let a model write its attention out inside; as it was before, always."""
    before = model.config._attn_implementation
    try:
        model.set_attn_implementation("eager")
        yield
    finally:
        model.set_attn_implementation(before)


def shares_by_part(
    tokens: Sequence[PartToken], weights: Sequence[float]
) -> dict[Part, float]:
    """Return how much of the weights, which sum to 1, goes to each part."""
    shares: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
    for token, weight in zip(tokens, weights, strict=True):
        shares[token.part] += weight
    return shares
