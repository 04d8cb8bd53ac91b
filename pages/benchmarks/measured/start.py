"""Start an evaluation from Measured here: a process of its own, told of by its files.

A page that is loaded anew, in an app that was started anew, shows how far it is. On a
Space it is off. What runs is in ``xkde.evaluation.run.background``.

Run its tests: ``python -m pytest tests/pages/benchmarks/measured/test_page.py``
"""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from pages.shell.errors import in_words, shown_error
from pages.shell.pool import EDITED, POOL, on_space
from pages.shell.strings import Interface, both, interface_language, label, tr
from xkde import paths
from xkde.checkpoints import CATALOGUE, inspect_folder, resolve
from xkde.editors.registry import EDITORS
from xkde.errors import XkdeError
from xkde.evaluation.results.local_runs import LocalRun, run_of
from xkde.evaluation.run import background
from xkde.evaluation.run.background import Order, Started

AT_ONCE: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "queue": False,
}
POLL = 2.0  # seconds between two looks at the files
DIRECTIONS = ("en-zh,zh-en", "en-all", "zh-all", "en-all,zh-all")
PROTOCOLS = ("both", "generated", "teacher-forced")
MOST = 409  # cases of Atlas


@dataclass(frozen=True)
class Panel:
    """The components; ``fields`` in the order of an Order."""

    fields: list[Any]
    begin: gr.Button
    stop: gr.Button
    resume: gr.Button
    show: gr.Button
    status: gr.HTML
    timer: gr.Timer

    @property
    def outputs(self) -> list[Any]:
        """What every handler returns."""
        return [self.status, self.timer, self.begin, self.stop, self.resume, self.show]


def checkpoints() -> list[str]:
    """Return the checkpoints that lie here, those that are loaded first."""
    folders = [folder.name for folder in sorted(paths.checkpoints().glob("*"))]
    here = [name for name in dict.fromkeys((*CATALOGUE, *folders)) if _is_here(name)]
    return sorted(here, key=lambda name: POOL.status(name).phase != "ready")


def _is_here(name: str) -> bool:
    """Tell whether a language model of that name lies here, not an editor's part."""
    try:
        path = resolve(name).path
        return path is not None and bool(inspect_folder(path))
    except XkdeError:
        return False


def build() -> Panel:
    """Make the components."""
    order, free = Order(), not on_space()
    with gr.Accordion(label("start_title"), open=False, elem_id="start"):
        gr.HTML(_hint(free))
        with gr.Row(elem_classes="half filters", visible=free):
            here = checkpoints()
            checkpoint = gr.Dropdown(
                here, value=EDITED if EDITED in here else next(iter(here), None),
                label=label("start_checkpoint"), allow_custom_value=True, min_width=200,
            )  # fmt: skip
            benchmark = gr.Textbox(
                order.benchmark, label=label("start_benchmark"), min_width=200
            )
            directions = gr.Dropdown(
                list(DIRECTIONS), value=order.directions, min_width=160,
                label=label("start_directions"), allow_custom_value=True,
            )  # fmt: skip
        with gr.Row(elem_classes="half filters", visible=free):
            named = [
                (label(f"start_protocol_{name.replace('-', '_')}"), name)
                for name in PROTOCOLS
            ]
            protocol = gr.Dropdown(
                named,
                value=order.protocol, label=label("start_protocol"), min_width=160,
            )  # fmt: skip
            editor = gr.Dropdown(
                [(entry.label, name) for name, entry in EDITORS.items()],
                value=order.editor, label=label("start_editor"), min_width=160,
            )  # fmt: skip
            limit = gr.Slider(
                0, MOST, value=order.limit, step=1, label=label("start_limit"),
                min_width=200,
            )  # fmt: skip
        with gr.Row(elem_classes="actions"):
            begin = gr.Button(
                label("start_button"), variant="primary", scale=0, min_width=200,
                visible=free, elem_id="start-begin",
            )  # fmt: skip
            options: dict[str, Any] = {
                "visible": False, "size": "sm", "elem_classes": "plain", "scale": 0,
            }  # fmt: skip
            stop = gr.Button(label("start_cancel"), elem_id="start-stop", **options)
            resume = gr.Button(label("start_resume"), **options)
            show = gr.Button(label("start_show"), **options)
        status = gr.HTML("", elem_id="start-status")
    fields = [checkpoint, benchmark, directions, protocol, editor, limit]
    timer = gr.Timer(POLL, active=False)
    return Panel(fields, begin, stop, resume, show, status, timer)


def _hint(free: bool) -> str:
    return f'<p class="caption">{both("start_hint" if free else "start_space")}</p>'


def wire(root: gr.Blocks, panel: Panel) -> None:
    """Connect the components."""
    if on_space():
        return
    panel.begin.click(begun, panel.fields, panel.outputs, **AT_ONCE)
    panel.resume.click(resumed, None, panel.outputs, **AT_ONCE)
    panel.stop.click(stopped, None, panel.outputs, **AT_ONCE)
    panel.timer.tick(looked, None, panel.outputs, **AT_ONCE)
    root.load(looked, None, panel.outputs, **AT_ONCE)


def begun(request: gr.Request, *values: Any) -> list[Any]:
    """Start what the fields say."""
    checkpoint, benchmark, directions, protocol, editor, limit = values
    order = Order(
        (checkpoint or "").strip(),
        (benchmark or "").strip(),
        (directions or "").strip(),
        protocol,
        editor,
        int(limit or 0),
    )
    return _started(order, interface_language(request))


def resumed(request: gr.Request) -> list[Any]:
    """Go on with what was stopped."""
    now = background.started()
    say = interface_language(request)
    return shown(now, say) if now is None else _started(now.order, say)


def _started(order: Order, say: Interface) -> list[Any]:
    if on_space():  # the button is not there; a request may still be sent
        raise gr.Error(tr("start_space", say), print_exception=False)
    try:
        return shown(background.start(order), say)
    except XkdeError as error:
        raise shown_error(error, say) from error


def stopped(request: gr.Request) -> list[Any]:
    """End it; what is measured stays."""
    return shown(background.cancel(), interface_language(request))


def looked(request: gr.Request) -> list[Any]:
    """Show how far it is."""
    return shown(background.started(), interface_language(request))


def newest() -> LocalRun | None:
    """Return the run that was started last, as far as it is there."""
    now = background.started()
    if now is None:
        return None
    try:
        return run_of(now.order.folder.relative_to(paths.runs()).as_posix())
    except XkdeError:
        return None


def shown(now: Started | None, say: Interface) -> list[Any]:
    """Return (status, timer, begin, stop, resume, show)."""
    running = now is not None and now.state == "running"
    words = "" if now is None else status_html(now, say)
    return [
        words,
        gr.Timer(active=running),
        gr.Button(interactive=not running),
        gr.Button(visible=running),
        gr.Button(visible=now is not None and now.state == "stopped"),
        gr.Button(visible=now is not None and now.done > 0),
    ]


def status_html(now: Started, say: Interface) -> str:
    """Return how far it is, in words and as a bar."""
    order = now.order
    what = f"{order.checkpoint} · {order.benchmark} · {order.directions}"
    words = tr(f"start_{now.state}", say, done=f"{now.done:,}", of=f"{now.total:,}")
    if now.left is not None:
        words += " " + tr("start_left", say, time=time_words(now.left, say))
    if now.words:
        words += " " + in_words(now.words, say)
    share = 100 * now.done / max(1, now.total)
    kind = {"running": "status busy", "finished": "status", "stopped": "status noted"}
    return (
        f'<p class="{kind[now.state]}" role="status"><b>{escape(what)}</b> '
        f"{escape(words)}</p>"
        f'<progress max="100" value="{share:.1f}" aria-label="{escape(what)}">'
        "</progress>"
    )


def time_words(seconds: float, say: Interface) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return tr("start_seconds", say, n=round(seconds))
    return tr("start_minutes", say, n=round(seconds / 60))
