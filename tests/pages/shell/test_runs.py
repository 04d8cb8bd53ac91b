"""Runs of visitors: ended by another press, by Stop, and by whoever leaves."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from pages.shell.components import Outputs
from pages.shell.runs import RUNNING, begun, end_run, reports_of, watched
from xkde.asking.session import StoppedError
from xkde.errors import InputError

SOMEBODY: Any = SimpleNamespace(
    request=True, query_params={"lang": "zh"}, headers={}, session_hash="s", client=None
)


def test_another_press_ends_the_run_before_and_begins_anew() -> None:
    ended = threading.Event()

    def first() -> None:
        with begun("work", SOMEBODY) as cancelled:
            started.set()
            cancelled.wait(20)
        ended.set()

    started = threading.Event()
    threading.Thread(target=first).start()
    assert started.wait(20)
    with begun("work", SOMEBODY) as cancelled:
        assert ended.is_set() and not cancelled.is_set()
        with begun("other work", SOMEBODY):
            assert not cancelled.is_set()
        end_run("work", SOMEBODY, patience=0)
        assert cancelled.is_set()
    assert RUNNING == {}


def test_the_newest_report_is_shown_and_always_the_last() -> None:
    def task(report: Callable[[int], None]) -> None:
        for number in range(1000):
            report(number)

    found = list(reports_of(task, threading.Event()))
    assert found[-1] == 999
    assert found == sorted(found)


@pytest.mark.parametrize("way", ["stop", "leave"])
def test_a_task_ends_at_its_next_report(way: str) -> None:
    cancelled, ended = threading.Event(), threading.Event()

    def task(report: Callable[[int], None]) -> None:
        try:
            while True:
                report(1)
        except StoppedError:
            ended.set()
            raise

    going = reports_of(task, cancelled)
    assert next(going) == 1
    if way == "stop":
        cancelled.set()
        assert len(list(going)) < 3
    else:
        going.close()
    assert ended.wait(20)


def test_the_last_update_has_all_that_was_shown() -> None:
    def steps(cancelled: threading.Event) -> Iterator[Outputs]:
        yield {"one": 1, "two": 1}
        yield {"two": 2}
        yield {"status": "done"}

    *_, last = watched("work", SOMEBODY, [], steps)
    assert last == {"one": 1, "two": 2, "status": "done"}


def test_what_a_task_raises_is_said_in_words_and_nothing_stays_registered() -> None:
    def task(report: Callable[[int], None]) -> None:
        raise InputError("Atlas has no fact of this kind.")

    def steps(cancelled: threading.Event) -> Iterator[Outputs]:
        for number in reports_of(task, cancelled):
            yield {"number": number}

    going = watched("work", SOMEBODY, [], steps)
    assert "busy" in next(going)["status"]
    assert "Atlas" in next(going)["status"]
    with pytest.raises(gr.Error, match="Atlas"):
        next(going)
    assert RUNNING == {}
