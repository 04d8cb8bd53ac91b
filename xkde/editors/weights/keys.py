"""What modules are fed, and what they give, at the subject's last token.

Keys are what goes into a down projection there, averaged over an edit's rows; batches
of rows are read at once. Knows no method.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_values.py``
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xkde.editors.weights.contexts import Row
from xkde.editors.weights.low_rank import Updates, acting
from xkde.editors.weights.modules import Projection, hooked
from xkde.engines.forward import Padding, logits_at, pad
from xkde.engines.transformers import TransformersEngine

ROWS = 256  # read at a time


@dataclass(frozen=True)
class Standing:
    """Updates that rows read under, beside what is in the weights."""

    modules: Mapping[int, nn.Module]  # the down projections, by layer
    sets: Sequence[Updates]
    whose: Sequence[int]  # which set each edit's rows obey

    def over(self, rows: Sequence[Row]) -> Any:
        """Return the context in which these rows, in this order, obey their sets."""
        if not any(self.sets):
            return nullcontext()
        return acting(self.modules, self.sets, [self.whose[row.edit] for row in rows])


def modules_of(projections: Sequence[Projection]) -> dict[int, nn.Module]:
    """Return the modules of some layers' down projections."""
    return {projection.layer: projection.module for projection in projections}


@torch.no_grad()
def read(
    engine: TransformersEngine,
    modules: Sequence[nn.Module],
    rows: Sequence[Row],
    standing: Standing,
    padding: Padding = "right",
) -> list[tuple[Tensor, Tensor]]:
    """Return each module's (inputs, outputs) at the rows' places, in float32."""
    parts = []
    for start in range(0, len(rows), ROWS):
        batch = rows[start : start + ROWS]
        parts.append(_read(engine, modules, batch, standing, padding))
    return [
        (torch.cat([p[m][0] for p in parts]), torch.cat([p[m][1] for p in parts]))
        for m in range(len(modules))
    ]


def mean_by_edit(values: Tensor, rows: Sequence[Row], edits: int) -> Tensor:
    """Return the mean over each edit's rows, (edits, width)."""
    index = torch.tensor([row.edit for row in rows], device=values.device)
    sums = values.new_zeros(edits, values.shape[1]).index_add_(0, index, values)
    return sums / torch.bincount(index, minlength=edits)[:, None]


def hidden_of(output: Any) -> Tensor:
    """Return the hidden states that a module gave; some layers give more beside."""
    states: Tensor = output if isinstance(output, Tensor) else output[0]
    return states


def _read(
    engine: TransformersEngine,
    modules: Sequence[nn.Module],
    rows: Sequence[Row],
    standing: Standing,
    padding: Padding,
) -> list[tuple[Tensor, Tensor]]:
    # What comes after the subject cannot reach back to it.
    sequences = [row.ids[: row.place + 1] for row in rows]
    ids, mask = pad(sequences, padding, engine.model.device)
    index = torch.arange(len(rows), device=ids.device)
    ends = mask.cumsum(dim=-1).argmax(dim=-1)
    found: list[tuple[Tensor, Tensor]] = []

    def keep(_: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        given = hidden_of(arguments[0])[index, ends].float()
        found.append((given, hidden_of(output)[index, ends].float()))

    with ExitStack() as hooks:
        hooks.enter_context(standing.over(rows))
        for module in modules:
            hooks.enter_context(hooked(module, keep))
        last = torch.tensor([-1], device=ids.device)
        logits_at(engine.model, ids, mask, last, use_cache=False)
    return found
