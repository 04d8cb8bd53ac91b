"""All editors on the edit in the form: the fold-out beneath the answers.

A thread tries one editor after another, each with the model to itself; the rows are
shown as they come. Stop, or a closed tab, ends it after the editor that runs, whose
edit is taken out first. On a phone every row of the table becomes a card.
"""

import csv
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from queue import Empty, Queue
from typing import TYPE_CHECKING

import gradio as gr

from pages.edit_and_ask.answering import plan
from pages.edit_and_ask.answers import Badge, verdict_badge
from pages.edit_and_ask.form import form_of, inputs
from pages.edit_and_ask.models import editor_name
from pages.shell.components import AT_ONCE, Components
from pages.shell.links import Form
from pages.shell.pool import LOOK, POOL, loading, permitted
from pages.shell.prefill import Prefilled, fill_in, understand
from pages.shell.runs import begun, end_run, status_html
from pages.shell.strings import (
    Interface,
    in_words,
    interface_language,
    label,
    shown_error,
    tr,
)
from pages.shell.templates import render
from pages.shell.visitors import admitted
from xkde.asking.all_editors import (
    AllEditorsState,
    AllEditorsTask,
    EditorRow,
    neighbours,
    waiting_rows,
    with_subject,
)
from xkde.asking.session import Pane, check
from xkde.data.atlas.questions import Known
from xkde.data.atlas.world import atlas
from xkde.editors.registry import entry_of, training_command
from xkde.errors import XkdeError
from xkde.evaluation.scoring.verdict import judge
from xkde.text import safe_cell

if TYPE_CHECKING:  # torch comes with it
    from xkde.engines.transformers import TransformersEngine

WORK = "all editors"  # the name of its runs
STOPPING = 60.0  # seconds that Stop waits for the editor that runs
CSV_COLUMNS = (
    "editor", "checkpoint", "language", "question", "answer", "seconds", "else_changed",
    "else_asked",
)  # fmt: skip
LONG = 30  # characters of an answer that may take more than its lines
PHASE_MARKS = {"unmet": "○", "failed": "△", "stopped": "□"}


@dataclass(frozen=True)
class AllEditorsPanel:
    """The components of the fold-out."""

    subject: gr.Textbox
    run: gr.Button
    stop: gr.Button
    status: gr.HTML
    table: gr.HTML


def layout() -> AllEditorsPanel:
    """Make the fold-out's components."""
    with gr.Accordion(label("editors_title"), open=False, elem_id="editors"):
        lead = render("shell/paragraph.html", kind="hint", key="editors_lead", mark="")
        gr.HTML(lead)
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
        hint = render("shell/paragraph.html", kind="hint", key="editors_hint", mark="")
        table = gr.HTML(hint, elem_id="editors-table")
    return AllEditorsPanel(subject, run_button, stop, status, table)


def connect(panel: AllEditorsPanel, fields: Components, prefilled: gr.State) -> None:
    """Connect the fold-out with the form."""
    state = gr.State(None)
    outputs = [panel.table, panel.status, state]
    running = panel.run.click(
        run,
        [prefilled, panel.subject, *inputs(fields)],
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
    panel.stop.click(stop, None, None, **AT_ONCE)
    panel.stop.click(stopped, state, outputs, cancels=[running], **AT_ONCE)


def run(
    request: gr.Request, prefilled: Prefilled, subject: str, *values: object
) -> Iterator[tuple[str, str, AllEditorsState]]:
    """Yield (table, status, state) whenever an editor gets further."""
    interface = interface_language(request)
    form = form_of(values)
    known = understand(form)
    form, _ = fill_in(form, prefilled, known)
    for name in (form.base, form.edited):
        permitted(name, interface)
    state: AllEditorsState | None = None
    try:
        admitted(request)
        with begun(WORK, request) as cancelled:
            for state in states_of(form, known, subject or "", cancelled):
                words = progress_words(state, interface)
                if cancelled.is_set():
                    words = tr("editors_stopping", interface)
                yield table_html(state, interface), status_html(words, "busy"), state
            if state is not None:  # before the run counts as ended: Stop waits for that
                words = outcome_words(state, interface)
                yield table_html(state, interface), status_html(words, "done"), state
    except XkdeError as error:
        raise shown_error(error, interface) from error


def task_of(form: Form, known: Known | None, subject: str = "") -> AllEditorsTask:
    """Return what a form asks of all editors; raises InputError in words."""
    planned = plan(form, known)
    check(planned.edit, planned.queries)
    return AllEditorsTask(
        with_subject(atlas(), planned.edit, known, subject),
        planned.queries,
        neighbours(atlas(), planned.edit, known, form.languages),
        form.base,
        form.edited,
        replace(form.sampling, temperature=0.0),  # what differs is the editor's doing
        planned.expected,
        planned.follows,
    )


def states_of(
    form: Form, known: Known | None, subject: str, cancelled: threading.Event
) -> Iterator[AllEditorsState]:
    """Yield what is known of all editors, from a thread that runs them."""
    task = task_of(form, known, subject)
    state = AllEditorsState(task, waiting_rows(task))
    yield state
    for _ in loading(tuple(row.model for row in state.rows), cancelled):
        yield state
    reported: Queue[EditorRow] = Queue()
    thread = ThreadPoolExecutor(1, "editors")
    try:
        done = thread.submit(_run_all, task, reported, cancelled)
        is_stop_shown = False
        while not (done.done() and reported.empty()):
            try:
                state = state.with_row(reported.get(timeout=LOOK))
            except Empty:
                if is_stop_shown or not cancelled.is_set():
                    continue
                is_stop_shown = True
            yield state
        done.result()
    finally:
        cancelled.set()  # also where nobody listens any longer
        thread.shutdown(wait=False)


def _run_all(
    task: AllEditorsTask, reported: "Queue[EditorRow]", cancelled: threading.Event
) -> None:
    from xkde.asking.temporary_edits import run_all_editors

    run_all_editors(task, _lend, reported.put, cancelled)


@contextmanager
def _lend(model: str) -> "Iterator[TransformersEngine]":
    """Lend a model of the pool: no other visitor has it meanwhile."""
    with POOL.use([model]) as engines:
        yield engines[0]


def stop(request: gr.Request) -> None:
    """End the visitor's run and wait until its last state was sent."""
    end_run(WORK, request, STOPPING)


def stopped(
    state: AllEditorsState | None, request: gr.Request
) -> tuple[object, object, AllEditorsState | None]:
    """Show what had arrived when Stop was pressed."""
    interface = interface_language(request)
    if state is None or state.ended == len(state.rows):
        return gr.skip(), gr.skip(), state  # it had just ended, or never begun
    state = state.stopped()
    words = status_html(outcome_words(state, interface), "done")
    return table_html(state, interface), words, state


def progress_words(state: AllEditorsState, interface: Interface) -> str:
    """Return how far all is, in one sentence, for the status line."""
    counts = {"n": state.ended, "of": len(state.rows)}
    for row in state.rows:
        if row.phase == "reading":
            done, total = row.read
            share = f"{100 * done / max(1, total):.0f}"
            return tr(
                "editors_reading", interface, model=row.model, share=share, **counts
            )
        if row.phase == "running":
            name = editor_name(row.editor, interface)
            return tr("editors_running", interface, editor=name, **counts)
    return tr("editors_begin", interface, **counts)


def outcome_words(state: AllEditorsState, interface: Interface) -> str:
    """Return what came of it in one sentence."""
    n = sum(row.phase == "done" for row in state.rows)
    if not all(row.is_reverted for row in state.rows):
        return tr("editors_not_reverted", interface)
    is_stopped = any(row.phase == "stopped" for row in state.rows)
    key = "editors_stopped" if is_stopped else "editors_done"
    return tr(key, interface, n=n, of=len(state.rows))


def headline(state: AllEditorsState, interface: Interface) -> str:
    """Return how many editors carried the edit to the languages that it is not in."""
    task = state.task
    others = [q for q in task.queries if q.language != task.edit.language]
    ended = [r for r in state.rows if r.phase == "done" and r.editor != "none"]
    if not others or not ended:
        return ""
    carried = sum(2 * right_answers(row, task) > len(others) for row in ended)
    if len(others) == 1:
        where = tr(f"language_{others[0].language}", interface)
    else:
        where = tr("editors_most_of", interface, n=len(others))
    return tr("editors_headline", interface, n=carried, of=len(ended), where=where)


def right_answers(row: EditorRow, task: AllEditorsTask) -> int:
    """Return how many questions in other languages are answered as the edit has it."""
    asked = zip(task.queries, row.answers, task.expected, strict=True)
    return sum(
        verdict.kind in ("new", "both_same") and verdict.language_ok is not False
        for query, answer, expected in (asked if row.phase == "done" else ())
        if query.language != task.edit.language
        for verdict in [judge(answer.text, expected, query.language)]
    )


def in_order(state: AllEditorsState) -> list[EditorRow]:
    """Return the rows: first the bare model, then whoever carried most, harmed least.

    While editors run, the rows stay where they are.
    """
    if state.ended < len(state.rows):
        return list(state.rows)
    return sorted(
        state.rows,
        key=lambda row: (
            row.editor != "none",
            row.phase != "done",
            -right_answers(row, state.task),
            row.changed,
        ),
    )


def csv_of(state: AllEditorsState) -> str:
    """Return all answers as CSV, one line for each editor and language."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(CSV_COLUMNS)
    for row in in_order(state):
        for query, answer in zip(state.task.queries, row.answers, strict=False):
            writer.writerow(
                [row.editor, safe_cell(row.model), query.language,
                 safe_cell(query.text), safe_cell(answer.text),
                 f"{row.seconds:.3f}", row.changed, row.asked]
            )  # fmt: skip
    return lines.getvalue()


def table_html(state: AllEditorsState, interface: Interface) -> str:
    """Return the table, and what must stay as it is."""
    bare = next(row for row in state.rows if row.editor == "none")
    return render(
        "edit_and_ask/all_editors.html",
        interface,
        task=state.task,
        rows=[_row_view(row, bare, state.task, interface) for row in in_order(state)],
        long=LONG,
        headline=headline(state, interface),
        csv=csv_of(state) if state.ended == len(state.rows) else "",
    )


def _row_view(
    row: EditorRow, bare: EditorRow, task: AllEditorsTask, interface: Interface
) -> dict[str, object]:
    """Return a row as its template shows it."""
    entry = entry_of(row.editor)
    kind = tr(f"editor_kind_{entry.kind}", interface)
    is_done, stays = row.phase == "done", entry.kind == "prompt"
    return {
        "phase": row.phase,
        "name": editor_name(row.editor, interface),
        "beneath": row.model if row.editor == "none" else f"{kind} · {row.model}",
        "mark": PHASE_MARKS.get(row.phase, "…"),
        "why": "" if is_done else _why(row, interface),
        "answers": _answers(row, bare, task, interface) if is_done else [],
        "seconds": "–" if stays else f"{row.seconds:.2f} s",
        "memory": "–" if stays else f"{row.peak_bytes / 2**20:.0f} MiB",
        "changed": tr("editors_changed", interface, n=row.changed, of=row.asked),
        "is_reverted": row.is_reverted,
    }


def _answers(
    row: EditorRow, bare: EditorRow, task: AllEditorsTask, interface: Interface
) -> list[tuple[str, str, Badge]]:
    """Return each answer with its language and its verdict; ``bare``: without edit."""
    shown = []
    for number, (query, answer) in enumerate(
        zip(task.queries, row.answers, strict=True)
    ):
        before = bare.answers[number].text if bare.answers else ""
        golds = task.expected[number].decided(task.follows, before)
        found = judge(answer.text, golds, query.language, answer.finish or "stop")
        pane: Pane = "base" if row.editor == "none" else "edited"
        badge = verdict_badge(found, interface, pane)
        shown.append((answer.text, query.language, badge))
    return shown


def _why(row: EditorRow, interface: Interface) -> str:
    """Return in words why a row has no answers (yet)."""
    if row.phase == "unmet" and row.unmet == "trained part":
        command = training_command(row.editor, row.model)
        return tr("editors_no_part", interface, command=command)
    if row.phase == "unmet":
        return tr("editors_no_subject", interface)
    if row.phase == "failed":
        words = in_words(row.words, interface)
        is_fine = row.is_reverted
        return words if is_fine else words + " " + tr("editors_not_reverted", interface)
    return tr(f"editors_phase_{row.phase}", interface)
