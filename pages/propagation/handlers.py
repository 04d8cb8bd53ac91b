"""The handlers of Propagation: fill the grid, Stop, open a cell, prefill.

The grid is drawn a few times a second while the answers come. Stop, or a closed tab,
ends them between two tokens. Every XkdeError becomes words.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import gradio as gr

from pages.propagation.form import (
    NAMES,
    PropagationForm,
    first,
    form_of,
    of_link,
)
from pages.propagation.live import live_html, opened_html, right_and_asked
from pages.shell.components import Outputs
from pages.shell.pool import PATIENCE, POOL, end_run, permitted
from pages.shell.strings import Interface, interface_language, shown_error, tr
from pages.shell.templates import render
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
from xkde.engines.pool import UNDER_WAY
from xkde.errors import InputError, XkdeError
from xkde.languages import ATLAS_LANGUAGES

DRAWN = 0.4  # seconds between two drawings of the grid
LOOK = 0.2  # seconds between two looks at a model that is being loaded
STOPPING = 5.0  # seconds that Stop waits for a model to end
RUNNING: dict[str, threading.Event] = {}  # by session: set it and the answers end


def status_html(words: str, kind: str = "") -> str:
    """Return the status line."""
    return render("propagation/status.html", words=words, kind=kind)


def order_of(text: str | None) -> Order:
    """Return how rows and columns follow each other."""
    return "success" if text == "success" else "script"


def run(request: gr.Request, order: str, *values: str | None) -> Iterator[Outputs]:
    """Yield the grid as it fills, by the components' names."""
    interface = interface_language(request)
    form = form_of(values)
    models = [permitted(name, interface) for name in (form.base, form.edited)]
    session, cancelled = str(request.session_hash), threading.Event()
    RUNNING[session] = cancelled
    by = order_of(order)
    try:
        yield {"opened": "", "status": _busy("status_waiting", interface)}
        for name in models:
            _load(name, cancelled)
        task = None if cancelled.is_set() else _task(form, cancelled)
        if task is None or cancelled.is_set():
            yield {"status": status_html(tr("status_stopped", interface))}
            return
        started = drawn = time.monotonic()
        with POOL.use(models) as engines:
            base, edited = engines
            steps = propagate(task, base, edited, cancelled)
            with closing(steps) as going:
                state = next(going)
                for state in going:
                    if time.monotonic() - drawn > DRAWN:
                        drawn = time.monotonic()
                        yield shown(state, by, interface) | {
                            "status": _busy("arriving", interface, state)
                        }
        seconds = time.monotonic() - started
        yield shown(state, by, interface) | {
            "status": _ended(state, seconds, interface)
        }
    except XkdeError as error:
        yield {"status": status_html("")}
        raise shown_error(error, interface) from error
    finally:
        cancelled.set()
        RUNNING.pop(session, None)


def shown(state: PropagationState, by: Order, interface: Interface) -> Outputs:
    """Return what shows a state, and the state itself."""
    return {"grid": live_html(state, by, interface), "state": state}


def _busy(key: str, interface: Interface, state: PropagationState | None = None) -> str:
    done, n = (state.arrived, state.total) if state else (0, 0)
    return status_html(tr(key, interface, done=done, n=n), "busy")


def _ended(state: PropagationState, seconds: float, interface: Interface) -> str:
    if state.is_stopped:
        return status_html(tr("status_stopped", interface))
    right, asked = right_and_asked(state)
    words = tr(
        "propagation_done", interface, right=right, n=asked, seconds=f"{seconds:.1f}"
    )
    return status_html(words, "done")


def _load(name: str, cancelled: threading.Event) -> None:
    """Wait until a model is loaded, or Stop; a download has PATIENCE."""
    if POOL.status(name).phase == "unknown":
        POOL.start(name)
    give_up = time.monotonic() + PATIENCE
    while POOL.status(name).phase in UNDER_WAY and not cancelled.is_set():
        is_downloading = POOL.status(name).phase == "downloading"
        if is_downloading and time.monotonic() > give_up:
            return
        POOL.wait(name, LOOK)


def _task(form: PropagationForm, cancelled: threading.Event) -> PropagationTask:
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


def stop(request: gr.Request) -> None:
    """End the visitor's answers, and wait until that was said."""
    end_run(RUNNING, str(request.session_hash), STOPPING)


def stopped(request: gr.Request) -> str:
    """Say that it was stopped; also where it had only waited for its turn."""
    return status_html(tr("status_stopped", interface_language(request)))


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


def open_page(request: gr.Request) -> list[str]:
    """Fill the fields from the link that was opened, else with an example."""
    query = str(request.url.query) if request.request else ""
    return of_link(query) or first()


def take_over(link: str, taken: str) -> list[object]:
    """Fill the fields with the edit last asked in Edit & Ask, each one once."""
    values = of_link(link) if link != taken else None
    if values is None:
        return [taken, *[gr.skip()] * len(NAMES)]
    return [link, *values]
