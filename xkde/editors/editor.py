"""The one interface of all editors: apply edits, ask while they are at work, revert.

    with applied(editor, engine, edits) as at_work:
        answer(at_work, [Query("日本的首都是哪里？", "zh")], Sampling())

An editor changes what a model is asked (a prompt), which model is asked (a route), or
the model's weights; after the block all is as before, bit by bit, whatever happened in
it. Knows no method: those are in ``xkde.editors.registry``.

Run its tests: ``python -m pytest tests/xkde/editors/test_editor.py``
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Protocol

from torch import Tensor

from xkde.editors.weights import deltas
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.types import AnswerScore, Edit, Generation, Message, Query, Sampling


@dataclass(frozen=True)
class Routed:
    """How one query is asked: which model, and in which words."""

    engine: TransformersEngine
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Applied:
    """Edits at work on a model, until they are reverted."""

    editor: str
    edits: tuple[Edit, ...]  # all that are at work, earlier ones first
    route: Callable[[Query], Routed]
    delta: Mapping[str, Tensor] = field(default_factory=dict)  # what was added
    originals: Mapping[str, Tensor] = field(default_factory=dict)  # what was there
    kept: Mapping[str, Tensor] = field(default_factory=dict)  # for later edits' use
    seconds: float = 0.0  # that it took to apply
    peak_bytes: int = 0  # of memory, above what was in use before
    notes: tuple[str, ...] = ()  # what a person should know


class Editor(Protocol):
    """A method that makes a model obey edits."""

    @property
    def name(self) -> str:
        """Its key in EDITORS."""

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """Put edits to work beside the ``earlier`` ones, which the result includes.

        An editor that raises leaves the model as it found it.
        """


@contextmanager
def applied(
    editor: Editor,
    engine: TransformersEngine,
    edits: Sequence[Edit],
    at_once: int | None = None,
) -> Iterator[Applied]:
    """Put edits to work inside the block: all together, or ``at_once`` after another.

    The model is this thread's alone until then; others who share it must ask under
    ``deltas.alone(engine.model)``, or have a copy (``own_copy``).
    """
    if at_once is not None and at_once < 1:
        raise InputError("At least one edit must be applied at a time.")
    size = at_once or max(1, len(edits))
    parts = [edits[i : i + size] for i in range(0, len(edits), size)] or [edits]
    with deltas.alone(engine.model):
        now: Applied | None = None
        try:
            for part in parts:
                before = now
                now = editor.apply(engine, part, before)
                if before is not None:
                    now = _together(before, now)
            assert now is not None
            yield now
        finally:
            if now is not None:
                revert(engine, now)


def revert(engine: TransformersEngine, at_work: Applied) -> None:
    """Take edits out of the weights, bit by bit; nothing to do where none is in."""
    with deltas.alone(engine.model):
        deltas.restore(engine.model, at_work.originals)


def is_reverted(engine: TransformersEngine, at_work: Applied) -> bool:
    """Tell whether every weight that was changed is as it was, bit by bit."""
    return deltas.are_equal(engine.model, at_work.originals)


def own_copy(engine: TransformersEngine) -> TransformersEngine:
    """Return the engine with weights of its own, which edits may change unseen."""
    with deltas.alone(engine.model):
        return replace(engine, model=deepcopy(engine.model))


def answer(
    at_work: Applied,
    queries: Sequence[Query],
    sampling: Sampling,
    batch_size: int = 64,
) -> list[Generation]:
    """Answer queries while edits are at work, in batches; in the given order."""
    routed = [at_work.route(query) for query in queries]
    prompts = [each.engine.encode(each.messages).ids for each in routed]
    answers: dict[int, Generation] = {}
    for engine, places in _by_engine(routed):
        told = engine.generate([prompts[i] for i in places], sampling, batch_size)
        answers.update(zip(places, told, strict=True))
    return [answers[i] for i in range(len(queries))]


def score(
    at_work: Applied,
    queries: Sequence[Query],
    answers: Sequence[str],
    batch_size: int = 64,
) -> list[AnswerScore]:
    """Score an answer to each query while edits are at work, teacher-forced."""
    routed = [at_work.route(query) for query in queries]
    pairs = []
    for each, text in zip(routed, answers, strict=True):
        told = each.engine.encode([*each.messages, Message("assistant", text)])
        pairs.append((told.prompt_ids, told.answer_ids))
    scores: dict[int, AnswerScore] = {}
    for engine, places in _by_engine(routed):
        told = engine.score([pairs[i] for i in places], batch_size)
        scores.update(zip(places, told, strict=True))
    return [scores[i] for i in range(len(queries))]


def _by_engine(
    routed: Sequence[Routed],
) -> Iterator[tuple[TransformersEngine, list[int]]]:
    """Yield every engine that is asked, with the places of its queries."""
    places: dict[int, list[int]] = {}
    for place, each in enumerate(routed):
        places.setdefault(id(each.engine.model), []).append(place)
    for group in places.values():
        yield routed[group[0]].engine, group


def _together(before: Applied, now: Applied) -> Applied:
    """Return what applied later with the cost and the notes of all before it."""
    return replace(
        now,
        seconds=before.seconds + now.seconds,
        peak_bytes=max(before.peak_bytes, now.peak_bytes),
        notes=tuple(dict.fromkeys((*before.notes, *now.notes))),
    )
