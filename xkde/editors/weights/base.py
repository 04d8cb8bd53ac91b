"""What all weight editors share: one computes a change, this adds it to the weights.

A weight editor is a dataclass of settings and a function that, given engine, edits,
settings and the earlier edits, returns a WeightChange and leaves the model as it found
it. Checks, lock, cost, the sum with earlier changes and the way back are here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from xkde.editors.editor import LONGEST_ANSWER, Applied, bare, check_edits, measured
from xkde.editors.registry import settings_for
from xkde.editors.weights import deltas
from xkde.editors.weights.contexts import notes_of, question_prompts
from xkde.editors.weights.low_rank import Updates, delta_of
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit


@dataclass(frozen=True)
class WeightChange:
    """What an editor wants added to the weights: parameter name -> float32."""

    delta: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()
    state: Mapping[str, Tensor] = field(default_factory=dict)  # see Applied.state


# (engine, edits, settings, earlier) -> the change of all edits together. Settings are
# each editor's own dataclass.
Compute = Callable[
    [TransformersEngine, Sequence[Edit], Any, Applied | None], WeightChange
]
EachEdit = list[tuple[Updates, tuple[str, ...]]]  # updates and notes, by edit
# (engine, edits, settings) -> low-rank updates of every edit by itself
ComputeEach = Callable[[TransformersEngine, Sequence[Edit], Any], EachEdit]


@dataclass(frozen=True)
class WeightEditor:
    """A weight editor; ``given`` are the values asked for of its ``settings``."""

    name: str
    settings: type
    compute: Compute
    given: Mapping[str, object] = field(default_factory=dict)
    needs_subject: bool = False
    compute_each: ComputeEach | None = None  # of an editor whose change is of low rank

    def check(self, engine: TransformersEngine, edits: Sequence[Edit]) -> None:
        """Raise InputError for edits that the editor does not make together."""
        check_edits(
            edits,
            engine.tokenizer,
            needs_subject=self.needs_subject,
            longest_answer=LONGEST_ANSWER,
        )

    def settings_in_force(self, engine: TransformersEngine) -> Any:
        """Return the settings for a model: given over preset over defaults."""
        return settings_for(self.settings, self.name, engine.model, self.given)

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """Compute the change and add it to the weights; bare queries are asked then."""
        self.check(engine, edits)
        settings = self.settings_in_force(engine)
        return computed_and_added(
            engine,
            self.name,
            edits,
            lambda: self.compute(engine, edits, settings, earlier),
            earlier,
        )


@dataclass(frozen=True)
class SavedDeltaEditor:
    """The editor of a saved delta: adds it to the weights as its own editor did."""

    saved: deltas.SavedDelta

    @property
    def name(self) -> str:
        """That of the editor that made it."""
        return self.saved.editor

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """Add the delta, of whatever edits it was made by."""
        change = WeightChange(self.saved.delta)
        return computed_and_added(
            engine, self.name, self.saved.edits, lambda: change, earlier
        )


def computed_and_added(
    engine: TransformersEngine,
    name: str,
    edits: Sequence[Edit],
    compute: Callable[[], WeightChange],
    earlier: Applied | None,
) -> Applied:
    """Compute a change and add it to the weights; return it with what it cost."""
    with deltas.alone(engine.model), measured(engine.device) as cost:
        edited = added(engine, name, edits, compute(), earlier)
    return replace(edited, seconds=cost.seconds, peak_bytes=cost.peak_bytes)


def added(
    engine: TransformersEngine,
    name: str,
    edits: Sequence[Edit],
    change: WeightChange,
    earlier: Applied | None = None,
) -> Applied:
    """Add a change to the weights, beside the earlier ones."""
    delta, originals = dict(change.delta), None
    if earlier is not None:
        delta, originals = deltas.sum_of(earlier.delta, delta), earlier.originals
    return Applied(
        editor=name,
        edits=(*(earlier.edits if earlier else ()), *edits),
        route=bare(engine),
        delta=delta,
        originals=deltas.add(engine.model, delta, originals),
        state=change.state,
        notes=change.notes,
    )


def change_of(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    updates: Updates,
    state: Mapping[str, Tensor],
    *notes: str,
) -> WeightChange:
    """Return low-rank updates as a change, with the notes on the edits' subjects."""
    of_subjects = notes_of(question_prompts(engine.tokenizer, edits, 0))
    delta = delta_of(engine.model, updates)
    return WeightChange(delta, (*of_subjects, *notes), state)
