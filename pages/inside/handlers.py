"""The handlers of Inside: a look at the base, then at the edited model.

A thread looks while the page shows how far it is. Every XkdeError becomes words.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import gradio as gr

from pages.inside.measured import measured_of
from pages.inside.panes import PaneShown, pane_of
from pages.shell.components import Outputs
from pages.shell.edit_form import FilledIn, form_of, refilled
from pages.shell.links import Form
from pages.shell.pool import POOL, permitted
from pages.shell.runs import reports_of, status_html, watched
from pages.shell.strings import Interface, interface_language, tr
from pages.shell.templates import render
from xkde.asking.looking_inside import LOOKS, InsideQuestion, Look, inside_question
from xkde.data.atlas.world import atlas
from xkde.types import Query

if TYPE_CHECKING:
    from xkde.asking.looks import Seen

PANES = ("base", "edited")
# The fields of an edit and of a question, by their names in ``links.Form``
NAMES = (
    "language", "question", "answer", "old_answer", "languages", "query", "base",
    "edited",
)  # fmt: skip
WORK = "inside"  # the name of its runs
How = tuple[int, int]  # steps done, of how many


def look_of(text: str | None) -> Look:
    """Return the look that is chosen; the first where it is none."""
    return next((each for each in LOOKS if each == text), LOOKS[0])


def run(
    request: gr.Request,
    look: str | None,
    filled: FilledIn,
    subject: str | None,
    *values: str | None,
) -> Iterator[Outputs]:
    """Yield the panes as they come, by the components' names."""
    interface = interface_language(request)
    form, _ = refilled(form_of(NAMES, values), filled)
    models = [permitted(name, interface) for name in (form.base, form.edited)]

    def steps(cancelled: threading.Event) -> Iterator[Outputs]:
        yield {**shown_pane("base", None), **shown_pane("edited", None)}
        asked = _asked(form, subject or "")
        for pane, model in zip(PANES, models, strict=True):
            task = _task(look_of(look), asked, pane, model, interface)
            for found in reports_of(task, cancelled):
                if isinstance(found, PaneShown):
                    yield shown_pane(pane, found)
                else:
                    yield {"status": _progress(pane, found, interface)}
        if not cancelled.is_set():
            yield {"status": status_html(tr("inside_done", interface), "done")}

    yield from watched(WORK, request, models, steps)


def _asked(form: Form, subject: str) -> InsideQuestion:
    """Return what is looked into; the edit's own question where none is typed."""
    edit = replace(form.edit, subject=subject.strip())
    query = Query(form.query.strip() or edit.question, form.languages[0])
    return inside_question(atlas(), edit, query)


def shown_pane(pane: str, seen: PaneShown | None) -> Outputs:
    """Return what fills a pane; None empties it."""
    figure = seen.figure if seen else None
    return {
        pane: seen.html if seen else "",
        f"{pane}_plot": gr.Plot(figure, visible=figure is not None),
    }


def show_measured(look: str, request: gr.Request) -> Outputs:
    """Return what was measured of a look over many edits."""
    shown = measured_of(look, interface_language(request))
    return {
        "explained": render("inside/explained.html", look=look),
        "measured": shown.html,
        "measured_plot": gr.Plot(shown.figure, visible=shown.figure is not None),
    }


def _task(
    look: Look, asked: InsideQuestion, pane: str, model: str, interface: Interface
) -> Callable[[Callable[[How | PaneShown], None]], None]:
    """Return what a thread does for one pane: look, and make its HTML and figure."""

    def take(report: Callable[[How | PaneShown], None]) -> None:
        from xkde.asking.looks import look_inside

        with POOL.use([model]) as engines:
            seen: Seen = look_inside(
                look,
                engines[0],
                asked,
                pane == "edited",
                lambda done, total: report((done, total)),
            )
        report(pane_of(seen, pane, model, asked, interface))

    return take


def _progress(pane: str, step: How, interface: Interface) -> str:
    done, total = step
    words = tr(
        "inside_looking",
        interface,
        pane=tr(f"pane_{pane}", interface),
        share=f"{100 * done / max(1, total):.0f}",
    )
    return status_html(words, "busy")
