"""The value that makes a model give a new answer: what to add at the subject's end.

For each edit a vector is added to what a module gives at the subject's last token, and
optimised with Adam: the new answer becomes likely behind all openings, what the subject
is stays as it was (KL), and the vector stays short. Edits are optimised side by side,
each for itself, and leave the batch when they are done. Weights are not touched.

Run its tests: ``python -m pytest tests/test_values.py``
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from xkde.editors.contexts import Row, essence_rows, rows_of
from xkde.editors.deltas import only_these_learn
from xkde.editors.keys import Standing, hidden_of, read
from xkde.editors.modules import hooked
from xkde.engines.forward import check_finite, logits_at, pad
from xkde.engines.transformers_engine import TransformersEngine
from xkde.types import Edit

AT_ONCE = 32  # edits optimised side by side


@dataclass(frozen=True)
class ValueSettings:
    """How values are optimised; editors have fields of the same names."""

    learning_rate: float = 0.5
    steps: int = 25
    stop: float = 0.05  # the loss at which a value is good enough
    clamp: float = 4.0  # longest vector, in lengths of what the module gave before
    kl: float = 0.0625  # weight of leaving alone what the subject is
    decay: float = 1e-3  # weight of the vector's length
    openings: int = 4  # rows beside the bare question


@dataclass(frozen=True)
class Values:
    """One vector to add for each edit, and how its optimisation ended."""

    added: Tensor  # (edits, width), float32
    before: Tensor  # what the module gave behind no opening
    losses: tuple[float, ...]
    steps: tuple[int, ...]


def value_settings(settings: Any) -> ValueSettings:
    """Return the part of an editor's settings that is about values."""
    names = [field.name for field in fields(ValueSettings)]
    return ValueSettings(**{name: getattr(settings, name) for name in names})


def optimise(
    engine: TransformersEngine,
    module: nn.Module,
    edits: Sequence[Edit],
    settings: ValueSettings,
    standing: Standing,
) -> Values:
    """Return each edit's vector to add to what ``module`` gives."""
    rows = rows_of(engine.tokenizer, edits, settings.openings)
    if settings.kl:
        rows += essence_rows(engine.tokenizer, edits)
    first = [next(r for r in rows if r.edit == e) for e in range(len(edits))]
    [(_, before)] = read(engine, [module], first, standing)
    added = torch.zeros_like(before)
    losses, steps = [0.0] * len(edits), [0] * len(edits)
    with only_these_learn(engine.model):
        for start in range(0, len(edits), AT_ONCE):
            part = range(start, min(start + AT_ONCE, len(edits)))
            own = [row for row in rows if row.edit in part]
            begun = _begin(engine.model, own, standing)
            task = _Task(engine.model, module, own, settings, standing, begun)
            for edit, (vector, loss, step) in _descend(task, before, part).items():
                added[edit], losses[edit], steps[edit] = vector, loss, step
    return Values(added, before, tuple(losses), tuple(steps))


@dataclass(frozen=True)
class _Begun:
    """Rows as read up to their subject's last token: no vector changes that."""

    starts: tuple[int, ...]  # where in each row reading goes on
    cache: DynamicCache
    mask: Tensor


@dataclass(frozen=True)
class _Task:
    """What a group of edits is optimised on; rows without an answer are essences."""

    model: PreTrainedModel
    module: nn.Module
    rows: Sequence[Row]
    settings: ValueSettings
    standing: Standing
    begun: _Begun


@torch.no_grad()
def _begin(model: PreTrainedModel, rows: Sequence[Row], standing: Standing) -> _Begun:
    """Read what all steps have in common, once."""
    cache = DynamicCache(config=model.config)
    if min(row.place for row in rows) == 0:
        mask = torch.zeros(len(rows), 0, dtype=torch.long, device=model.device)
        return _Begun((0,) * len(rows), cache, mask)
    ids, mask = pad([row.ids[: row.place] for row in rows], "left", model.device)
    last = torch.tensor([-1], device=ids.device)
    with standing.over(rows):
        logits_at(model, ids, mask, last, past_key_values=cache, use_cache=True)
    return _Begun(tuple(row.place for row in rows), cache, mask)


def _descend(
    task: _Task, before: Tensor, edits: Sequence[int]
) -> dict[int, tuple[Tensor, float, int]]:
    """Return vector, last loss and number of steps of each edit."""
    settings, first = task.settings, edits[0]
    lengths = before[first : first + len(edits)].norm(dim=-1, keepdim=True)
    vectors = torch.zeros_like(before[first : first + len(edits)], requires_grad=True)
    optimiser = torch.optim.Adam([vectors], lr=settings.learning_rate)
    essences = _essences(task, vectors.detach(), edits)
    ended: dict[int, tuple[Tensor, float, int]] = {}
    for step in range(settings.steps + 1):
        active = [edit for edit in edits if edit not in ended]
        losses = _losses(task, vectors, lengths, essences, active, first)
        for edit, loss in zip(active, losses.tolist(), strict=True):
            if loss < settings.stop or step == settings.steps:
                vector = vectors.detach()[edit - first].clone()
                ended[edit] = (vector, loss, step)
        if len(ended) == len(edits):
            break
        optimiser.zero_grad()
        losses.sum().backward()
        optimiser.step()
        with torch.no_grad():
            longest = settings.clamp * lengths
            vectors *= (longest / vectors.norm(dim=-1, keepdim=True)).clamp(max=1)
    return ended


@torch.no_grad()
def _essences(task: _Task, vectors: Tensor, edits: Sequence[int]) -> dict[int, Tensor]:
    """Return how each subject's essence went on before the edit: log-probabilities."""
    chosen = [i for i, row in enumerate(task.rows) if not row.answer]
    if not chosen:
        return {}
    before = _logits(task, vectors, chosen, edits[0])[:, -1].log_softmax(dim=-1)
    owners = [task.rows[i].edit for i in chosen]
    return dict(zip(owners, before, strict=True))


def _losses(
    task: _Task,
    vectors: Tensor,
    lengths: Tensor,
    essences: dict[int, Tensor],
    active: Sequence[int],
    first: int,
) -> Tensor:
    """Return the loss of every active edit."""
    place = {edit: number for number, edit in enumerate(active)}
    at_work = [i for i, row in enumerate(task.rows) if row.edit in place]
    asked = [i for i in at_work if task.rows[i].answer]
    kept = [i for i in at_work if not task.rows[i].answer]
    logits = _logits(task, vectors, [*asked, *kept], first)
    owners = [place[task.rows[i].edit] for i in (*asked, *kept)]
    index = torch.tensor(owners, device=logits.device)
    of_asked, of_kept = index[: len(asked)], index[len(asked) :]
    counts = torch.bincount(of_asked, minlength=len(active))
    nll = _answers_nll(logits[: len(asked)], [task.rows[i] for i in asked])
    losses = logits.new_zeros(len(active))
    losses = losses.index_add(0, of_asked, nll / counts[of_asked])
    if kept:
        now = logits[len(asked) :, -1].log_softmax(dim=-1)
        then = torch.stack([essences[task.rows[i].edit] for i in kept])
        divergence = (then.exp() * (then - now)).sum(dim=-1)
        losses = losses.index_add(0, of_kept, task.settings.kl * divergence)
    chosen = torch.tensor([edit - first for edit in active], device=vectors.device)
    norms = vectors[chosen].norm(dim=-1) / lengths[chosen, 0] ** 2
    return losses + task.settings.decay * norms


def _answers_nll(logits: Tensor, rows: Sequence[Row]) -> Tensor:
    """Return the mean negative log-probability of each row's answer tokens."""
    width = logits.shape[1]
    target = torch.zeros(len(rows), width, dtype=torch.long)
    share = torch.zeros(len(rows), width)
    for number, row in enumerate(rows):
        count = len(row.answer)
        target[number, width - count :] = torch.tensor(row.answer)
        share[number, width - count :] = 1 / count
    target, share = target.to(logits.device), share.to(logits.device)
    picked = logits.log_softmax(dim=-1).gather(-1, target[..., None])[..., 0]
    return -(picked * share).sum(dim=-1)


def _logits(task: _Task, vectors: Tensor, chosen: Sequence[int], first: int) -> Tensor:
    """Return float32 logits of the last columns, wherever an answer is predicted.

    Rows are padded on the left, so that all answers end in one column.
    """
    model, rows = task.model, [task.rows[i] for i in chosen]
    starts = [task.begun.starts[i] for i in chosen]
    index = torch.tensor(chosen, device=model.device)
    cache = deepcopy(task.begun.cache)
    cache.batch_select_indices(index)
    left = [row.read[start:] for row, start in zip(rows, starts, strict=True)]
    ids, own = pad(left, "left", model.device)
    mask = torch.cat([task.begun.mask[index], own], dim=1)
    width = ids.shape[1]
    places = [
        width - len(row.read) + row.place  # the same whatever has been read before
        for row in rows
    ]
    hook = _adding(vectors, [row.edit - first for row in rows], places)
    longest = max(1, *(len(row.answer) for row in rows))
    columns = torch.arange(width - longest, width, device=ids.device)
    with task.standing.over(rows), hooked(task.module, hook):
        logits = logits_at(
            model, ids, mask, columns, past_key_values=cache, use_cache=True
        ).float()
    check_finite(logits.detach()[:, -1].amax(dim=-1))
    return logits


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
