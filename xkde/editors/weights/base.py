"""What all editors of weights share: one computes a change, this puts it to work.

An editor of weights is a dataclass of settings and a function that, given engine,
edits, settings and what is at work already, returns a Change and leaves the model as it
found it. Checks, lock, cost, the sum with earlier changes and the way back are here.

Run its tests: ``python -m pytest tests/xkde/editors/test_editor.py``
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from xkde.editors.checks import LONGEST_ANSWER, check_edits
from xkde.editors.cost import measured
from xkde.editors.editor import Applied, Routed
from xkde.editors.settings import settings_for
from xkde.editors.weights import deltas
from xkde.engines.transformers import TransformersEngine
from xkde.prompts import ask
from xkde.types import Edit, Query


@dataclass(frozen=True)
class Change:
    """What an editor wants added to the weights: parameter name -> float32."""

    delta: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()
    kept: Mapping[str, Tensor] = field(default_factory=dict)  # see Applied.kept


# (engine, edits, settings, earlier) -> Change
Compute = Callable[
    [TransformersEngine, Sequence[Edit], Any, Applied | None],
    Change,
]


@dataclass(frozen=True)
class InWeights:
    """An editor of weights; ``settings`` is its dataclass, ``given`` what was asked."""

    name: str
    settings: type
    compute: Compute
    given: Mapping[str, Any] = field(default_factory=dict)
    needs_subject: bool = False

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """Compute the change and add it to the weights; bare queries are asked then."""
        check_edits(
            edits,
            engine.tokenizer,
            needs_subject=self.needs_subject,
            longest_answer=LONGEST_ANSWER,
        )
        settings = settings_for(self.settings, self.name, engine.model, self.given)
        with deltas.alone(engine.model), measured(engine.device) as cost:
            change = self.compute(engine, edits, settings, earlier)
            at_work = put(engine, self.name, edits, change, earlier)
        return replace(at_work, seconds=cost.seconds, peak_bytes=cost.peak_bytes)


@dataclass(frozen=True)
class FromFile:
    """The editor of a saved delta: puts it to work as its own editor did."""

    saved: deltas.Saved

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
        with deltas.alone(engine.model), measured(engine.device) as cost:
            change = Change(self.saved.delta)
            at_work = put(engine, self.name, self.saved.edits, change, earlier)
        return replace(at_work, seconds=cost.seconds, peak_bytes=cost.peak_bytes)


def put(
    engine: TransformersEngine,
    name: str,
    edits: Sequence[Edit],
    change: Change,
    earlier: Applied | None = None,
) -> Applied:
    """Add a change to the weights, beside the earlier ones; bare queries are asked."""
    delta, originals = dict(change.delta), None
    if earlier is not None:
        delta, originals = deltas.sum_of(earlier.delta, delta), earlier.originals
    return Applied(
        editor=name,
        edits=(*(earlier.edits if earlier else ()), *edits),
        route=bare(engine),
        delta=delta,
        originals=deltas.add(engine.model, delta, originals),
        kept=change.kept,
        notes=change.notes,
    )


def bare(engine: TransformersEngine) -> Callable[[Query], Routed]:
    """Return the route of a query that is asked as it stands."""
    return lambda query: Routed(engine, tuple(ask(query.text)))
