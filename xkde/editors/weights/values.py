"""The value that makes a model give a new answer: what to add at the subject's end.

For each edit a vector is added to what a module gives at the subject's last token, and
optimised with Adam: the new answer becomes likely behind all openings, what the subject
is stays as it was (KL), and the vector stays short. Edits are optimised side by side,
each for itself, and leave the batch when they are done. Weights are not touched.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_values.py``
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from xkde.editors.weights.contexts import Row, essence_rows, rows_of
from xkde.editors.weights.deltas import only_these_learn
from xkde.editors.weights.keys import Standing, read
from xkde.editors.weights.value_rows import Reading, begin
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit

AT_ONCE = 32  # edits optimised side by side
ROWS_AT_ONCE = 48  # rows read in one pass, of like length: less is padding


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
            own = sorted((row for row in rows if row.edit in part), key=_left)
            reading = begin(engine.model, module, own, standing)
            found = _descend(reading, settings, before, part)
            for edit, (vector, loss, step) in found.items():
                added[edit], losses[edit], steps[edit] = vector, loss, step
    return Values(added, before, tuple(losses), tuple(steps))


def _left(row: Row) -> tuple[int, int]:
    """Return how much of a row is read at every step, and how much answer it has."""
    return len(row.read) - row.place, len(row.answer)


def _descend(
    reading: Reading, settings: ValueSettings, before: Tensor, edits: Sequence[int]
) -> dict[int, tuple[Tensor, float, int]]:
    """Return vector, last loss and number of steps of each edit."""
    first = edits[0]
    lengths = before[first : first + len(edits)].norm(dim=-1, keepdim=True)
    vectors = torch.zeros_like(before[first : first + len(edits)], requires_grad=True)
    optimiser = torch.optim.Adam([vectors], lr=settings.learning_rate)
    essences = _essences(reading, vectors.detach(), edits)
    ended: dict[int, tuple[Tensor, float, int]] = {}
    for step in range(settings.steps + 1):
        active = [edit for edit in edits if edit not in ended]
        losses = _row_losses(reading, settings, vectors, essences, active)
        chosen = torch.tensor([e - first for e in active], device=vectors.device)
        norms = vectors[chosen].norm(dim=-1) / lengths[chosen, 0] ** 2
        losses = losses + settings.decay * norms
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
def _essences(
    reading: Reading, vectors: Tensor, edits: Sequence[int]
) -> dict[int, Tensor]:
    """Return how each subject's essence went on before the edit: log-probabilities."""
    chosen = [i for i, row in enumerate(reading.rows) if not row.answer]
    if not chosen:
        return {}
    before = reading.logits(vectors, chosen, edits[0]).log_softmax(dim=-1)
    owners = [reading.rows[i].edit for i in chosen]
    return dict(zip(owners, before, strict=True))


def _row_losses(
    reading: Reading,
    settings: ValueSettings,
    vectors: Tensor,
    essences: dict[int, Tensor],
    active: Sequence[int],
) -> Tensor:
    """Return what the rows of every active edit add to its loss.

    Edits of one group are numbered one after another, as their vectors are.
    """
    place = {edit: number for number, edit in enumerate(active)}
    at_work = [i for i, row in enumerate(reading.rows) if row.edit in place]
    asked = Counter(row.edit for row in reading.rows if row.answer)
    first = min(row.edit for row in reading.rows)
    losses = vectors.new_zeros(len(active))
    for start in range(0, len(at_work), ROWS_AT_ONCE):
        chosen = at_work[start : start + ROWS_AT_ONCE]
        rows = [reading.rows[i] for i in chosen]
        told = _of_rows(reading.logits(vectors, chosen, first), rows, essences)
        shares = [1 / asked[row.edit] if row.answer else settings.kl for row in rows]
        owners = torch.tensor([place[row.edit] for row in rows], device=told.device)
        weighted = told * torch.tensor(shares, device=told.device)
        losses = losses.index_add(0, owners, weighted)
    return losses


def _of_rows(
    logits: Tensor, rows: Sequence[Row], essences: dict[int, Tensor]
) -> Tensor:
    """Return what each row adds to a loss, before its weight.

    Of a row with an answer the mean negative log-probability of its tokens, of an
    essence how far it has moved (KL). Logits are (tokens, vocabulary), row after row.
    """
    device = logits.device
    ends = list(accumulate(max(1, len(row.answer)) for row in rows))
    at = [
        (number, end - len(row.answer) + n, token, 1 / len(row.answer))
        for number, (row, end) in enumerate(zip(rows, ends, strict=True))
        for n, token in enumerate(row.answer)
    ]
    losses = logits.new_zeros(len(rows))
    if at:
        numbers, places, tokens, shares = zip(*at, strict=True)
        index = torch.tensor(numbers, device=device)
        picked = logits[torch.tensor(places, device=device)]
        target = torch.tensor(tokens, device=device)
        nll = cross_entropy(picked, target, reduction="none")
        losses = losses.index_add(0, index, nll * torch.tensor(shares, device=device))
    kept = [number for number, row in enumerate(rows) if not row.answer]
    if kept:
        log_probs = logits[[ends[number] - 1 for number in kept]].log_softmax(dim=-1)
        log_probs_before = torch.stack([essences[rows[number].edit] for number in kept])
        kl_loss = kl_divergence(log_probs, log_probs_before)
        losses = losses.index_add(0, torch.tensor(kept, device=device), kl_loss)
    return losses


def kl_divergence(log_probs: Tensor, log_probs_before: Tensor) -> Tensor:
    """Return KL(now ‖ before) = Σ p (log p − log p₀) of each row, (rows,).

    ROME's direction (equation 4): what the model holds likely now must have been likely
    before. Both arguments are log-probabilities (rows, vocabulary).
    """
    return (log_probs.exp() * (log_probs - log_probs_before)).sum(dim=-1)
