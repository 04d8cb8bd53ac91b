"""The one interface of all editors: apply edits, ask under them, revert.

    with applied(editor, engine, edits) as edited:
        answer(edited, [Query("日本的首都是哪里？", "zh")], Sampling())

An editor changes what a model is asked (a prompt), which model is asked (a route), or
the model's weights. After the block all is bit-exactly as before, whatever happened in
it. What an edit costs is measured: seconds, and the most memory above what was in use
before. On CUDA torch counts the device's memory itself; elsewhere the process's
resident memory is looked at every few milliseconds, so a shorter peak may be missed.
The methods themselves are in ``xkde.editors.registry``.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import psutil
import torch
from torch import Tensor

from xkde.editors.weights import deltas
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.prompts import EDIT_QUESTION, NEW_ANSWER, Tokenizer, ask, check_user_text
from xkde.text import normalise
from xkde.types import AnswerScore, Edit, Generation, Message, Query, Sampling

LONGEST_ANSWER = 64  # tokens that a weight editor takes


@dataclass(frozen=True)
class Routed:
    """How one query is asked: which model, and in which words."""

    engine: TransformersEngine
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Applied:
    """Edits that are in force on a model, until they are reverted."""

    editor: str
    edits: tuple[Edit, ...]  # all that are in force, earlier ones first
    route: Callable[[Query], Routed]
    delta: Mapping[str, Tensor] = field(default_factory=dict)  # what was added
    originals: Mapping[str, Tensor] = field(default_factory=dict)  # what was there
    state: Mapping[str, Tensor] = field(default_factory=dict)  # for later edits
    seconds: float = 0.0  # that it took to apply
    peak_bytes: int = 0  # of memory, above what was in use before
    notes: tuple[str, ...] = ()  # for people


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
        """Apply edits beside the ``earlier`` ones, which the result includes.

        Raises InputError for edits that it cannot make, and leaves the model as it was
        whatever it raises.
        """


@contextmanager
def applied(
    editor: Editor,
    engine: TransformersEngine,
    edits: Sequence[Edit],
    at_once: int | None = None,
) -> Iterator[Applied]:
    """Apply edits inside the block: all together, or ``at_once`` after another.

    The model is this thread's alone until then; others who share it must ask under
    ``deltas.alone(engine.model)``, or have a copy.
    """
    if at_once is not None and at_once < 1:
        raise InputError("At least one edit must be applied at a time.")
    size = at_once or max(1, len(edits))
    parts = [edits[i : i + size] for i in range(0, len(edits), size)] or [edits]
    with deltas.alone(engine.model):
        edited: Applied | None = None
        try:
            for part in parts:
                edited = _with_costs_of(edited, editor.apply(engine, part, edited))
            assert edited is not None
            yield edited
        finally:
            if edited is not None:
                revert(engine, edited)


def _with_costs_of(earlier: Applied | None, edited: Applied) -> Applied:
    """Return later edits with the cost and the notes of all before them."""
    if earlier is None:
        return edited
    return replace(
        edited,
        seconds=earlier.seconds + edited.seconds,
        peak_bytes=max(earlier.peak_bytes, edited.peak_bytes),
        notes=tuple(dict.fromkeys((*earlier.notes, *edited.notes))),
    )


def revert(engine: TransformersEngine, edited: Applied) -> None:
    """Take edits out of the weights, bit-exactly; nothing to do where none is in."""
    with deltas.alone(engine.model):
        deltas.restore(engine.model, edited.originals)


def is_reverted(engine: TransformersEngine, edited: Applied) -> bool:
    """Tell whether every weight that was changed has its own bits again."""
    return deltas.are_equal(engine.model, edited.originals)


def bare(engine: TransformersEngine) -> Callable[[Query], Routed]:
    """Return the route of a query that is asked as it stands."""
    return lambda query: Routed(engine, tuple(ask(query.text, query.language)))


def answer(
    edited: Applied,
    queries: Sequence[Query],
    sampling: Sampling,
    batch_size: int = 64,
) -> list[Generation]:
    """Answer queries under edits, in batches; in the given order."""
    routed = [edited.route(query) for query in queries]
    prompts = [each.engine.encode(each.messages).ids for each in routed]
    answers: dict[int, Generation] = {}
    for engine, places in _by_engine(routed):
        own = [prompts[i] for i in places]
        generations = engine.generate(own, sampling, batch_size)
        answers.update(zip(places, generations, strict=True))
    return [answers[i] for i in range(len(queries))]


def score(
    edited: Applied,
    queries: Sequence[Query],
    answers: Sequence[str],
    batch_size: int = 64,
) -> list[AnswerScore]:
    """Score an answer to each query under edits, teacher-forced."""
    routed = [edited.route(query) for query in queries]
    pairs = []
    for each, text in zip(routed, answers, strict=True):
        encoded = each.engine.encode([*each.messages, Message("assistant", text)])
        pairs.append((encoded.prompt_ids, encoded.answer_ids))
    scores: dict[int, AnswerScore] = {}
    for engine, places in _by_engine(routed):
        scored = engine.score([pairs[i] for i in places], batch_size)
        scores.update(zip(places, scored, strict=True))
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


def check_edits(
    edits: Sequence[Edit],
    tokenizer: Tokenizer,
    *,
    needs_subject: bool = False,
    longest_answer: int | None = None,
) -> None:
    """Raise InputError unless all of the edits can be applied together."""
    if not edits:
        raise InputError("There is no edit to apply. Give at least one.")
    known: dict[tuple[str, str], Edit] = {}
    for edit in edits:
        check_user_text(edit.question, EDIT_QUESTION, tokenizer)
        check_user_text(edit.answer, NEW_ANSWER, tokenizer)
        if needs_subject and not edit.subject.strip():
            raise InputError(
                "The edit “{question}” names no subject, which this editor must know. "
                "Give it (--subject), or choose an editor that needs none, such as "
                "ft-m.",
                question=edit.question,
            )
        if longest_answer is not None:
            _check_length(edit, tokenizer, longest_answer)
        key = (edit.language, normalise(edit.question))
        other = known.setdefault(key, edit)
        if normalise(other.answer) != normalise(edit.answer):
            raise InputError(
                "Two edits contradict each other: to “{question}” one answers "
                "“{one}”, the other “{other}”. Keep one of them.",
                question=edit.question,
                one=other.answer,
                other=edit.answer,
            )


def _check_length(edit: Edit, tokenizer: Tokenizer, longest: int) -> None:
    length = len(tokenizer(edit.answer, add_special_tokens=False)["input_ids"])
    if length > longest:
        raise InputError(
            "The new answer to “{question}” has {n} tokens; an editor of weights takes "
            "at most {most}. Shorten it, or state it in the prompt (x-kde).",
            question=edit.question,
            n=length,
            most=longest,
        )


EVERY = 0.005  # seconds


@dataclass
class Cost:
    """Filled in when the measured block ends."""

    seconds: float = 0.0
    peak_bytes: int = 0


@contextmanager
def measured(device: torch.device) -> Iterator[Cost]:
    """Measure the block; the Cost is complete after it."""
    cost = Cost()
    peak = _cuda_peak if device.type == "cuda" else _resident_peak
    with peak(cost, device):
        began = time.perf_counter()
        try:
            yield cost
        finally:
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            cost.seconds = time.perf_counter() - began


@contextmanager
def _cuda_peak(cost: Cost, device: torch.device) -> Iterator[None]:
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    yield
    cost.peak_bytes = max(0, torch.cuda.max_memory_allocated(device) - before)


@contextmanager
def _resident_peak(cost: Cost, device: torch.device) -> Iterator[None]:
    process = psutil.Process()
    before = highest = process.memory_info().rss
    ended = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not ended.wait(EVERY):
            highest = max(highest, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        highest = max(highest, process.memory_info().rss)
        cost.peak_bytes = highest - before
