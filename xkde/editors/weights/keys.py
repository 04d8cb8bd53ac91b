"""Keys: what a down projection is fed at the last token of an edit's subject.

A key is averaged over the edit's prompts; batches of prompts are read at once.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from xkde.editors.weights.contexts import EditPrompt
from xkde.editors.weights.low_rank import AppliedUpdates
from xkde.editors.weights.modules import ending_after, hooked
from xkde.engines.forward import Padding, logits_at, pad
from xkde.engines.transformers import TransformersEngine

PROMPTS_AT_ONCE = 256


@torch.no_grad()
def inputs_and_outputs(
    engine: TransformersEngine,
    modules: Sequence[nn.Module],
    prompts: Sequence[EditPrompt],
    applied: AppliedUpdates,
    padding: Padding = "right",
) -> list[tuple[Tensor, Tensor]]:
    """Return each module's inputs and outputs at the prompts' subjects.

    Both (prompts, width), in float32. ``modules`` are in the order in which a pass runs
    them; it ends after the last.
    """
    parts = [
        _of_batch(
            engine, modules, prompts[start : start + PROMPTS_AT_ONCE], applied, padding
        )
        for start in range(0, len(prompts), PROMPTS_AT_ONCE)
    ]
    return [
        (torch.cat([p[m][0] for p in parts]), torch.cat([p[m][1] for p in parts]))
        for m in range(len(modules))
    ]


def mean_by_edit(values: Tensor, prompts: Sequence[EditPrompt], edits: int) -> Tensor:
    """Return the mean over each edit's prompts, (edits, width)."""
    edit_of = torch.tensor([prompt.edit for prompt in prompts], device=values.device)
    sums = values.new_zeros(edits, values.shape[1]).index_add_(0, edit_of, values)
    return sums / torch.bincount(edit_of, minlength=edits)[:, None]


def hidden_of(output: Any) -> Tensor:
    """Return the hidden states that a module gave; some layers give more beside."""
    states: Tensor = output if isinstance(output, Tensor) else output[0]
    return states


def _of_batch(
    engine: TransformersEngine,
    modules: Sequence[nn.Module],
    prompts: Sequence[EditPrompt],
    applied: AppliedUpdates,
    padding: Padding,
) -> list[tuple[Tensor, Tensor]]:
    # What comes after the subject cannot reach back to it.
    sequences = [prompt.ids[: prompt.subject_end + 1] for prompt in prompts]
    ids, mask = pad(sequences, padding, engine.model.device)
    rows = torch.arange(len(prompts), device=ids.device)
    ends = mask.cumsum(dim=-1).argmax(dim=-1)
    seen: list[tuple[Tensor, Tensor]] = []

    def record(_: nn.Module, arguments: tuple[object, ...], output: object) -> None:
        inputs = hidden_of(arguments[0])[rows, ends].float()
        seen.append((inputs, hidden_of(output)[rows, ends].float()))

    with ExitStack() as hooks:
        hooks.enter_context(applied.over([prompt.edit for prompt in prompts]))
        for module in modules:
            hooks.enter_context(hooked(module, record))
        hooks.enter_context(ending_after(modules[-1]))
        last = torch.tensor([-1], device=ids.device)
        logits_at(engine.model, ids, mask, last, use_cache=False)
    return seen
