"""The handlers of Inside: a look at the base, then at the edited model, Stop, prefill.

A thread looks while the page shows how far it is; Stop, or a closed tab, ends it at
the next step, and the model is free again. Every XkdeError becomes words.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import gradio as gr

from pages.inside.form import LINKED, InsideForm, first, form_of, of_link
from pages.inside.measured import measured_of
from pages.inside.panes import PaneShown, pane_of
from pages.shell.components import Outputs
from pages.shell.pool import PATIENCE, POOL, end_run, permitted
from pages.shell.strings import Interface, interface_language, shown_error, tr
from pages.shell.templates import render
from xkde.asking.looking_inside import InsideQuestion, inside_question
from xkde.asking.session import StoppedError
from xkde.data.atlas.world import atlas
from xkde.errors import XkdeError

if TYPE_CHECKING:
    from xkde.asking.looks import Seen

PANES = ("base", "edited")
LOOK = 0.2  # seconds between two reports of how far it is
STOPPING = 5.0  # seconds that Stop waits for a model to end
RUNNING: dict[str, threading.Event] = {}  # by session: set it and the look ends
How = tuple[int, int]  # steps done, of how many
Task = Callable[[Callable[[int, int], None]], PaneShown]


def status_html(words: str, kind: str = "") -> str:
    """Return the status line."""
    return render("inside/status.html", words=words, kind=kind)


def run(request: gr.Request, *values: str | None) -> Iterator[Outputs]:
    """Yield the panes as they come, by the components' names."""
    interface = interface_language(request)
    form = form_of(values)
    models = [permitted(name, interface) for name in (form.base, form.edited)]
    session, cancelled = str(request.session_hash), threading.Event()
    RUNNING[session] = cancelled
    try:
        asked = inside_question(atlas(), form.edit, form.asked)
        for name in models:
            _load(name)
        yield {**shown_pane("base", None), **shown_pane("edited", None)}
        for pane, model in zip(PANES, models, strict=True):
            seen: PaneShown | None = None
            for step in _in_thread(
                _task(form, asked, pane, model, interface), cancelled
            ):
                if isinstance(step, PaneShown):
                    seen = step
                else:
                    yield {"status": _progress(pane, step, interface)}
            if seen is None:
                words = tr("status_stopped", interface)
                yield {"status": status_html(words)}
                return
            yield shown_pane(pane, seen)
        yield {"status": status_html(tr("inside_done", interface), "done")}
    except XkdeError as error:
        yield {"status": status_html("")}
        raise shown_error(error, interface) from error
    finally:
        cancelled.set()
        RUNNING.pop(session, None)


def shown_pane(pane: str, seen: PaneShown | None) -> Outputs:
    """Return what fills a pane; None empties it."""
    figure = seen.figure if seen else None
    return {
        pane: seen.html if seen else "",
        f"{pane}_plot": gr.Plot(figure, visible=figure is not None),
    }


def stop(request: gr.Request) -> None:
    """End the visitor's look, and wait until it was said."""
    end_run(RUNNING, str(request.session_hash), STOPPING)


def stopped(request: gr.Request) -> str:
    """Say that it was stopped; also where it had only waited for its turn."""
    return status_html(tr("status_stopped", interface_language(request)))


def open_page(request: gr.Request) -> list[str]:
    """Fill the fields from the link that was opened, else with an example."""
    query = str(request.url.query) if request.request else ""
    return of_link(query) or first()


def take_over(link: str, taken: str) -> list[object]:
    """Fill the fields with the question last asked in Edit & Ask, each one once."""
    values = of_link(link) if link != taken else None
    if values is None:
        return [taken, *[gr.skip()] * len(LINKED)]
    return [link, *values]


def show_measured(look: str, request: gr.Request) -> Outputs:
    """Return what was measured of a look over many edits."""
    shown = measured_of(look, interface_language(request))
    return {
        "explained": render("inside/explained.html", look=look),
        "measured": shown.html,
        "measured_plot": gr.Plot(shown.figure, visible=shown.figure is not None),
    }


def _load(name: str) -> None:
    if POOL.status(name).phase == "unknown":
        POOL.start(name)
    POOL.wait(name, PATIENCE)


def _task(
    form: InsideForm, asked: InsideQuestion, pane: str, model: str, interface: Interface
) -> Task:
    """Return what a thread does for one pane: look, and make its HTML and figure."""

    def look(on_progress: Callable[[int, int], None]) -> PaneShown:
        from xkde.asking.looks import look_inside

        with POOL.use([model]) as engines:
            seen: Seen = look_inside(
                form.look, engines[0], asked, pane == "edited", on_progress
            )
        return pane_of(seen, pane, model, asked, interface)

    return look


def _in_thread(
    task: Task, cancelled: threading.Event
) -> Generator[How | PaneShown, None, None]:
    """Yield how far a task is, then what it made; nothing once it is cancelled."""
    read: list[How] = [(0, 1)]
    left = threading.Event()

    def on_progress(done: int, total: int) -> None:
        read[0] = (done, total)
        if cancelled.is_set() or left.is_set():
            raise StoppedError

    thread = ThreadPoolExecutor(1, "inside")
    try:
        done = thread.submit(task, on_progress)
        while not done.done():
            if cancelled.is_set():
                return
            yield read[0]
            wait([done], LOOK)
        try:
            yield done.result()
        except StoppedError:
            return
    finally:
        left.set()  # also where nobody listens any longer
        thread.shutdown(wait=False)


def _progress(pane: str, step: How, interface: Interface) -> str:
    done, total = step
    words = tr(
        "inside_looking",
        interface,
        pane=tr(f"pane_{pane}", interface),
        share=f"{100 * done / max(1, total):.0f}",
    )
    return status_html(words, "busy")
