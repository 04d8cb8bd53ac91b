"""Many visitors share a pass: asks that wait are decoded together, row by row.

A thread decodes for everybody. What waits when a batch begins goes into it together; it
has one row for each answer, with that row's own seed and limit, so nobody's answer
depends on who else asks. At most LIVE young batches are decoded in turn, a token each:
a long answer, old after OLD tokens, keeps nobody out. Orca (Yu et al., OSDI 2022) calls
this iteration-level scheduling.

Fair queuing: of all visitors, the one that has been given the fewest rows comes next. A
visitor has at most SHARE asks here. Whoever would wait longer than PATIENCE is refused
with the seconds that an answer would take, by BusyError.

Knows no torch, no pool and no page: a row has an engine, and the turn that it takes.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, cast

from xkde.asking.session import Pane, PaneAnswers, Sent, StreamingEngine
from xkde.errors import InputError, Notice, XkdeError
from xkde.prompts import ask as conversation
from xkde.types import Finish, Generation, Sampling

if TYPE_CHECKING:  # torch comes with it
    from xkde.engines.decoding import DecodedRow

logger = logging.getLogger(__name__)
ROWS = 48  # answers that are decoded together at most
LIVE = 2  # young batches at a time, of each engine
OLD = 64  # tokens after which a batch keeps no other from beginning
SHARE = 6  # asks that one visitor may have waiting and running
PATIENCE = 12.0  # seconds that an ask may have to wait before it begins
PACE = 0.02  # seconds for each row, before any has been measured
MEASURED = 200  # rows whose pace is remembered
LOOK = 0.01  # seconds between two looks at models that editors hold
DRAW = 0.02  # seconds between two looks at answers, for each ask that runs


class BusyError(InputError):
    """Too many ask at this moment; the words say how long an answer would take."""


class BatchEngine(StreamingEngine, Protocol):
    """An engine whose rows can be stepped together, whoever has asked for them."""

    def check(
        self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling]
    ) -> None: ...
    def rows(
        self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling]
    ) -> Iterator[list["DecodedRow"]]: ...
    def generation(self, row: "DecodedRow") -> Generation: ...


class Turn(Protocol):
    """The right to run a model; ``take`` is refused while somebody else has it."""

    def take(self) -> bool: ...
    def give_back(self) -> None: ...


@dataclass
class _Place:
    """One answer to come. Only the scheduler's thread writes to it."""

    pane: Pane
    engine: BatchEngine
    turn: Turn
    prompt: tuple[int, ...]
    sampling: Sampling
    row: "DecodedRow | None" = None
    seen: tuple[int, Finish | None, float] = (0, None, 0.0)  # tokens, end, seconds
    failure: str = ""

    @property
    def is_done(self) -> bool:
        return bool(self.failure or self.seen[1])

    def generation(self) -> Generation:
        """Return the answer so far: what had been decoded when it was last seen."""
        count, finish, seconds = self.seen
        if self.row is None:
            return Generation("", (), len(self.prompt), 0.0, finish)
        ids = self.row.token_ids[:count]
        copy = replace(self.row, token_ids=ids, finish=finish, seconds=seconds)
        return self.engine.generation(copy)


@dataclass
class Ticket:
    """One ask that waits or runs, with a place for each answer."""

    visitor: str
    places: list[_Place]
    cancelled: threading.Event
    refused: dict[Pane, str]  # panes whose prompts the model does not take
    is_watched: bool  # token by token; else only its end is waited for
    seconds: float = 0.0  # that it may still wait
    news: threading.Event = field(default_factory=threading.Event)

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return all(place.is_done for place in self.places)

    def answers(self) -> dict[Pane, PaneAnswers]:
        """Return the answers so far of every pane that has begun or failed."""
        panes: dict[Pane, list[_Place]] = {}
        for place in self.places:
            panes.setdefault(place.pane, []).append(place)
        found = {pane: PaneAnswers((), words) for pane, words in self.refused.items()}
        for pane, places in panes.items():
            failure = next((p.failure for p in places if p.failure), "")
            begun = any(place.row or place.is_done for place in places)
            answers = tuple(place.generation() for place in places if not failure)
            if begun:
                found[pane] = PaneAnswers(answers, failure)
        return found


@dataclass
class _Batch:
    """Rows of one engine that are decoded together."""

    places: list[tuple[Ticket, _Place]]
    steps: Iterator[list["DecodedRow"]]
    age: int = 0  # tokens

    @property
    def engine(self) -> BatchEngine:
        return self.places[0][1].engine


@dataclass
class _Pace:
    """How long a row takes while rows wait, over the last MEASURED of them."""

    per_row: float = PACE
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=MEASURED))

    def row_ended(self, is_waited_for: bool) -> None:
        """Count a row; the pace is of a time in which all rows are taken."""
        if not is_waited_for:
            self.ends.clear()
            return
        self.ends.append(time.monotonic())
        span = self.ends[-1] - self.ends[0]
        if len(self.ends) >= 16 and span > 0.1:
            self.per_row = span / len(self.ends)


class Scheduler:
    """Answers the asks of all visitors; any thread may ask."""

    def __init__(
        self,
        rows: int = ROWS,
        live: int = LIVE,
        share: int = SHARE,
        patience: float = PATIENCE,
    ) -> None:
        self._most, self._live = rows, live
        self._share, self._patience = share, patience
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        self._batches: list[_Batch] = []
        self._given: dict[str, int] = {}  # rows, by visitor that is here
        self._pace = _Pace()
        self._is_closing = False
        self._changed = threading.Condition()
        self._encoding = threading.Lock()  # a tokenizer is not for two threads
        self._thread: threading.Thread | None = None

    # What a visitor's thread calls

    def stream(
        self,
        panes: Mapping[Pane, Sequence[Sent]],
        sampling: Sampling,
        cancelled: threading.Event,
        turns: Mapping[Pane, Turn],
        visitor: str = "",
        *,
        is_watched: bool = True,
    ) -> Generator[tuple[float, Mapping[Pane, PaneAnswers]], None, None]:
        """Yield (seconds still to wait, every pane's answers so far) until all ended.

        A slow reader misses steps, never the end; one that does not watch gets the end
        alone. Raises BusyError before the first token where too many wait, or this
        visitor has too many asks here.
        """
        ticket = Ticket(visitor, [], cancelled, {}, is_watched)
        try:
            self._submit(ticket, panes, sampling, turns)
            while not ticket.is_done:
                ticket.news.wait()
                ticket.news.clear()
                if is_watched and not ticket.is_done:
                    yield ticket.seconds, ticket.answers()
                    # The more ask, the less often each is drawn.
                    time.sleep(min(1.0, DRAW * max(0, len(self._running) - 1)))
            yield 0.0, ticket.answers()
        finally:
            cancelled.set()  # also where nobody listens any longer

    def close(self, seconds: float) -> bool:
        """Take no more asks; wait until all have ended, and tell whether they have."""
        end = time.monotonic() + seconds
        with self._changed:
            self._is_closing = True
            while self._waiting or self._running:
                if not self._changed.wait(max(0.0, end - time.monotonic())):
                    return False
        return True

    @property
    def is_closing(self) -> bool:
        """Whether no more asks are taken."""
        return self._is_closing

    @property
    def load(self) -> dict[str, float]:
        """Return how many asks wait and run, and the seconds that a new one waits."""
        with self._changed:
            return {
                "waiting": len(self._waiting),
                "running": len(self._running),
                "seconds": round(self._wait_for(self._waiting), 1),
            }

    def _submit(
        self,
        ticket: Ticket,
        panes: Mapping[Pane, Sequence[Sent]],
        sampling: Sampling,
        turns: Mapping[Pane, Turn],
    ) -> None:
        self._admit(ticket.visitor)  # before the work of encoding
        for pane, sent in panes.items():
            try:
                with self._encoding:
                    ticket.places += _places(pane, sent, sampling, turns[pane])
            except XkdeError as error:
                ticket.refused[pane] = error.notice
        with self._changed:
            if ticket.places:
                self._admit(ticket.visitor)
                self._given.setdefault(
                    ticket.visitor, min(self._given.values(), default=0)
                )
                self._waiting.append(ticket)
                self._begin_thread()
                self._say_waits()

    def _admit(self, visitor: str) -> None:
        """Raise BusyError if an ask of this visitor cannot be taken."""
        with self._changed:
            if self._is_closing:
                raise BusyError("The app is being restarted. Ask again in a minute.")
            own = [t for t in (*self._waiting, *self._running) if t.visitor == visitor]
            seconds = self._wait_for(self._waiting)
            if len(own) >= self._share:
                raise BusyError(
                    "{n} of your questions are being answered. Ask again when one of "
                    "them has ended, in about {seconds} seconds.",
                    n=len(own),
                    seconds=max(1, round(seconds)),
                )
            if seconds > self._patience:
                raise BusyError(
                    "Many people are asking at this moment: an answer would take about "
                    "{seconds} seconds. Ask again then; what you typed stays.",
                    seconds=round(seconds),
                )

    def _wait_for(self, tickets: Sequence[Ticket]) -> float:
        """Return how long an ask behind these has to wait, in seconds."""
        return self._pace.per_row * sum(len(ticket.places) for ticket in tickets)

    def _say_waits(self) -> None:
        """Write into every ask that waits how long that will be."""
        for number, ticket in enumerate(self._waiting):
            ticket.seconds = self._wait_for(self._waiting[:number])
            if ticket.is_watched:
                ticket.news.set()

    # The thread that decodes

    def _begin_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._decode, name="decoding", daemon=True
            )
            self._thread.start()
        self._changed.notify_all()

    def _decode(self) -> None:
        try:
            while True:
                with self._changed:
                    while not (self._waiting or self._batches):
                        self._changed.wait()
                    self._begin_batches()
                moved = [self._step(batch) for batch in list(self._batches)]
                if not any(moved):
                    time.sleep(LOOK)  # an editor has every model that is asked
        finally:
            self._abandon()

    def _abandon(self) -> None:
        """Leave nobody waiting for a thread that an error of ours has ended."""
        with self._changed:
            for ticket in (*self._waiting, *self._running):
                for place in ticket.places:
                    place.failure = place.failure or Notice(
                        "The model stopped with an error ({reason}). Ask again.",
                        reason="see the log",
                    )
                ticket.news.set()
            self._waiting, self._running, self._batches = [], [], []
            self._given.clear()
            self._changed.notify_all()

    def _begin_batches(self) -> None:
        """Let what waits begin, fairly, as far as there is room."""
        self._drop_cancelled()
        young = [batch for batch in self._batches if batch.age < OLD]
        full = {
            id(batch.engine)
            for batch in young
            if sum(other.engine is batch.engine for other in young) >= self._live
        }
        by_engine: dict[int, list[tuple[Ticket, _Place]]] = {}
        rows, begun = 0, False
        for ticket in self._fair_order():
            engines = {id(place.engine) for place in ticket.places}
            if engines & full or (rows and rows + len(ticket.places) > self._most):
                continue
            rows, begun = rows + len(ticket.places), True
            self._given[ticket.visitor] += len(ticket.places)
            self._waiting.remove(ticket)
            self._running.append(ticket)
            ticket.seconds = 0.0
            for place in ticket.places:
                by_engine.setdefault(id(place.engine), []).append((ticket, place))
        for places in by_engine.values():
            steps = places[0][1].engine.rows(
                [place.prompt for _, place in places],
                [place.sampling for _, place in places],
            )
            self._batches.append(_Batch(places, steps))
        if begun:
            self._say_waits()

    def _drop_cancelled(self) -> None:
        for ticket in [t for t in self._waiting if t.cancelled.is_set()]:
            self._waiting.remove(ticket)
            for place in ticket.places:
                place.seen = (0, "cancelled", 0.0)
            self._end(ticket)

    def _fair_order(self) -> list[Ticket]:
        """Return what waits: next, always, who has been given the fewest rows."""
        given, order = dict(self._given), []
        waiting = list(self._waiting)
        while waiting:
            ticket = min(waiting, key=lambda each: given[each.visitor])
            waiting.remove(ticket)
            order.append(ticket)
            given[ticket.visitor] += len(ticket.places)
        return order

    def _step(self, batch: _Batch) -> bool:
        """Decode one token of a batch; tell whether its model was free."""
        turn = batch.places[0][1].turn
        if not turn.take():
            return False
        for ticket, place in batch.places:
            row = place.row
            if row is not None and row.finish is None and ticket.cancelled.is_set():
                row.finish = "cancelled"
        failure = ""
        rows: list[DecodedRow] | None = None
        try:
            rows = next(batch.steps, None)
        except XkdeError as error:
            failure = error.notice
        except RuntimeError as error:  # torch's: out of memory, a device that went away
            reason = next(iter(str(error).splitlines()), "").rstrip(".")
            failure = Notice(
                "The model stopped with an error ({reason}). Ask again.", reason=reason
            )
        # Whatever else is raised is a mistake of ours, and must not end the thread that
        # answers every other visitor.
        except Exception:
            logger.exception("A batch of %s answers failed", len(batch.places))
            failure = Notice(
                "The model stopped with an error ({reason}). Ask again.",
                reason="see the log",
            )
        finally:
            turn.give_back()
        batch.age += 1
        with self._changed:
            self._publish(batch, rows, failure)
            if rows is None:
                self._batches.remove(batch)
        return True

    def _publish(
        self, batch: _Batch, rows: "list[DecodedRow] | None", failure: str
    ) -> None:
        """Show the asks of a batch what has been decoded, or why nothing more will."""
        for number, (ticket, place) in enumerate(batch.places):
            if place.is_done:
                continue
            if rows is not None:
                place.row = row = rows[number]
                place.seen = (len(row.token_ids), row.finish, row.seconds)
            elif failure:
                place.failure = failure
            elif place.row is not None:  # cancelled after the last step
                place.seen = (*place.seen[:1], place.row.finish, place.row.seconds)
            if place.is_done:
                self._pace.row_ended(bool(self._waiting))
            if ticket.is_done and ticket in self._running:
                self._running.remove(ticket)
                self._end(ticket)
            elif ticket.is_watched:
                ticket.news.set()

    def _end(self, ticket: Ticket) -> None:
        ticket.news.set()
        here = {each.visitor for each in (*self._waiting, *self._running)}
        if ticket.visitor not in here:
            del self._given[ticket.visitor]
        self._changed.notify_all()


def _places(
    pane: Pane, sent: Sequence[Sent], sampling: Sampling, turn: Turn
) -> list[_Place]:
    """Return a place for each answer; raises InputError for what cannot be asked."""
    places = []
    for each in sent:
        engine = cast("BatchEngine", each.engine)
        prompt = tuple(engine.encode(conversation(each.text, each.language)).ids)
        engine.check([prompt], [sampling])
        places.append(_Place(pane, engine, turn, prompt, sampling))
    return places
