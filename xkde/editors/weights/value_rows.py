"""Rows read again and again, with a vector added to what a module gives at one place.

What comes before that place is read once and kept as a cache. What the layers below the
module make of the rest is the same at every step, so it is kept, too, and those layers
are left out from then on. Knows no loss and no method.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_values.py``
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from xkde.editors.weights.contexts import Row
from xkde.editors.weights.keys import Standing, hidden_of
from xkde.editors.weights.modules import hooked, layers_of
from xkde.engines.forward import check_finite, logits_at, pad


@dataclass(frozen=True)
class Reading:
    """Rows, and the module at which a vector is added at each row's own place.

    Each row was read up to its place: no vector changes that.
    """

    model: PreTrainedModel
    module: nn.Module
    rows: Sequence[Row]
    standing: Standing
    starts: tuple[int, ...]  # where in each row reading goes on
    cache: DynamicCache
    mask: Tensor
    # What the last layer that no vector reaches gave for a row, (time, width).
    below: dict[int, Tensor] = field(default_factory=dict)

    def logits(self, vectors: Tensor, chosen: Sequence[int], first: int) -> Tensor:
        """Return float32 logits (tokens, vocabulary), row after row.

        Of a row with an answer, where each of its tokens is predicted; of another, at
        its end. ``vectors`` are those of the edits from ``first`` on.
        """
        rows = [self.rows[i] for i in chosen]
        index = torch.tensor(chosen, device=self.model.device)
        left = [self.rows[i].read[self.starts[i] :] for i in chosen]
        ids, own = pad(left, "left", self.model.device)
        mask = torch.cat([self.mask[index], own], dim=1)
        width = ids.shape[1]
        # The same place whatever has been read before.
        places = [width - len(row.read) + row.place for row in rows]
        adding = _adding(vectors, [row.edit - first for row in rows], places)
        head = self.model.get_output_embeddings()  # type: ignore[no-untyped-call]
        with (
            self.standing.over(rows),
            self._below(chosen, [len(each) for each in left]),
            hooked(self.module, adding),
            hooked(head, _picking(rows, width, ids.device), before=True),
        ):
            logits = logits_at(
                self.model,
                ids,
                mask,
                slice(None),  # type: ignore[arg-type]  # all: the head is given few
                past_key_values=_selected(self.cache, index),
                use_cache=True,
            )
        logits = logits[0].float()
        check_finite(logits.detach().amax(dim=-1))
        return logits

    def _below(self, chosen: Sequence[int], lengths: Sequence[int]) -> Any:
        """Return the context in which layers that no vector reaches are left out.

        They run when a row is read for the first time.
        """
        layers = _unreached(self.model, self.module, self.cache)
        if not layers:
            return nullcontext()
        if all(i in self.below for i in chosen):
            kept = [self.below[i] for i in chosen]
            states = pad_sequence(kept, batch_first=True, padding_side="left")
            return _giving(layers, states)

        def keep(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor):  # what gives more beside is always run
                for i, states, length in zip(chosen, output, lengths, strict=True):
                    self.below[i] = states[-length:].detach().clone()

        return hooked(layers[-1], keep)


@torch.no_grad()
def begin(
    model: PreTrainedModel, module: nn.Module, rows: Sequence[Row], standing: Standing
) -> Reading:
    """Read what all steps have in common, once."""
    cache = DynamicCache(config=model.config)
    if min(row.place for row in rows) == 0:
        mask = torch.zeros(len(rows), 0, dtype=torch.long, device=model.device)
        return Reading(model, module, rows, standing, (0,) * len(rows), cache, mask)
    ids, mask = pad([row.ids[: row.place] for row in rows], "left", model.device)
    last = torch.tensor([-1], device=ids.device)
    with standing.over(rows):
        logits_at(model, ids, mask, last, past_key_values=cache, use_cache=True)
    places = tuple(row.place for row in rows)
    return Reading(model, module, rows, standing, places, cache, mask)


def _unreached(
    model: PreTrainedModel, module: nn.Module, cache: DynamicCache
) -> list[nn.Module]:
    """Return the layers whose output is the same whatever a module then gains.

    None where later layers look into the caches of earlier ones, which must then run.
    """
    layers = list(layers_of(model)[1])
    if len(cache.layers) != len(layers):
        return []
    place = next(i for i, one in enumerate(layers) if module in set(one.modules()))
    return layers[: place + (module is layers[place])]


@contextmanager
def _giving(layers: Sequence[nn.Module], states: Tensor) -> Iterator[None]:
    """Let layers give these states without running, inside the block."""
    with ExitStack() as undo:
        for layer in layers:
            own = vars(layer).get("forward")  # where something else has put one
            vars(layer)["forward"] = lambda *_, **__: states
            if own is None:
                undo.callback(vars(layer).pop, "forward")
            else:
                undo.callback(vars(layer).update, forward=own)
        yield


def _selected(cache: DynamicCache, index: Tensor) -> DynamicCache:
    """Return some rows of a cache, which stays as it is."""
    rows = copy(cache)
    rows.layers = [copy(layer) for layer in cache.layers]
    rows.batch_select_indices(index)
    return rows


def _picking(rows: Sequence[Row], width: int, device: torch.device) -> Any:
    """Return a hook that gives the head only the states from which it is to predict.

    Rows are padded on the left, so all answers end in the last column.
    """
    counts = [max(1, len(row.answer)) for row in rows]
    at = [
        (number, width - count + n)
        for number, count in enumerate(counts)
        for n in range(count)
    ]
    row_index, columns = torch.tensor(at, device=device).T

    def hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (arguments[0][row_index, columns][None], *arguments[1:])

    return hook


def _adding(
    vectors: Tensor, which: Sequence[int], places: Sequence[int]
) -> Callable[[nn.Module, Any, Any], Any]:
    """Return a forward hook that adds the rows' vectors at their places."""
    rows = torch.arange(len(places), device=vectors.device)
    at = torch.tensor(places, device=vectors.device)
    chosen = torch.tensor(which, device=vectors.device)

    def hook(_: nn.Module, __: Any, output: Any) -> Any:
        states = hidden_of(output)
        more = vectors[chosen].to(states.dtype)
        states = states.index_put((rows, at), more, accumulate=True)
        return states if isinstance(output, Tensor) else (states, *output[1:])

    return hook
