"""Low-rank updates of weights, and models that act as if they had been added.

An update adds ``values @ keys.T`` to the down projection of one layer. ``acting`` lets
every row of a batch answer with its own update, the weights untouched: so many edits
are computed and asked side by side. Knows no edit and no method.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_low_rank.py``
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Update:
    """What one matrix gains, in float32."""

    keys: Tensor  # (width of the input, rank)
    values: Tensor  # (width of the output, rank)

    @property
    def matrix(self) -> Tensor:
        """The gain written out, (output, input) as nn.Linear has it."""
        return self.values @ self.keys.T


Updates = Mapping[int, Update]  # by layer
Whose = Callable[[int], Tensor]  # how many rows a batch has -> the set each row obeys


def joined(one: Updates, other: Updates) -> dict[int, Update]:
    """Return two sets of updates as one that does the same as both."""
    return {
        layer: Update(
            torch.cat([u[layer].keys for u in (one, other) if layer in u], dim=1),
            torch.cat([u[layer].values for u in (one, other) if layer in u], dim=1),
        )
        for layer in dict.fromkeys((*one, *other))
    }


@contextmanager
def acting(
    modules: Mapping[int, nn.Module],
    sets: Sequence[Updates],
    whose: Whose | Sequence[int],
) -> Iterator[None]:
    """Let each row of the batches inside obey one set of updates.

    ``whose`` gives the index of the set for every row, in the batch's order; where it
    changes from pass to pass, as a function of how many rows there are.
    """
    if callable(whose):
        row_sets = whose
    else:
        fixed = torch.tensor(whose, dtype=torch.long)
        row_sets = lambda _: fixed  # noqa: E731
    with ExitStack() as hooks:
        for layer in sorted({layer for updates in sets for layer in updates}):
            module = modules[layer]
            hook = _hook([updates.get(layer) for updates in sets], module, row_sets)
            hooks.callback(module.register_forward_hook(hook).remove)
        yield


def _hook(updates: Sequence[Update | None], module: nn.Module, whose: Whose) -> Any:
    """Return a forward hook that adds each row's own update to the output."""
    keys, values = _stacked([u for u in updates if u is not None], updates)
    device = next(module.parameters()).device
    keys, values = keys.to(device), values.to(device)
    shared = keys[0] @ values[0].T if len(keys) == 1 else None

    def add(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
        inputs = arguments[0].float()
        if shared is not None:
            gained = inputs @ shared
        else:
            rows = whose(len(inputs)).to(device)
            gained = inputs @ keys[rows] @ values[rows].transpose(1, 2)
        return output + gained.to(output.dtype)

    return add


def _stacked(
    given: Sequence[Update], updates: Sequence[Update | None]
) -> tuple[Tensor, Tensor]:
    """Return (sets, width, rank) of all keys and of all values, zeros where none is."""
    rank = max(update.keys.shape[1] for update in given)
    keys = given[0].keys.new_zeros(len(updates), len(given[0].keys), rank)
    values = given[0].values.new_zeros(len(updates), len(given[0].values), rank)
    for index, update in enumerate(updates):
        if update is not None:
            keys[index, :, : update.keys.shape[1]] = update.keys
            values[index, :, : update.values.shape[1]] = update.values
    return keys, values
