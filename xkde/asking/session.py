"""One edit asked of two models: what each is sent, and both answers at once.

The base model is asked the bare query, the edited one with the edit prompt, or as
another editor has it; their streams advance in turn, in one thread, so that both
answers grow side by side. Takes any engine that streams.
"""

import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from xkde.asking.expected_answers import Recognised
from xkde.asking.translation import TranslatedQuestion
from xkde.errors import InputError, Notice, XkdeError
from xkde.evaluation.scoring.verdict import Expected
from xkde.languages import language
from xkde.memory.retrieval import Recalled
from xkde.prompts import (
    EDIT_QUESTION,
    NEW_ANSWER,
    QUESTION,
    Encoded,
    Tokenizer,
    check_user_text,
    edit_prompt,
)
from xkde.prompts import ask as conversation
from xkde.types import MAX_SEED, Edit, Generation, Message, Query, Sampling

Pane = Literal["base", "edited", "prompted"]
PANES: tuple[Pane, ...] = ("base", "edited", "prompted")
MAX_CHARACTERS = 1000


class StreamingEngine(Protocol):
    """An engine whose answers grow token by token."""

    @property
    def tokenizer(self) -> Tokenizer: ...
    def encode(self, messages: Sequence[Message]) -> Encoded: ...
    def stream(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        cancelled: threading.Event | None = None,
    ) -> Iterator[list[Generation]]: ...


class StoppedError(Exception):
    """Leaves work that a visitor has stopped; it can go on from there another time."""


@dataclass(frozen=True)
class Sent:
    """What answers one query, and the user turn that it is sent."""

    engine: StreamingEngine
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
class AskState:
    """One edit, the queries after it, and every pane's answers so far."""

    edit: Edit
    queries: tuple[Query, ...]
    answers: Mapping[Pane, PaneAnswers] = field(default_factory=dict)
    models: Mapping[Pane, str] = field(default_factory=dict)
    about: Recognised = Recognised()  # what Atlas knows of edit and question
    expected: tuple[Expected, ...] = ()  # of each query
    editor: str = "x-kde"  # which answers in the pane "edited"
    reading: tuple[int, int] | None = None  # tokens, of how many, before the edit is in
    seconds: float = 0.0  # that the edit took
    notes: tuple[str, ...] = ()  # the editor's, of this edit
    sent: Mapping[Pane, tuple[str, ...]] = field(default_factory=dict)  # user turns
    recalled: tuple[Recalled, ...] = ()  # from a memory, for each query; none is used
    follows: bool | None = None  # should the answers, where only a person can tell
    wait: float = 0.0  # seconds before the answers begin
    is_stopped: bool = False
    is_translating: bool = False
    translated: tuple[TranslatedQuestion, ...] = ()  # queries that a model put so

    def stopped(self) -> "AskState":
        """Return it with all that has not ended marked as cancelled."""
        return replace(
            self,
            answers={pane: _stopped(answers) for pane, answers in self.answers.items()},
            is_stopped=True,
        )


def checked(text: str, what: str, tokenizer: Tokenizer | None = None) -> str:
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


def check(
    edit: Edit, queries: Sequence[Query], tokenizers: Sequence[Tokenizer] = ()
) -> None:
    """Raise InputError if an edit or a query would break a prompt."""
    for tokenizer in tokenizers or (None,):
        checked(edit.question, EDIT_QUESTION, tokenizer)
        checked(edit.answer, NEW_ANSWER, tokenizer)
        for query in queries:
            checked(query.text, QUESTION, tokenizer)
    if not queries:
        raise InputError("No language is chosen. Choose at least one to ask in.")


def check_sampling(sampling: Sampling) -> None:
    """Raise InputError if an engine would not take the seed."""
    if not 0 <= sampling.seed <= MAX_SEED:
        raise InputError(
            "The seed {seed} is not offered. Choose one from 0 to {most}.",
            seed=sampling.seed,
            most=MAX_SEED,
        )


def prompt(
    pane: Pane, edit: Edit, query: Query, recalled: Recalled | None = None
) -> str:
    """Return the user turn that a pane is sent: the base model never sees the edit.

    With a memory it is what was recalled instead, which may be nothing.
    """
    edits = [] if pane == "base" else [edit] if recalled is None else recalled.stated
    return edit_prompt(edits, query.text, language(query.language).name)


def sent_to(
    engines: Mapping[Pane, StreamingEngine],
    edit: Edit,
    queries: Sequence[Query],
    recalled: Sequence[Recalled] = (),
) -> dict[Pane, tuple[Sent, ...]]:
    """Return what every pane is sent, with X-KDE's prompts.

    Raises InputError if a text cannot be asked.
    """
    check(edit, queries, [engine.tokenizer for engine in engines.values()])
    found: Sequence[Recalled | None] = recalled or [None] * len(queries)
    return {
        pane: tuple(
            Sent(engine, prompt(pane, edit, query, each), query.language)
            for query, each in zip(queries, found, strict=True)
        )
        for pane, engine in engines.items()
    }


def stream_together(
    panes: Mapping[Pane, Sequence[Sent]],
    sampling: Sampling,
    cancelled: threading.Event,
) -> Generator[Mapping[Pane, PaneAnswers], None, None]:
    """Yield every pane's answers after each round of one token from each model.

    A model that fails keeps the answers it has given, and the others go on. Raises
    InputError for a seed that no engine takes.
    """
    check_sampling(sampling)
    answers: dict[Pane, PaneAnswers] = {pane: PaneAnswers() for pane in panes}
    streams = {pane: _stream(sent, sampling, cancelled) for pane, sent in panes.items()}
    try:
        while streams:
            for pane in list(streams):
                answers[pane], ended = _advance(streams[pane], answers[pane])
                if ended:
                    del streams[pane]
            yield dict(answers)
    finally:
        cancelled.set()


def _stream(
    sent: Sequence[Sent], sampling: Sampling, cancelled: threading.Event
) -> Iterator[list[Generation]]:
    """Yield the answers to all queries of a pane, whichever engine has which."""
    by_engine: dict[int, list[int]] = {}
    for number, each in enumerate(sent):
        by_engine.setdefault(id(each.engine), []).append(number)
    streams = []
    for group in by_engine.values():
        engine = sent[group[0]].engine
        ids = [
            engine.encode(conversation(sent[i].text, sent[i].language)).ids
            for i in group
        ]
        streams.append((group, engine.stream(ids, sampling, cancelled)))
    latest: dict[int, Generation] = {}
    while streams:
        for group, stream in list(streams):
            generations = next(stream, None)
            if generations is None:
                streams.remove((group, stream))
            else:
                latest.update(zip(group, generations, strict=True))
        if streams:
            yield [latest[number] for number in range(len(sent))]


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
