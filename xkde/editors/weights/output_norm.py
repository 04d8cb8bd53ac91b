"""The norm that some models put behind an MLP, before it is added to the hidden states.

In Llama the MLP's output m is added as it is: a change d of m changes the hidden state
by d. Gemma 2 and 3, OLMo 2 and others add N(m) instead, with a norm of scale g:

    h = h_attn + N(m),   N(m) = g ⊙ m / rms(m)

N forgets how long m is, so an editor that reckons in hidden states (MEMIT, AlphaEdit)
must turn the change R that it wants of h into one of m:

    d = rms(m) R ⊙ g / (g² + ε²)

ε damps channels that g nearly silences; without them N(m + d) points to N(m) + R. A
norm of the sum h_attn + m, as in OPT 350M, is treated alike: d then changes the sum.

The norm is found by what runs in a layer after its down projection, never by a name.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from xkde.editors.weights.modules import Projection, ending_after, hooked, layers_of
from xkde.errors import CheckpointError

DAMPING = 0.1  # ε, in medians of |g|
# What was seen to run, by model and layer. The pass takes 5 ms, and an edit of a small
# model 150.
_RUN_AFTER: WeakKeyDictionary[PreTrainedModel, dict[int, list[nn.Module]]]
_RUN_AFTER = WeakKeyDictionary()
SEVERAL_NORMS = (
    "Layer {layer} of this model has several norms behind its MLP, so this editor "
    "cannot take it. Choose ROME, or an editor that works in the prompt, such as x-kde."
)


@dataclass(frozen=True)
class OutputNorm:
    """A norm behind the MLP of one layer."""

    module: nn.Module
    scale: Tensor  # g, (width,), float32

    def change(self, given: Tensor, d: Tensor) -> Tensor:
        """Return N(m + d) − N(m), both (rows, width); ``given`` is m."""
        with torch.no_grad():
            difference: Tensor = self.module(given + d) - self.module(given)
        return difference

    def change_before(self, given: Tensor, wanted: Tensor) -> Tensor:
        """Return the d that turns N(m) towards N(m) + R; ``wanted`` is R."""
        damping = DAMPING * self.scale.abs().median()
        inverse = self.scale / (self.scale**2 + damping**2)
        if isinstance(self.module, nn.LayerNorm):
            given = given - given.mean(dim=-1, keepdim=True)
        rms = given.square().mean(dim=-1, keepdim=True).sqrt()
        return rms * wanted * inverse


def output_norms(
    model: PreTrainedModel, places: Sequence[Projection]
) -> dict[int, OutputNorm]:
    """Return the norms behind some layers' down projections, by layer.

    Of most models there are none. Raises CheckpointError if a layer has several.
    """
    known = _RUN_AFTER.setdefault(model, {})
    unknown = [place for place in places if place.layer not in known]
    if unknown:
        known |= _norms_run_after(model, unknown)
    found: dict[int, OutputNorm] = {}
    for layer in (place.layer for place in places):
        if len(known[layer]) > 1:
            raise CheckpointError(SEVERAL_NORMS, layer=layer)
        for norm in known[layer]:
            found[layer] = OutputNorm(norm, _scale(norm))
    return found


@torch.no_grad()
def _norms_run_after(
    model: PreTrainedModel, places: Sequence[Projection]
) -> dict[int, list[nn.Module]]:
    """Return the norms that run in each layer after its down projection.

    One pass over a single token shows it.
    """
    layers = layers_of(model)[1]
    seen: dict[int, list[nn.Module]] = {}

    def projected(layer: int) -> Callable[..., None]:
        return lambda *_: seen.update({layer: []})

    def normed(layer: int) -> Callable[..., None]:
        return lambda module, *_: seen.get(layer, []).append(module)

    with ExitStack() as hooks:
        for place in places:
            hooks.enter_context(hooked(place.module, projected(place.layer)))
            for module in layers[place.layer].modules():
                if _is_norm(module):
                    hooks.enter_context(hooked(module, normed(place.layer)))
        hooks.enter_context(ending_after(layers[places[-1].layer]))
        model(input_ids=torch.zeros(1, 1, dtype=torch.long, device=model.device))
    return seen


def _is_norm(module: nn.Module) -> bool:
    """Tell whether a module has vectors alone for parameters, such as a scale."""
    sizes = [parameter.ndim for parameter in module.parameters()]
    return bool(sizes) and set(sizes) == {1}


@torch.no_grad()
def _scale(norm: nn.Module) -> Tensor:
    """Return g, whether the module keeps it as it is or less one.

    Of a vector of +1 and -1 in turn the root mean square is 1, and the mean 0. A bias
    cancels.
    """
    width = next(norm.parameters()).shape[0]
    signs = torch.ones(width, device=next(norm.parameters()).device)
    signs[1::2] = -1
    scale: Tensor = (norm(signs) - norm(-signs)) / 2 * signs
    return scale.float()
