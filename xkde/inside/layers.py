"""A decoder's residual stream: read it, decode it, and go on from a changed one.

Works on the list of layers that every causal LM of transformers has, found by its
length, and on the model's own last norm and head: states are put in place of what the
last layer gives, and the model does the rest. So no architecture is named anywhere.
All hooks are gone when a block ends, also after an error.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from xkde.editors.weights.keys import hidden_of
from xkde.editors.weights.modules import hooked, layers_of
from xkde.engines.forward import check_finite, logits_at
from xkde.errors import CheckpointError, InputError

LONGEST = 384  # tokens of a prompt that is looked into: attention grows by the square
UNLIKE = 0.05  # most that a probability may differ where it should be the same


@dataclass(frozen=True)
class ResidualStream:
    """What one prompt leaves in the layers; index 0 is what the first layer is given.

    ``states`` are (layers + 1, time, hidden); ``logits`` (vocabulary,), float32, are
    the model's own at the prompt's end.
    """

    states: Tensor
    logits: Tensor
    is_plain: bool  # layers give their states alone, so they can be left out


def decoder_layers(model: PreTrainedModel) -> list[nn.Module]:
    """Return the decoder's layers; raises CheckpointError where they are not found."""
    try:
        return list(layers_of(model)[1])
    except (CheckpointError, AttributeError) as error:
        raise CheckpointError(
            "The layers of this model were not found among its modules, so nothing in "
            "it can be read. Choose another checkpoint."
        ) from error


def check_length(ids: Sequence[int], longest: int = LONGEST) -> None:
    """Raise InputError for a prompt that is too long to look into."""
    if len(ids) > longest:
        raise InputError(
            "The prompt has {n} tokens; a model is looked into with at most {most}. "
            "Shorten the edit or the question.",
            n=len(ids),
            most=longest,
        )


@torch.no_grad()
def read_stream(model: PreTrainedModel, ids: Sequence[int]) -> ResidualStream:
    """Run a prompt and keep every layer's states."""
    check_length(ids)
    layers = decoder_layers(model)
    states: list[Tensor] = []
    plain: list[bool] = []

    def keep_input(_: nn.Module, arguments: tuple[object, ...]) -> None:
        if arguments:
            states.append(hidden_of(arguments[0])[0])

    def keep(_: nn.Module, __: object, output: object) -> None:
        states.append(hidden_of(output)[0])
        plain.append(isinstance(output, Tensor))

    with ExitStack() as hooks:
        hooks.enter_context(hooked(layers[0], keep_input, before=True))
        for layer in layers:
            hooks.enter_context(hooked(layer, keep))
        logits = last_logits(model, torch.tensor([list(ids)], device=model.device))[0]
    if len(states) != len(layers) + 1:
        raise CheckpointError(
            "This model does not run its layers once each, one after another, so they "
            "cannot be read one by one. Choose another checkpoint."
        )
    check_finite(logits.max()[None])
    return ResidualStream(torch.stack(states), logits, all(plain))


def last_logits(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Return float32 logits (rows, vocabulary) at the end of rows of equal length."""
    last = torch.tensor([ids.shape[1] - 1], device=ids.device)
    logits = logits_at(model, ids, torch.ones_like(ids), last, use_cache=False)
    return logits[:, 0].float()


@torch.no_grad()
def decode_states(model: PreTrainedModel, states: Tensor) -> Tensor:
    """Return float32 logits (many, vocabulary) of states (many, hidden).

    They pass through the model's own last norm and head, as the logit lens has it.
    """
    # One row: a head that is given a slice of a batch is slow in bfloat16.
    ids = torch.zeros(1, len(states), dtype=torch.long, device=model.device)
    columns = torch.arange(len(states), device=model.device)
    with hooked(decoder_layers(model)[-1], giving(states[None])):
        logits = logits_at(model, ids, torch.ones_like(ids), columns, use_cache=False)
    return logits[0].float()


def check_lens(model: PreTrainedModel, stream: ResidualStream) -> None:
    """Raise CheckpointError unless the last layer's states decode to the answer."""
    decoded = decode_states(model, stream.states[-1, -1:])[0].softmax(dim=-1)
    if float((decoded - stream.logits.softmax(dim=-1)).abs().max()) > UNLIKE:
        raise CheckpointError(
            "What the last layer of this model gives is not all that its head reads, "
            "so a logit lens would mislead. Choose another checkpoint."
        )


def giving(states: Tensor) -> Callable[[nn.Module, object, object], object]:
    """Return a forward hook that puts states in place of a layer's own."""

    def hook(_: nn.Module, __: object, output: object) -> object:
        own = hidden_of(output)
        given = states.to(own.dtype).expand(own.shape)
        return given if isinstance(output, Tensor) else (given, *_rest(output))

    return hook


@contextmanager
def resumed(
    layers: Sequence[nn.Module], place: int, states: Tensor, *, is_plain: bool
) -> Iterator[None]:
    """Run a model as if the layer at ``place`` had given these states.

    Where layers give their states alone, those up to ``place`` are left out.
    """
    with ExitStack() as undo:
        if not is_plain:
            undo.enter_context(hooked(layers[place], giving(states)))
        for layer in layers[: place + 1] if is_plain else ():
            own = vars(layer).get("forward")  # where something else has put one
            vars(layer)["forward"] = lambda *_, **__: states
            if own is None:
                undo.callback(vars(layer).pop, "forward")
            else:
                undo.callback(vars(layer).update, forward=own)
        yield


def _rest(output: object) -> tuple[object, ...]:
    assert isinstance(output, tuple | list)
    return tuple(output[1:])
