"""One fact edited in several languages: updates made apart, added, scaled, compared.

CLM-Bench (2026) found that the updates of the same fact in two languages hardly overlap
and that editing both at once is nearly their sum: ΔW = scale · Σ_language ΔW_language.
``MixedLanguage`` edits by the sum; ``compare`` measures both findings on any weight
editor.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from xkde.editors.cost import measured
from xkde.editors.editor import Applied
from xkde.editors.weights import deltas
from xkde.editors.weights.alphaedit import KEYS
from xkde.editors.weights.base import WeightChange, WeightEditor, added
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.types import Edit

TOP = 0.05  # the share of neurons that count as an update's own


@dataclass(frozen=True)
class MixedLanguage:
    """The editor that adds an editor's updates, one for each language."""

    editor: WeightEditor
    scale: float = 1.0

    @property
    def name(self) -> str:
        """That of the editor, and what is done with it."""
        return f"{self.editor.name}-sum"

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """Add the scaled sum to the weights."""
        with deltas.alone(engine.model), measured(engine.device) as cost:
            apart = by_language(engine, self.editor, edits, earlier)
            summed = total([change.delta for change in apart.values()], self.scale)
            state = _state_of_all([each.state for each in apart.values()], earlier)
            notes = dict.fromkeys(n for change in apart.values() for n in change.notes)
            change = WeightChange(summed, tuple(notes), state)
            edited = added(engine, self.name, edits, change, earlier)
        return replace(edited, seconds=cost.seconds, peak_bytes=cost.peak_bytes)


@dataclass(frozen=True)
class Geometry:
    """How two updates lie to each other, over all matrices that they change."""

    cosine: float
    angle: float  # degrees between their leading output directions, mean over matrices
    jaccard: float  # of the neurons that each changes most
    relative_error: float  # length of the difference, in lengths of the first


@dataclass(frozen=True)
class Additivity:
    """The two findings: languages among themselves, and all at once beside the sum."""

    languages: Mapping[tuple[str, str], Geometry]
    together: Geometry


def by_language(
    engine: TransformersEngine,
    editor: WeightEditor,
    edits: Sequence[Edit],
    earlier: Applied | None = None,
) -> dict[str, WeightChange]:
    """Return the change that each language's edits make by themselves."""
    settings = editor.settings_in_force(engine)
    languages = dict.fromkeys(edit.language for edit in edits)
    return {
        code: editor.compute(
            engine, [e for e in edits if e.language == code], settings, earlier
        )
        for code in languages
    }


def compare(
    engine: TransformersEngine, editor: WeightEditor, edits: Sequence[Edit]
) -> Additivity:
    """Measure the geometry of edits in two or more languages."""
    with deltas.alone(engine.model):
        apart = by_language(engine, editor, edits)
        if len(apart) < 2:
            raise InputError(
                "To compare languages, state the fact in at least two of them."
            )
        settings = editor.settings_in_force(engine)
        together = editor.compute(engine, edits, settings, None).delta
    codes = list(apart)
    pairs = {
        (one, other): geometry(apart[one].delta, apart[other].delta)
        for place, one in enumerate(codes)
        for other in codes[place + 1 :]
    }
    summed = total([change.delta for change in apart.values()])
    return Additivity(pairs, geometry(together, summed))


def total(
    given: Sequence[Mapping[str, Tensor]], scale: float = 1.0
) -> dict[str, Tensor]:
    """Return the scaled sum of some deltas."""
    summed: dict[str, Tensor] = {}
    for delta in given:
        summed = deltas.sum_of(summed, delta)
    return deltas.scaled(summed, scale)


def _state_of_all(
    states: Sequence[Mapping[str, Tensor]], earlier: Applied | None
) -> dict[str, Tensor]:
    """Return what later edits need of all languages.

    AlphaEdit keeps the keys of every edit: each language's begin with the earlier ones,
    which count once. Everything else belongs to the unedited model and is the same.
    """
    together: dict[str, Tensor] = {}
    for state in states:
        for name, tensor in state.items():
            if name in together and name.startswith(KEYS.format("")):
                known = len(earlier.state[name]) if earlier is not None else 0
                tensor = torch.cat([together[name], tensor[known:]])
            together[name] = tensor
    return together


def geometry(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> Geometry:
    """Compare two deltas; what only one of them changes is nothing in the other."""
    names = list(dict.fromkeys((*one, *other)))
    pairs = [_pair(one, other, name) for name in names]
    first = torch.cat([a.flatten() for a, _ in pairs])
    second = torch.cat([b.flatten() for _, b in pairs])
    angles = [_angle(a, b) for a, b in pairs]
    return Geometry(
        cosine=float(first @ second / (first.norm() * second.norm())),
        angle=math.fsum(angles) / len(angles),
        jaccard=_jaccard(
            torch.cat([a.norm(dim=0) for a, _ in pairs]),
            torch.cat([b.norm(dim=0) for _, b in pairs]),
        ),
        relative_error=float((first - second).norm() / first.norm()),
    )


def _pair(
    one: Mapping[str, Tensor], other: Mapping[str, Tensor], name: str
) -> tuple[Tensor, Tensor]:
    known = one[name] if name in one else other[name]
    nothing = torch.zeros_like(known)
    return one.get(name, nothing).float(), other.get(name, nothing).float()


def _angle(one: Tensor, other: Tensor) -> float:
    """Return the angle between the output directions that two matrices use most."""
    first, second = _leading(one), _leading(other)
    return math.degrees(math.acos(min(1.0, float((first @ second).abs()))))


def _leading(matrix: Tensor) -> Tensor:
    """Return the leading left singular vector; nothing for a matrix of zeros."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        left, values, _ = torch.svd_lowrank(matrix, q=min(6, *matrix.shape))
    return left[:, 0] * (values[0] > 0)


def _jaccard(one: Tensor, other: Tensor) -> float:
    count = max(1, round(TOP * len(one)))
    first = set(one.topk(count).indices.tolist())
    second = set(other.topk(count).indices.tolist())
    return len(first & second) / len(first | second)
