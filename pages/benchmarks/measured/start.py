"""Start an evaluation from Measured here: a process of its own, watched by its files.

A page that is loaded anew, in an app that was started anew, shows how far it is. On a
Space it is off. What runs is in ``xkde.evaluation.run.background``.
"""

from dataclasses import fields
from functools import partial

import gradio as gr

from pages.benchmarks.shared import (
    Named,
    by_name,
    picked,
)
from pages.shell.components import AT_ONCE, Components
from pages.shell.pool import EDITED, POOL, on_space
from pages.shell.strings import (
    Interface,
    in_words,
    interface_language,
    label,
    shown_error,
    tr,
)
from pages.shell.templates import render as filled_in
from xkde import paths
from xkde.checkpoints import CATALOGUE, inspect_folder, resolve
from xkde.editors.registry import EDITORS
from xkde.errors import XkdeError
from xkde.evaluation.results.local_runs import LocalRun, run_of
from xkde.evaluation.run import background
from xkde.evaluation.run.background import Order, Started

POLL = 2.0  # seconds between two looks at the files
DIRECTIONS = ("en-zh,zh-en", "en-all", "zh-all", "en-all,zh-all")
PROTOCOLS = ("both", "generated", "teacher-forced")
MOST = 399  # cases of Atlas
FIELDS = tuple(field.name for field in fields(Order))
OUTPUTS = ("status", "timer", "begin", "stop", "resume", "show")


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


def layout() -> Components:
    """Make the components."""
    free = not on_space()
    with gr.Accordion(label("start_title"), open=False, elem_id="start"):
        hint = "start_hint" if free else "start_space"
        gr.HTML(filled_in("benchmarks/static.html", key=hint, kind="caption", title=""))
        parts = _fields(free)
        with gr.Row(elem_classes="actions"):
            parts["begin"] = gr.Button(
                label("start_button"),
                variant="primary",
                scale=0,
                min_width=200,
                visible=free,
                elem_id="start-begin",
            )
            hidden = partial(
                gr.Button, visible=False, size="sm", elem_classes="plain", scale=0
            )
            parts["stop"] = hidden(label("start_cancel"), elem_id="start-stop")
            parts["resume"] = hidden(label("start_resume"))
            parts["show"] = hidden(label("start_show"))
        parts["status"] = gr.HTML("", elem_id="start-status")
    parts["timer"] = gr.Timer(POLL, active=False)
    return parts


def _fields(free: bool) -> Components:
    """Make a field for each part of an order."""
    order, here = Order(), checkpoints()
    with gr.Row(elem_classes="half filters", visible=free):
        checkpoint = gr.Dropdown(
            here,
            value=EDITED if EDITED in here else next(iter(here), None),
            label=label("start_checkpoint"),
            allow_custom_value=True,
            min_width=200,
        )
        benchmark = gr.Textbox(
            order.benchmark, label=label("start_benchmark"), min_width=200
        )
        directions = gr.Dropdown(
            list(DIRECTIONS),
            value=order.directions,
            label=label("start_directions"),
            allow_custom_value=True,
            min_width=160,
        )
    with gr.Row(elem_classes="half filters", visible=free):
        protocol = gr.Dropdown(
            [(label(f"start_protocol_{n.replace('-', '_')}"), n) for n in PROTOCOLS],
            value=order.protocol,
            label=label("start_protocol"),
            min_width=160,
        )
        editor = gr.Dropdown(
            [(entry.label, name) for name, entry in EDITORS.items()],
            value=order.editor,
            label=label("start_editor"),
            min_width=160,
        )
        limit = gr.Slider(
            0,
            MOST,
            value=order.limit,
            step=1,
            label=label("start_limit"),
            min_width=200,
        )
    return {
        "checkpoint": checkpoint, "benchmark": benchmark, "directions": directions,
        "protocol": protocol, "editor": editor, "limit": limit,
    }  # fmt: skip


def connect(root: gr.Blocks, parts: Components) -> None:
    """Tie the handlers to the components."""
    if on_space():
        return
    outputs = picked(parts, *OUTPUTS)
    begin = by_name(begun, picked(parts, *FIELDS), outputs)
    parts["begin"].click(**begin, **AT_ONCE)
    parts["resume"].click(**by_name(resumed, {}, outputs), **AT_ONCE)
    parts["stop"].click(**by_name(stopped, {}, outputs), **AT_ONCE)
    parts["timer"].tick(**by_name(looked, {}, outputs), **AT_ONCE)
    root.load(**by_name(looked, {}, outputs), **AT_ONCE)


def begun(values: Named, request: gr.Request) -> Named:
    """Start what the fields say."""
    typed = ("checkpoint", "benchmark", "directions")
    order = Order(
        **{name: (values[name] or "").strip() for name in typed},
        protocol=values["protocol"],
        editor=values["editor"],
        limit=int(values["limit"] or 0),
    )
    return _started(order, interface_language(request))


def resumed(_: Named, request: gr.Request) -> Named:
    """Go on with what was stopped."""
    now = background.started()
    interface = interface_language(request)
    return render(now, interface) if now is None else _started(now.order, interface)


def _started(order: Order, interface: Interface) -> Named:
    if on_space():  # the button is not there; a request may still be sent
        raise gr.Error(tr("start_space", interface), print_exception=False)
    try:
        return render(background.start(order), interface)
    except XkdeError as error:
        raise shown_error(error, interface) from error


def stopped(_: Named, request: gr.Request) -> Named:
    """End it; what is measured stays."""
    return render(background.cancel(), interface_language(request))


def looked(_: Named, request: gr.Request) -> Named:
    """Show how far it is."""
    return render(background.started(), interface_language(request))


def newest() -> LocalRun | None:
    """Return the run that was started last, as far as it is there."""
    now = background.started()
    if now is None:
        return None
    try:
        return run_of(now.order.folder.relative_to(paths.runs()).as_posix())
    except XkdeError:
        return None


def render(now: Started | None, interface: Interface) -> Named:
    """Return what is shown of an evaluation that was started, or of none."""
    running = now is not None and now.state == "running"
    return {
        "status": "" if now is None else status_html(now, interface),
        "timer": gr.Timer(active=running),
        "begin": gr.Button(interactive=not running),
        "stop": gr.Button(visible=running),
        "resume": gr.Button(visible=now is not None and now.state == "stopped"),
        "show": gr.Button(visible=now is not None and now.done > 0),
    }


def status_html(now: Started, interface: Interface) -> str:
    """Return how far it is, in words and as a bar."""
    words = tr(
        f"start_{now.state}", interface, done=f"{now.done:,}", of=f"{now.total:,}"
    )
    if now.left is not None:
        left = time_words(now.left, interface)
        words += " " + tr("start_left", interface, time=left)
    if now.words:
        words += " " + in_words(now.words, interface)
    kinds = {"running": "status busy", "finished": "status", "stopped": "status noted"}
    return filled_in(
        "benchmarks/measured/progress.html",
        order=now.order,
        words=words,
        kind=kinds[now.state],
        percent=f"{100 * now.done / max(1, now.total):.1f}",
    )


def time_words(seconds: float, interface: Interface) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return tr("start_seconds", interface, n=round(seconds))
    return tr("start_minutes", interface, n=round(seconds / 60))
