"""One editor's edits on a copy of a model: the model itself is as before on return.

The edits are made in the model, which is the caller's alone meanwhile; the matrices
that they changed are copied, all others shared, and the edits are taken out again. So
the copy costs little, and nobody else ever meets the edit. Knows no page and no pool.

Run its tests: ``python -m pytest tests/xkde/asking/test_on_a_copy.py``
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from xkde.asking.all_editors.run import layers_read
from xkde.editors.editor import Applied, Routed, applied, is_reverted
from xkde.editors.registry import entry_of, make
from xkde.editors.weights import deltas
from xkde.editors.weights.second_moments import second_moments
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError, SettingsError
from xkde.types import Edit, Query

Progress = Callable[[int, int], None]  # tokens of the second moments, of how many


@dataclass(frozen=True)
class Made:
    """Who answers each query, and in which words it is asked."""

    routed: tuple[Routed, ...]
    seconds: float
    notes: tuple[str, ...] = ()


def made_on_a_copy(
    name: str,
    engine: TransformersEngine,
    edits: Sequence[Edit],
    queries: Sequence[Query],
    on_progress: Progress | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Made:
    """Make edits with the editor ``name`` and return what asks each query after them.

    Raises XkdeError in words where the editor cannot; what ``on_progress`` raises ends
    the reading of second moments, which goes on from there next time.
    """
    entry = entry_of(name)
    if "subject" in entry.needs and not all(edit.subject for edit in edits):
        raise InputError(
            "{editor} must know the subject of the edit, and Atlas does not find it in "
            "this question. Word the question as the examples do, or choose an editor "
            "that needs no subject, such as X-KDE or FT-M.",
            editor=entry.label,
        )
    try:
        with deltas.alone(engine.model):
            if "moments" in entry.needs:
                second_moments(engine, layers_read(engine), on_progress=on_progress)
            with applied(make(name, settings), engine, edits) as at_work:
                routed = _routed(engine, at_work, queries)
            if not is_reverted(engine, at_work):
                raise SettingsError(
                    "The model was not as before after the edit. Start the app again "
                    "before you go on."
                )
    except (RuntimeError, MemoryError, OSError) as error:  # torch's, the disk's
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise SettingsError(
            "{editor} stopped with an error ({reason}). The model is as it was; choose "
            "another editor.",
            editor=entry.label,
            reason=reason.rstrip("."),
        ) from error
    return Made(routed, at_work.seconds, at_work.notes)


def _routed(
    engine: TransformersEngine, at_work: Applied, queries: Sequence[Query]
) -> tuple[Routed, ...]:
    """Return how queries are asked, of the copy where the weights were changed."""
    routed = tuple(at_work.route(query) for query in queries)
    if not at_work.delta:
        return routed
    own = replace(engine, model=copy_but(engine, at_work.delta))
    return tuple(
        replace(each, engine=own) if each.engine.model is engine.model else each
        for each in routed
    )


def copy_but(engine: TransformersEngine, own: Mapping[str, Any]) -> Any:
    """Return the model again: with ``own`` parameters copied, all others shared."""
    model = engine.model
    shared = [value for name, value in model.named_parameters() if name not in own]
    return deepcopy(model, {id(value): value for value in (*shared, *model.buffers())})
