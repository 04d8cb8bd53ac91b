"""One fact edited in several languages: each language's change apart, then their sum.

    ΔW = scale · Σ_language ΔW_language

CLM-Bench (2026) found that the updates of the same fact in two languages hardly overlap
and that editing both at once is nearly their sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xkde.editors.editor import Applied
from xkde.editors.weights import deltas
from xkde.editors.weights.alphaedit import KEYS
from xkde.editors.weights.base import (
    WeightChange,
    WeightEditor,
    computed_and_added,
)
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit


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

        def compute() -> WeightChange:
            changes = by_language(engine, self.editor, edits, earlier)
            summed = total([change.delta for change in changes], self.scale)
            state = _state_of_all([change.state for change in changes], earlier)
            notes = dict.fromkeys(note for change in changes for note in change.notes)
            return WeightChange(summed, tuple(notes), state)

        return computed_and_added(engine, self.name, edits, compute, earlier)


def by_language(
    engine: TransformersEngine,
    editor: WeightEditor,
    edits: Sequence[Edit],
    earlier: Applied | None = None,
) -> list[WeightChange]:
    """Return the change that each language's edits make by themselves."""
    settings = editor.settings_in_force(engine)
    languages = dict.fromkeys(edit.language for edit in edits)
    return [
        editor.compute(
            engine, [e for e in edits if e.language == code], settings, earlier
        )
        for code in languages
    ]


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
