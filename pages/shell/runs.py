"""Long work that a visitor starts and may stop: ``watched`` wraps the handler of it.

A session has one run of each sort. Another press ends the one before and begins anew,
so no press is lost; Stop, or a closed tab, ends a run at its next step.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

import gradio as gr
from gradio.blocks import Block

from pages.shell.components import Outputs, by_name
from pages.shell.pool import LOOK, loading
from pages.shell.strings import in_words, interface_language, shown_error, tr
from pages.shell.templates import render
from pages.shell.visitors import admitted
from xkde.asking.session import StoppedError
from xkde.errors import XkdeError

STOPPING = 5.0  # seconds that Stop, or another press, waits for a model to end
RUNNING: dict[tuple[str, str], threading.Event] = {}  # by sort of work and session
# Whoever waits for a model holds a thread.
MOST_WAITING = 32
Reported = TypeVar("Reported")
Steps = Callable[[threading.Event], Iterator[Outputs]]


def status_html(words: str, kind: str = "") -> str:
    """Return the status line."""
    return render("shell/status.html", words=words, kind=kind)


@contextmanager
def begun(work: str, request: gr.Request) -> Iterator[threading.Event]:
    """Register a visitor's run, for ``end_run`` to set its event; end the one before.

    The event is set at the end as well, where nobody listens any longer.
    """
    end_run(work, request)
    key, cancelled = (work, str(request.session_hash)), threading.Event()
    RUNNING[key] = cancelled
    try:
        yield cancelled
    finally:
        cancelled.set()
        if RUNNING.get(key) is cancelled:
            del RUNNING[key]


def end_run(work: str, request: gr.Request, patience: float = STOPPING) -> bool:
    """End a visitor's run, wait until its last state was sent; return if there was one.

    Cancelling the event instead would let what is on its way overwrite the last state.
    """
    key = (work, str(request.session_hash))
    cancelled = RUNNING.get(key)
    if cancelled is None:
        return False
    cancelled.set()
    give_up = time.monotonic() + patience
    while RUNNING.get(key) is cancelled and time.monotonic() < give_up:
        time.sleep(0.02)
    return True


def watched(
    work: str, request: gr.Request, models: Sequence[str], steps: Steps
) -> Iterator[Outputs]:
    """Yield what the steps of a run show, with its ``status`` from the first moment on.

    They begin when the models are loaded. Every XkdeError becomes words in the status,
    and in a toast. The last one has all that was shown: the page may lose an update of
    a component when another one follows at once.
    """
    interface = interface_language(request)
    shown: Outputs = {}
    with begun(work, request) as cancelled:
        yield {"status": status_html(tr("status_loading", interface), "busy")}
        try:
            admitted(request)
            for _ in loading(models, cancelled):
                pass
            for outputs in () if cancelled.is_set() else steps(cancelled):
                shown |= outputs
                yield outputs
        except XkdeError as error:
            yield {"status": status_html(in_words(error, interface), "failed")}
            raise shown_error(error, interface) from error
        if cancelled.is_set():
            shown["status"] = status_html(tr("status_stopped", interface))
        yield shown


def reports_of(
    task: Callable[[Callable[[Reported], None]], object], cancelled: threading.Event
) -> Generator[Reported, None, None]:
    """Yield what a task in a thread reports: the newest, and always the last one.

    Ends with the task, or once ``cancelled`` is set; the task is ended by what its next
    report raises. Raises what the task raises.
    """
    newest: list[Reported] = []
    left = threading.Event()

    def report(found: Reported) -> None:
        if left.is_set():
            raise StoppedError
        newest[:] = [found]

    thread = ThreadPoolExecutor(1, "run")
    try:
        done = thread.submit(task, report)
        while not (done.done() or cancelled.is_set()):
            wait([done], LOOK)
            if newest:
                yield newest.pop()
        if done.done():
            done.result()
        if newest:
            yield newest.pop()
    finally:
        left.set()  # also where nobody listens any longer
        thread.shutdown(wait=False)


def connect_run(
    work: str,
    starts: Sequence[Any],
    handler: Callable[..., Iterator[Outputs]],
    inputs: Sequence[Block],
    shown: dict[str, Block],
    stop: gr.Button,
) -> None:
    """Tie a handler that is ``watched`` to what starts it and to Stop."""

    def end(request: gr.Request) -> object:
        if not end_run(work, request):
            return gr.skip()
        return status_html(tr("status_stopped", interface_language(request)))

    running = gr.on(
        starts,
        by_name(handler, shown),
        list(inputs),
        list(shown.values()),
        trigger_mode="multiple",
        show_progress="hidden",
        concurrency_id="looking",
        concurrency_limit=MOST_WAITING,
        api_visibility="private",
    )
    # One after the other: what runs ends by itself, what still waits is taken away. The
    # words come from here: the page may stop listening before the last ones arrive.
    stop.click(end, None, shown["status"], queue=False, api_visibility="private").then(
        None, None, None, cancels=[running], api_visibility="private"
    )
