"""Low-rank updates of weights, and models that act as if they had been added.

An update adds ``values @ keys.T`` to the down projection of one layer. Every row of a
batch can obey its own set of updates while the weights stay untouched: so many edits
are computed and asked about side by side.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from xkde.editors.weights.modules import hooked, projection


@dataclass(frozen=True)
class LowRankUpdate:
    """What one matrix gains, in float32."""

    keys: Tensor  # (width of the input, rank)
    values: Tensor  # (width of the output, rank)

    @property
    def matrix(self) -> Tensor:
        """The gain written out, (output, input) as nn.Linear has it."""
        return self.values @ self.keys.T


Updates = Mapping[int, LowRankUpdate]  # by layer
# (number of rows in a batch) -> the index of the set of updates that each row obeys
SetOfRow = Callable[[int], Tensor]


@dataclass(frozen=True)
class AppliedUpdates:
    """Updates that edits' prompts are read under, beside what is in the weights."""

    modules: Mapping[int, nn.Module] = field(default_factory=dict)  # by layer
    sets: Sequence[Updates] = ()
    set_of_edit: Sequence[int] = ()

    def over(self, edits: Sequence[int]) -> AbstractContextManager[None]:
        """Return the context in which a batch's rows, of these edits, obey their sets.

        ``edits`` are the numbers of the rows' edits, in the batch's order.
        """
        if not any(self.sets):
            return nullcontext()
        rows = torch.tensor([self.set_of_edit[edit] for edit in edits])
        return acting(self.modules, self.sets, lambda _: rows)


def joined(one: Updates, other: Updates) -> dict[int, LowRankUpdate]:
    """Return two sets of updates as one that does the same as both."""
    return {
        layer: LowRankUpdate(
            torch.cat([u[layer].keys for u in (one, other) if layer in u], dim=1),
            torch.cat([u[layer].values for u in (one, other) if layer in u], dim=1),
        )
        for layer in dict.fromkeys((*one, *other))
    }


def delta_of(model: PreTrainedModel, updates: Updates) -> dict[str, Tensor]:
    """Return updates written out, as the model's parameters are stored."""
    places = [projection(model, layer) for layer in updates]
    return {p.weight_name: p.as_stored(updates[p.layer].matrix) for p in places}


@contextmanager
def acting(
    modules: Mapping[int, nn.Module], sets: Sequence[Updates], set_of_row: SetOfRow
) -> Iterator[None]:
    """Let each row of the batches inside obey one set of updates.

    ``set_of_row`` is asked in every forward pass, since rows may leave a batch.
    """
    with ExitStack() as hooks:
        for layer in sorted({layer for updates in sets for layer in updates}):
            module = modules[layer]
            device = next(module.parameters()).device
            keys, values = _stacked([updates.get(layer) for updates in sets], device)
            hook = _adding_updates(keys, values, set_of_row)
            hooks.enter_context(hooked(module, hook))
        yield


def _adding_updates(
    keys: Tensor, values: Tensor, set_of_row: SetOfRow
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    """Return a forward hook that adds each row's own update to the output.

    ``keys`` are (sets, input, rank), ``values`` (sets, output, rank).
    """
    shared = keys[0] @ values[0].T if len(keys) == 1 else None

    def add(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
        inputs = arguments[0].float()
        if shared is not None:
            gain = inputs @ shared
        else:
            rows = set_of_row(len(inputs)).to(keys.device)
            gain = inputs @ keys[rows] @ values[rows].transpose(1, 2)
        return output + gain.to(output.dtype)

    return add


def _stacked(
    updates: Sequence[LowRankUpdate | None], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return all keys and all values, (sets, width, rank), zeros where no update is."""
    known = [update for update in updates if update is not None]
    rank = max(update.keys.shape[1] for update in known)
    keys = torch.zeros(len(updates), len(known[0].keys), rank, device=device)
    values = torch.zeros(len(updates), len(known[0].values), rank, device=device)
    for number, update in enumerate(updates):
        if update is not None:
            keys[number, :, : update.keys.shape[1]] = update.keys
            values[number, :, : update.values.shape[1]] = update.values
    return keys, values
