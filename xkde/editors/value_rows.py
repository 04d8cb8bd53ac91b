"""Rows read again and again, with a vector added to what a module gives at one place.

What comes before that place is read once and kept as a cache. Knows no loss and no
method.

Run its tests: ``python -m pytest tests/test_values.py``
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from xkde.editors.contexts import Row
from xkde.editors.keys import Standing, hidden_of
from xkde.editors.modules import hooked
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

    def logits(self, vectors: Tensor, chosen: Sequence[int], first: int) -> Tensor:
        """Return float32 logits of the last columns, wherever an answer is predicted.

        ``vectors`` are those of the edits from ``first`` on. Rows are padded on the
        left, so that all answers end in one column.
        """
        rows = [self.rows[i] for i in chosen]
        index = torch.tensor(chosen, device=self.model.device)
        cache = deepcopy(self.cache)
        cache.batch_select_indices(index)
        left = [self.rows[i].read[self.starts[i] :] for i in chosen]
        ids, own = pad(left, "left", self.model.device)
        mask = torch.cat([self.mask[index], own], dim=1)
        width = ids.shape[1]
        # The same place whatever has been read before.
        places = [width - len(row.read) + row.place for row in rows]
        hook = _adding(vectors, [row.edit - first for row in rows], places)
        longest = max(1, *(len(row.answer) for row in rows))
        columns = torch.arange(width - longest, width, device=ids.device)
        with self.standing.over(rows), hooked(self.module, hook):
            logits = logits_at(
                self.model, ids, mask, columns, past_key_values=cache, use_cache=True
            ).float()
        check_finite(logits.detach()[:, -1].amax(dim=-1))
        return logits


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
