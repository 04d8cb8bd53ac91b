"""Many visitors share a pass: same answers, fair turns, nobody left without a word."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from xkde.asking.scheduling import BusyError, Scheduler
from xkde.asking.session import Sent
from xkde.engines.pool import EngineTurn
from xkde.types import Generation, Sampling


@dataclass
class CountedRow:
    """What a decode loop keeps of one answer."""

    sampling: Sampling
    token_ids: list[int] = field(default_factory=list)
    finish: Any = None
    seconds: float = 0.0


@dataclass
class Counter:
    """An engine that counts up to each row's limit; ``batches`` are their sizes."""

    step: Callable[[], None] = lambda: None
    error: Exception | None = None
    batches: list[int] = field(default_factory=list)
    order: list[int] = field(default_factory=list)  # first ids of prompts, as begun
    tokenizer: Any = None

    def encode(self, messages: Sequence[Any]) -> Any:
        return type("Encoded", (), {"ids": (int(messages[-1].content),)})

    def check(self, prompts: Any, samplings: Any) -> None:
        pass

    def rows(
        self, prompts: Sequence[Any], samplings: Sequence[Sampling]
    ) -> Iterator[list[CountedRow]]:
        self.batches.append(len(prompts))
        self.order += [prompt[0] for prompt in prompts]
        rows = [CountedRow(each) for each in samplings]
        while any(row.finish is None for row in rows):
            self.step()
            if self.error:
                raise self.error
            for row in rows:
                if row.finish is None:
                    row.token_ids.append(len(row.token_ids))
                    if len(row.token_ids) >= row.sampling.max_new_tokens:
                        row.finish = "length"
            yield rows

    def generation(self, row: CountedRow) -> Generation:
        ids = tuple(row.token_ids)
        return Generation(str(len(ids)), ids, 1, row.seconds, row.finish)


def ask(
    scheduler: Scheduler,
    engine: Any,
    visitor: str = "a",
    number: int = 1,
    tokens: int = 3,
    turn: Any = None,
    cancelled: threading.Event | None = None,
) -> Iterator[Any]:
    panes: Any = {"base": [Sent(engine, str(number))]}
    return scheduler.stream(
        panes,
        Sampling(tokens),
        cancelled or threading.Event(),
        {"base": turn or EngineTurn()},
        visitor,
    )


def end(steps: Iterator[Any]) -> Any:
    return deque(steps, maxlen=1).pop()[1]["base"]


def held(engine: Counter) -> threading.Event:
    """Make every step of an engine wait until the event that is returned is set."""
    gate = threading.Event()
    engine.step = lambda: None if gate.wait(10) else pytest.fail("never let go")
    return gate


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def test_what_waits_is_answered_together() -> None:
    scheduler, engine, turn = Scheduler(live=1), Counter(), EngineTurn()
    gate = held(engine)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(end, ask(scheduler, engine, "first", turn=turn))
        until(lambda: engine.batches == [1])
        rest = [
            threads.submit(end, ask(scheduler, engine, str(n), n, 2 + n, turn))
            for n in range(8)
        ]
        until(lambda: scheduler.load["waiting"] == 8)
        gate.set()
        assert first.result(10).generations[0].text == "3"
        assert [r.result(10).generations[0].text for r in rest] == [
            str(2 + n) for n in range(8)
        ]
    assert engine.batches == [1, 8]
    assert scheduler.load == {"waiting": 0, "running": 0, "seconds": 0.0}


def test_who_has_had_least_comes_next() -> None:
    scheduler = Scheduler(rows=2, live=1, share=9)
    engine, turn = Counter(), EngineTurn()
    gate = held(engine)
    with ThreadPoolExecutor(9) as threads:
        jobs = [threads.submit(end, ask(scheduler, engine, "first", turn=turn))]
        until(lambda: engine.batches == [1])
        for number in range(5):  # one visitor asks five times before another asks once
            jobs.append(
                threads.submit(
                    end, ask(scheduler, engine, "many", 10 + number, 3, turn)
                )
            )
            until(lambda n=number: scheduler.load["waiting"] == n + 1)  # type: ignore[misc]
        jobs.append(threads.submit(end, ask(scheduler, engine, "one", 20, 3, turn)))
        until(lambda: scheduler.load["waiting"] == 6)
        gate.set()
        for job in jobs:
            job.result(10)
    assert 20 in engine.order[1:3]  # in the first batch that had room


def test_a_long_answer_keeps_nobody_out() -> None:
    scheduler, engine, turn = Scheduler(live=1), Counter(), EngineTurn()
    engine.step = lambda: time.sleep(0.001)
    with ThreadPoolExecutor(2) as threads:
        long = threads.submit(end, ask(scheduler, engine, "a", tokens=2000, turn=turn))
        until(lambda: engine.batches == [1])
        assert end(ask(scheduler, engine, "b", turn=turn)).generations[0].text == "3"
        assert not long.done()
        assert len(long.result(30).generations[0].token_ids) == 2000


def test_share_and_patience_are_said_in_words() -> None:
    scheduler = Scheduler(live=1, share=2, patience=0.05)
    engine, turn = Counter(), EngineTurn()
    gate = held(engine)
    with ThreadPoolExecutor(9) as threads:
        jobs = [threads.submit(end, ask(scheduler, engine, "a", turn=turn))]
        until(lambda: engine.batches == [1])
        for number in (2, 3, 4):
            jobs.append(
                threads.submit(end, ask(scheduler, engine, f"v{number}", turn=turn))
            )
            until(lambda n=number: scheduler.load["waiting"] == n - 1)  # type: ignore[misc]
        with pytest.raises(BusyError, match="Many people are asking"):
            next(ask(scheduler, engine, "late", turn=turn))
        gate.set()
        for job in jobs:
            assert job.result(10).is_done
    gate.clear()
    with ThreadPoolExecutor(2) as threads:
        jobs = [
            threads.submit(end, ask(scheduler, engine, "a", turn=turn)) for _ in "12"
        ]
        until(lambda: sum(scheduler.load[k] for k in ("waiting", "running")) == 2)
        with pytest.raises(BusyError, match="2 of your questions"):
            next(ask(scheduler, engine, "a", turn=turn))
        gate.set()


def test_stop_and_a_closed_tab_free_the_place() -> None:
    scheduler, engine, turn = Scheduler(), Counter(), EngineTurn()
    engine.step = lambda: time.sleep(0.001)
    cancelled = threading.Event()
    steps = ask(scheduler, engine, tokens=10**6, turn=turn, cancelled=cancelled)
    next(steps)
    cancelled.set()
    assert end(steps).generations[0].finish == "cancelled"
    left = ask(scheduler, engine, tokens=10**6, turn=turn)
    next(left)
    left.close()  # type: ignore[attr-defined]
    until(lambda: scheduler.load["running"] == 0)


def test_an_editor_goes_between_two_tokens_and_not_for_ever() -> None:
    turn = EngineTurn()
    assert turn.take()
    entered = threading.Event()

    def edit() -> None:
        with turn:
            entered.set()

    editor = threading.Thread(target=edit)
    editor.start()
    until(lambda: turn._waiting == 1)
    turn.give_back()
    entered.wait(10)
    editor.join()
    assert turn.take()  # after an editor, a token
    turn.give_back()
    scheduler, engine = Scheduler(), Counter()
    with turn, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(end, ask(scheduler, engine, turn=turn))
        time.sleep(0.05)
        assert not asked.done()
        turn.__exit__()
        assert asked.result(10).is_done
        turn.__enter__()


def test_a_failure_is_its_pane_s_alone() -> None:
    scheduler, turn = Scheduler(), EngineTurn()
    panes: Any = {
        "base": [Sent(Counter(error=RuntimeError("out of memory.\nmore")), "1")],  # type: ignore[arg-type]
        "edited": [Sent(Counter(), "1")],  # type: ignore[arg-type]
    }
    steps = scheduler.stream(
        panes, Sampling(3), threading.Event(), {"base": turn, "edited": turn}
    )
    last = deque(steps, maxlen=1).pop()[1]
    assert "out of memory" in last["base"].failure
    assert last["edited"].generations[0].text == "3"


def test_a_mistake_of_ours_fails_its_batch_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scheduler, turn = Scheduler(), EngineTurn()
    sound, broken = Counter(), Counter(error=ValueError("no such seed"))
    gate = held(sound)
    with ThreadPoolExecutor(2) as threads:
        going = threads.submit(end, ask(scheduler, sound, "a", turn=turn))
        until(lambda: sound.batches == [1])
        failing = threads.submit(end, ask(scheduler, broken, "b"))
        until(lambda: scheduler.load["waiting"] == 1)
        gate.set()
        assert "see the log" in failing.result(10).failure
        assert going.result(10).generations[0].text == "3"
    assert "ValueError: no such seed" in caplog.text


def test_closing_answers_whoever_waits_and_takes_no_more() -> None:
    scheduler, engine, turn = Scheduler(), Counter(), EngineTurn()
    gate = held(engine)
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(end, ask(scheduler, engine, turn=turn))
        until(lambda: scheduler.load["running"] == 1)
        assert not scheduler.close(0.01)
        with pytest.raises(BusyError, match="restarted"):
            next(ask(scheduler, engine, turn=turn))
        gate.set()
        assert scheduler.close(10)
        assert asked.result(10).is_done
