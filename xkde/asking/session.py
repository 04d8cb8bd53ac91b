"""One edit asked of two models: what each is sent, and both answers at once.

The base model is asked the bare query, the edited one with the edit prompt, or as
another editor has it; their streams advance in turn, in one thread, so that both
answers grow side by side. Where Atlas knows the edit, the query exists in every
language and so do the answers to expect. Knows no page and no verdict; takes any engine
that streams.

Run its tests: ``python -m pytest tests/xkde/asking/test_session.py``
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from xkde.errors import InputError, Notice, XkdeError
from xkde.languages import language
from xkde.memory.retrieval import Recalled
from xkde.prompts import (
    EDIT_QUESTION,
    NEW_ANSWER,
    QUESTION,
    Encoded,
    check_user_text,
    edit_prompt,
)
from xkde.prompts import ask as conversation
from xkde.types import Edit, Generation, Message, Query, Sampling

Pane = Literal["base", "edited", "prompted"]
PANES: tuple[Pane, ...] = ("base", "edited", "prompted")
MAX_CHARACTERS = 1000


class Engine(Protocol):
    """What is asked of an engine."""

    tokenizer: Any

    def encode(self, messages: Sequence[Message]) -> Encoded: ...
    def stream(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        cancelled: threading.Event | None = None,
    ) -> Iterator[list[Generation]]: ...


@dataclass(frozen=True)
class Sent:
    """What answers one query, and the user turn that it is sent."""

    engine: Engine
    text: str
    language: str = ""  # of the query


@dataclass(frozen=True)
class PaneAnswers:
    """One model's answers so far, one for each query; ``failure`` ended them early."""

    generations: tuple[Generation, ...] = ()
    failure: str = ""

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return bool(self.failure) or (
            bool(self.generations) and all(g.finish for g in self.generations)
        )


@dataclass(frozen=True)
class Asked:
    """One edit, the queries after it, and every pane's answers so far."""

    edit: Edit
    queries: tuple[Query, ...]
    answers: Mapping[Pane, PaneAnswers] = field(default_factory=dict)
    models: Mapping[Pane, str] = field(default_factory=dict)
    is_stopped: bool = False
    editor: str = "x-kde"  # whose answers are in the pane "edited"
    making: tuple[int, int] | None = (
        None  # the edit is: tokens read for it, of how many
    )
    seconds: float = 0.0  # that the edit took
    notes: tuple[str, ...] = ()  # what the editor has to say of it
    sent: Mapping[Pane, tuple[str, ...]] = field(default_factory=dict)  # user turns
    recalled: tuple[Recalled, ...] = ()  # from a memory, for each query; none is used

    def edit_of(self, index: int) -> Edit:
        """Return the edit that an answer is judged by: the nearest that was stated."""
        passed = self.recalled[index].passed if self.recalled else ()
        return passed[0].edit if passed else self.edit

    def stopped(self) -> "Asked":
        """Return it with all that has not ended marked as cancelled."""
        return replace(
            self,
            answers={pane: _stopped(answers) for pane, answers in self.answers.items()},
            is_stopped=True,
        )


def checked(text: str, what: str, tokenizer: Any = None) -> str:
    """Return a typed text stripped; raise InputError if it cannot be asked."""
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            "The {what} has {n:,} characters; at most {most:,} are taken. Please "
            "shorten it.",
            what=what,
            n=len(text),
            most=MAX_CHARACTERS,
        )
    return check_user_text(text, what, tokenizer)


def check(edit: Edit, queries: Sequence[Query], tokenizers: Sequence[Any]) -> None:
    """Raise InputError if an edit or a query would break a prompt."""
    for tokenizer in tokenizers or (None,):
        checked(edit.question, EDIT_QUESTION, tokenizer)
        checked(edit.answer, NEW_ANSWER, tokenizer)
        for query in queries:
            checked(query.text, QUESTION, tokenizer)
    if not queries:
        raise InputError("No language is chosen. Choose at least one to ask in.")


def prompt(
    pane: Pane, edit: Edit, query: Query, recalled: Recalled | None = None
) -> str:
    """Return the user turn that a pane is sent: the base model never sees the edit.

    With a memory it is what was recalled instead, which may be nothing.
    """
    edits = [] if pane == "base" else [edit] if recalled is None else recalled.stated
    return edit_prompt(edits, query.text, language(query.language).name)


def answer_together(
    engines: Mapping[Pane, Engine],
    edit: Edit,
    queries: Sequence[Query],
    sampling: Sampling,
    cancelled: threading.Event,
) -> Iterator[Mapping[Pane, PaneAnswers]]:
    """Yield what ``stream_together`` does, with X-KDE's prompts.

    Raises InputError before anything is asked if a text cannot be.
    """
    check(edit, queries, [engine.tokenizer for engine in engines.values()])
    panes = {
        pane: [
            Sent(engine, prompt(pane, edit, query), query.language) for query in queries
        ]
        for pane, engine in engines.items()
    }
    return stream_together(panes, sampling, cancelled)


def stream_together(
    panes: Mapping[Pane, Sequence[Sent]],
    sampling: Sampling,
    cancelled: threading.Event,
) -> Iterator[Mapping[Pane, PaneAnswers]]:
    """Yield every pane's answers after each round of one token from each model.

    A model that fails keeps what it has said, and the others go on.
    """
    shown: dict[Pane, PaneAnswers] = {pane: PaneAnswers() for pane in panes}
    streams = {pane: _stream(sent, sampling, cancelled) for pane, sent in panes.items()}
    try:
        while streams:
            for pane in list(streams):
                shown[pane], ended = _advance(streams[pane], shown[pane])
                if ended:
                    del streams[pane]
            yield dict(shown)
    finally:
        cancelled.set()


def _stream(
    sent: Sequence[Sent], sampling: Sampling, cancelled: threading.Event
) -> Iterator[list[Generation]]:
    """Yield the answers to all queries of a pane, whichever engine has which."""
    places: dict[int, list[int]] = {}
    for place, each in enumerate(sent):
        places.setdefault(id(each.engine), []).append(place)
    streams = []
    for group in places.values():
        engine = sent[group[0]].engine
        ids = [
            engine.encode(conversation(sent[i].text, sent[i].language)).ids
            for i in group
        ]
        streams.append((group, engine.stream(ids, sampling, cancelled)))
    now: dict[int, Generation] = {}
    while streams:
        for group, stream in list(streams):
            told = next(stream, None)
            if told is None:
                streams.remove((group, stream))
            else:
                now.update(zip(group, told, strict=True))
        if streams:
            yield [now[place] for place in range(len(sent))]


def _advance(
    stream: Iterator[list[Generation]], before: PaneAnswers
) -> tuple[PaneAnswers, bool]:
    """Take one step of a stream; return what is there now and whether it ended."""
    try:
        generations = next(stream, None)
    except XkdeError as error:
        return replace(before, failure=error.notice), True
    except RuntimeError as error:  # torch's: out of memory, a device that went away
        reason = next(iter(str(error).splitlines()), "").rstrip(".")
        words = Notice(
            "The model stopped with an error ({reason}). Ask again.", reason=reason
        )
        return replace(before, failure=words), True
    if generations is None:
        return before, True
    return PaneAnswers(tuple(generations)), False


def _stopped(answers: PaneAnswers) -> PaneAnswers:
    return replace(
        answers,
        generations=tuple(
            g if g.finish else replace(g, finish="cancelled")
            for g in answers.generations
        ),
    )
