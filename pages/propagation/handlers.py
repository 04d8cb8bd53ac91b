"""The handlers of Propagation: fill the grid, order it, open a cell.

The grid is drawn a few times a second while the answers come. Every XkdeError becomes
words.
"""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import gradio as gr

from pages.propagation.live import live_html, opened_html, right_and_asked
from pages.shell.components import Outputs
from pages.shell.edit_form import FilledIn, form_of, refilled
from pages.shell.links import Form
from pages.shell.pool import POOL, permitted
from pages.shell.runs import reports_of, status_html, watched
from pages.shell.strings import Interface, interface_language, tr
from xkde.asking.propagation import (
    Order,
    PropagationState,
    PropagationTask,
    needs_translation,
    plan,
    propagate,
)
from xkde.asking.translation import TranslatedQuestion, can_translate, translate
from xkde.data.atlas.world import atlas
from xkde.errors import InputError
from xkde.languages import ATLAS_LANGUAGES

# The fields of an edit, by their names in ``links.Form``
NAMES = ("language", "question", "answer", "old_answer", "base", "edited")
WORK = "propagation"  # the name of its runs


def order_of(text: str | None) -> Order:
    """Return how rows and columns follow each other."""
    return "success" if text == "success" else "script"


def run(
    request: gr.Request, order: str | None, filled: FilledIn, *values: str | None
) -> Iterator[Outputs]:
    """Yield the grid as it fills, by the components' names."""
    interface, by = interface_language(request), order_of(order)
    form, _ = refilled(form_of(NAMES, values), filled)
    models = [permitted(name, interface) for name in (form.base, form.edited)]

    def answer(
        cancelled: threading.Event, report: Callable[[PropagationState], None]
    ) -> None:
        task = _task(form, cancelled)
        with POOL.use(models) as (base, edited):
            for state in propagate(task, base, edited, cancelled):
                report(state)

    def steps(cancelled: threading.Event) -> Iterator[Outputs]:
        yield {"opened": "", "grid": "", "state": None}
        started = time.monotonic()
        state: PropagationState | None = None
        for state in reports_of(partial(answer, cancelled), cancelled):
            yield shown(state, by, interface)
        if state is not None and not cancelled.is_set():
            seconds = time.monotonic() - started
            yield {"status": _ended(state, seconds, interface)}

    yield from watched(WORK, request, models, steps)


def shown(state: PropagationState, by: Order, interface: Interface) -> Outputs:
    """Return what shows a state: the grid, how far it is, and the state itself."""
    words = tr("arriving", interface, done=state.arrived, n=state.total)
    return {
        "grid": live_html(state, by, interface),
        "state": state,
        "status": status_html(words, "busy"),
    }


def _ended(state: PropagationState, seconds: float, interface: Interface) -> str:
    right, asked = right_and_asked(state)
    words = tr(
        "propagation_done", interface, right=right, n=asked, seconds=f"{seconds:.1f}"
    )
    return status_html(words, "done")


def _task(form: Form, cancelled: threading.Event) -> PropagationTask:
    """Return the edit in every language, translated by the edited model if need be."""
    world, edit = atlas(), form.edit
    translated: tuple[TranslatedQuestion, ...] = ()
    if edit.question and needs_translation(world, edit):
        if not can_translate(form.edited):
            raise InputError(
                "Atlas does not know this edit, and {model} was not taught to "
                "translate, so it can be put into no other language. State a fact that "
                "Atlas knows, such as the capital of Japan, or choose an edited model "
                "that translates.",
                model=form.edited,
            )
        with POOL.use([form.edited]) as engines:
            translated = translate(
                engines[0], edit.question, edit.language, ATLAS_LANGUAGES, cancelled
            )
    return plan(world, edit, translated)


def reorder(state: PropagationState | None, order: str, request: gr.Request) -> str:
    """Return the grid in another order."""
    return live_html(state, order_of(order), interface_language(request))


def picked(
    state: PropagationState | None, event: gr.EventData, request: gr.Request
) -> str:
    """Return what an opened cell shows."""
    if state is None:
        return ""
    return opened_html(state, str(event.cell), interface_language(request))
