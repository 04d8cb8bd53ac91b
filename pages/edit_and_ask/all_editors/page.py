"""All editors on the edit in the form: the fold-out beneath the answers.

A thread tries one editor after another, each with the model to itself; the rows are
shown as they come. Stop, or a closed tab, ends it after the editor at work, whose edit
is taken out first. Its words and HTML are in ``html``.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/all_editors/test_page.py``
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from queue import Empty, Queue
from typing import Any

import gradio as gr

from pages.edit_and_ask import models
from pages.edit_and_ask.all_editors.html import Compared, outcome, table_html, words_of
from pages.edit_and_ask.answering import plan, waiting_for
from pages.edit_and_ask.form import Auto, filled, form_of
from pages.edit_and_ask.handlers import status_html
from pages.shell.errors import shown_error
from pages.shell.links import Form
from pages.shell.pool import PATIENCE, POOL
from pages.shell.strings import Interface, both, interface_language, label, tr
from xkde.asking.all_editors.tasks import (
    Task,
    Tried,
    at_first,
    neighbours,
    with_subject,
)
from xkde.asking.session import check
from xkde.data.atlas.world import atlas
from xkde.editors.registry import EDITORS
from xkde.errors import InputError, XkdeError

LOOK = 0.2  # seconds between two looks at what the thread has told
STOPPING = 60.0  # seconds that Stop waits for the editor at work
RUNNING: dict[str, threading.Event] = {}  # by session: set it and the run ends

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True)
class Panel:
    """The components of the fold-out."""

    subject: gr.Textbox
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    table: gr.HTML


def build() -> Panel:
    """Make the fold-out's components."""
    with gr.Accordion(label("editors_title"), open=False, elem_id="editors"):
        gr.HTML(f'<p class="hint">{both("editors_lead")}</p>')
        subject = gr.Textbox(
            label=label("editors_subject"),
            info=label("editors_subject_info"),
            elem_id="editors-subject",
            max_lines=1,
        )
        with gr.Row(elem_classes="actions"):
            run_button = gr.Button(
                label("editors_run"), elem_id="run-editors", scale=0, min_width=200
            )
            stop = gr.Button(
                label("stop"), elem_id="stop-editors", elem_classes="plain", scale=0,
                min_width=90,
            )  # fmt: skip
            status = gr.HTML(status_html(""), elem_id="editors-status")
        table = gr.HTML(
            f'<p class="hint">{both("editors_hint")}</p>', elem_id="editors-table"
        )
    return Panel(subject, run_button, stop, status, table)


def wire(panel: Panel, fields: list[Any], auto: gr.State) -> None:
    """Connect the fold-out with the form."""
    compared = gr.State(None)
    outputs = [panel.table, panel.status, compared]
    running = panel.run.click(
        run,
        [auto, panel.subject, *fields],
        outputs,
        trigger_mode="once",
        show_progress="minimal",  # says so while another visitor's run
        show_progress_on=panel.status,
        api_visibility="private",
        # One visitor's editors at a time; questions go on being answered between them.
        concurrency_id="editors",
        concurrency_limit=1,
    )
    # One after the other: what runs ends by itself, what still waits is taken away.
    panel.stop.click(stop, None, None, queue=False, **QUIET)
    panel.stop.click(
        stopped, compared, outputs, cancels=[running], queue=False, **QUIET
    )


def run(
    request: gr.Request, auto: Auto, subject: str, *values: Any
) -> Iterator[tuple[str, str, Compared]]:
    """Yield (table, status, compared) whenever an editor gets further."""
    say = interface_language(request)
    form, _ = filled(form_of(list(values)), auto)
    for name in (form.base, form.edited):
        models.permitted(name, say)
    session, cancelled = str(request.session_hash), threading.Event()
    RUNNING[session] = cancelled
    now: Compared | None = None
    try:
        for now in compared_of(form, subject or "", cancelled):
            key = "editors_stopping" if cancelled.is_set() else ""
            words = tr(key, say) if key else words_of(now, say)
            yield table_html(now, say), status_html(words, "busy"), now
        if now is not None:  # before the run counts as ended: Stop waits for that
            yield table_html(now, say), status_html(outcome(now, say), "done"), now
    except XkdeError as error:
        raise shown_error(error, say) from error
    finally:
        cancelled.set()
        RUNNING.pop(session, None)


def task_of(form: Form, subject: str = "") -> Task:
    """Return what a form asks of all editors; raises InputError in words."""
    planned = plan(form)
    check(planned.edit, planned.queries, ())
    if not form.languages:
        raise InputError("No language is chosen. Choose at least one to ask in.")
    return Task(
        with_subject(atlas(), planned.edit, subject),
        planned.queries,
        neighbours(atlas(), planned.edit, form.languages),
        form.base,
        form.edited,
        replace(form.sampling, temperature=0.0),  # what differs is the editor's doing
    )


def compared_of(
    form: Form, subject: str, cancelled: threading.Event
) -> Iterator[Compared]:
    """Yield what is known of all editors, from a thread that runs them."""
    task = task_of(form, subject)
    now = Compared(task, at_first(task))
    yield now
    for editor in EDITORS:  # some have a checkpoint of their own
        for name in waiting_for(replace(form, editor=editor, prompted=False)):
            POOL.wait(name, PATIENCE)
    told: Queue[Tried] = Queue()
    thread = ThreadPoolExecutor(1, "editors")
    try:
        done = thread.submit(_compare, task, told, cancelled)
        said = False
        while not (done.done() and told.empty()):
            try:
                now = now.told(told.get(timeout=LOOK))
            except Empty:
                if said or not cancelled.is_set():
                    continue
                said = True
            yield now
        done.result()
    finally:
        cancelled.set()  # also where nobody listens any longer
        thread.shutdown(wait=False)


def _compare(task: Task, told: "Queue[Tried]", cancelled: threading.Event) -> None:
    from xkde.asking.all_editors.run import compare

    compare(task, _lent, told.put, cancelled)


@contextmanager
def _lent(model: str) -> Iterator[Any]:
    """Lend a model of the pool: no other visitor has it meanwhile."""
    with POOL.use([model]) as engines:
        yield engines[0]


def stop(request: gr.Request) -> None:
    """End the visitor's run and wait until its last state was sent."""
    cancelled = RUNNING.get(str(request.session_hash))
    if cancelled is None:
        return
    cancelled.set()
    give_up = time.monotonic() + STOPPING
    while RUNNING.get(str(request.session_hash)) is cancelled:
        if time.monotonic() > give_up:
            return
        time.sleep(0.02)


def stopped(compared: Compared | None, request: gr.Request) -> tuple[Any, Any, Any]:
    """Show what had arrived when Stop was pressed."""
    say: Interface = interface_language(request)
    if compared is None or compared.ended == len(compared.rows):
        return gr.skip(), gr.skip(), compared  # it had just ended, or never begun
    compared = compared.stopped()
    words = status_html(outcome(compared, say), "done")
    return table_html(compared, say), words, compared
