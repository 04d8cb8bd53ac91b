"""Which two models answer: choice, loading, downloads, all of it in words.

On one's own machine a folder or any Hub id may be typed; what a Space offers says
``pages.shell.pool``. Nothing is downloaded before its size and licence have been read
and a button was pressed, nor what fits neither disk nor memory; on a Space only who
began a download ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import gradio as gr
from gradio.components import Component
from gradio.i18n import I18nData

from pages.shell.components import AT_ONCE
from pages.shell.edit_form import model_choices
from pages.shell.links import EDITOR
from pages.shell.pool import (
    BASE,
    EDITED,
    POOL,
    may_download,
    on_space,
    permitted,
)
from pages.shell.strings import Interface, in_words, interface_language, label, tr
from pages.shell.templates import in_both, render
from xkde import hub
from xkde.checkpoints import CATALOGUE, base_for, inspect_folder, resolve
from xkde.data.atlas.world import atlas
from xkde.editors.registry import EDITORS, entry_of, has_part
from xkde.engines.pool import UNDER_WAY, Status
from xkde.errors import XkdeError

# Opens and closes the panel; what is in it works all the while.
OPEN_SCRIPT = """
() => {
  const open = document.querySelector("#models").classList.toggle("open");
  document.querySelector("#choose-models").setAttribute("aria-expanded", open);
}
"""
MARKS = {"ready": "●", "failed": "△", "absent": "○", "unknown": "○"}
plans: dict[str, hub.DownloadPlan | str] = {}  # of models, by reference; or the reason
began: dict[str, str] = {}  # the session that began a download, by reference


@dataclass(frozen=True)
class ModelsPanel:
    """The components of the panel."""

    badge: gr.HTML
    base: gr.Dropdown
    edited: gr.Dropdown
    status: gr.HTML
    timer: gr.Timer
    retry: gr.Button
    download: gr.Button
    cancel: gr.Button

    @property
    def outputs(self) -> list[Component]:
        """What every handler of the panel returns."""
        return [
            *(self.badge, self.status, self.timer),
            *(self.retry, self.download, self.cancel),
        ]


def start_defaults() -> None:
    """Begin to load the embedded models; the server is up by then."""
    for name in (BASE, EDITED):
        POOL.start(name)


def phase_words(status: Status, interface: Interface) -> str:
    """Return how far a model is, in words."""
    words = tr(
        f"phase_{status.phase}",
        interface,
        done=hub.size_text(status.done),
        total=hub.size_text(status.total),
        share=f"{100 * status.done / max(status.total, 1):.0f}",
        seconds=f"{status.seconds:.1f}",
        device=status.device.upper(),
    )
    return f"{words} {in_words(status.words, interface)}".strip()


def plan_words(reference: str, interface: Interface) -> str:
    """Return what a download would fetch, or why it cannot."""
    plan = plans.get(reference)
    if plan is None or isinstance(plan, str):
        return in_words(plan or "", interface)
    fits = tr("plan_fits" if plan.fits else "plan_full", interface)
    if not plan.fits_memory:
        needed = hub.size_text(plan.memory_needed)
        fits = tr("plan_no_memory", interface, needed=needed)
    words = tr(
        "plan",
        interface,
        files=len(plan.files),
        size=hub.size_text(plan.bytes),
        here=hub.size_text(plan.bytes_here),
        licence=plan.licence or tr("plan_no_licence", interface),
        free=hub.size_text(plan.free_bytes),
        fits=fits,
    )
    return words if plan.allowed else words + " " + tr("plan_gated", interface)


def badge_html(base: str, edited: str, interface: Interface) -> str:
    """Return which models answer, how large they are, what they know, where they run.

    A pair that does not belong together is warned of.
    """
    phases = [POOL.status(name) for name in dict.fromkeys((base, edited))]
    under_way = next((each for each in phases if each.phase != "ready"), phases[-1])
    own_base = base_for(edited)
    mismatch = own_base is not None and own_base != base and edited != base
    return render(
        "edit_and_ask/badge_line.html",
        interface,
        base=base,
        edited=edited,
        size=_size_words(base, interface),
        knows=_knows_words(base, interface),
        phase=under_way.phase,
        running=tr(
            f"badge_{under_way.phase}",
            interface,
            device=under_way.device.upper(),
            share=f"{100 * under_way.done / max(under_way.total, 1):.0f}",
        ),
        mismatch=tr("badge_mismatch", interface, edited=edited, base=own_base)
        if mismatch
        else "",
    )


def _size_words(reference: str, interface: Interface) -> str:
    count = parameters_of(reference)
    if not count:
        return ""
    millions = f"{count / 1e6:.1f}" if count < 1e8 else f"{count / 1e6:,.0f}"
    return tr("badge_parameters", interface, millions=millions)


def _knows_words(reference: str, interface: Interface) -> str:
    """Return what a base model was taught, in words; nothing where nobody says."""
    entry = CATALOGUE.get(reference)
    knows = entry.knows if entry else ""
    facts = sum(map(len, atlas().facts.values())) if knows == "atlas" else 0
    return tr(f"knows_{knows}", interface, facts=f"{facts:,}") if knows else ""


@lru_cache(maxsize=64)
def parameters_of(reference: str) -> int:
    """Return how many parameters a checkpoint has; 0 where nothing says so."""
    try:
        place = resolve(reference)
        if place.package is not None:
            return place.package.parameters
        return inspect_folder(place.path).parameters if place.path else 0
    except XkdeError:
        return 0


def status_html(references: Sequence[str], interface: Interface) -> str:
    """Return the state of both models, a line each."""
    models = []
    for name in dict.fromkeys(references):
        status = POOL.status(name)
        words = phase_words(status, interface)
        if status.phase == "absent":
            words = f"{words} {plan_words(name, interface)}".strip()
        mark = MARKS.get(status.phase, "◌")
        models.append({"name": name, "phase": status.phase, "mark": mark,
                       "words": words})  # fmt: skip
    return render("edit_and_ask/models.html", interface, models=models)


def may_cancel(name: str, session: str) -> bool:
    """Tell whether a session may end a download: on a Space, who began it."""
    return not on_space() or began.get(name) == session


def render_panel(
    base: str, edited: str, interface: Interface, session: str = ""
) -> list[object]:
    """Return the panel's state for two references, as a session sees it."""
    names = [base, edited]
    phases = {name: POOL.status(name).phase for name in names}
    fetchable = [
        plan
        for name in names
        if phases[name] == "absent"
        and isinstance(plan := plans.get(name), hub.DownloadPlan)
        and plan.fits
        and plan.fits_memory
        and plan.allowed
        and may_download(name)
    ]
    size = hub.size_text(sum(plan.bytes - plan.bytes_here for plan in fetchable))
    return [
        badge_html(base, edited, interface),
        status_html(names, interface),
        gr.Timer(active=any(phase in UNDER_WAY for phase in phases.values())),
        gr.Button(visible="failed" in phases.values()),
        gr.Button(tr("download", interface, size=size), visible=bool(fetchable)),
        gr.Button(
            visible=any(
                phase == "downloading" and may_cancel(name, session)
                for name, phase in phases.items()
            )
        ),
    ]


def _plan(name: str) -> None:
    try:
        plans[name] = hub.plan(resolve(name))
    except XkdeError as error:
        plans[name] = error.notice


def _tick(base: str, edited: str, request: gr.Request) -> list[object]:
    session = str(request.session_hash)
    return render_panel(base, edited, interface_language(request), session)


def _choose(base: str, edited: str, request: gr.Request) -> list[object]:
    interface = interface_language(request)
    for name in (permitted(base, interface), permitted(edited, interface)):
        if POOL.start(name).phase == "absent":
            _plan(name)
    return _tick(base, edited, request)


def _download(base: str, edited: str, request: gr.Request) -> list[object]:
    interface = interface_language(request)
    for name in (permitted(base, interface), permitted(edited, interface)):
        plan = plans.get(name)
        is_absent = POOL.status(name).phase == "absent"
        if not (is_absent and isinstance(plan, hub.DownloadPlan)):
            continue
        # The button is not there; a request may still be sent.
        if not may_download(name) or not plan.fits_memory:
            raise gr.Error(tr("model_list_only", interface), print_exception=False)
        began[name] = str(request.session_hash)
        POOL.download(plan, name)
    return _tick(base, edited, request)


def _cancel(base: str, edited: str, request: gr.Request) -> list[object]:
    own = [
        name for name in (base, edited) if may_cancel(name, str(request.session_hash))
    ]
    for name in own:
        POOL.cancel(name)
        POOL.wait(name, 3.0)
    return _tick(base, edited, request)


def _choose_base(base: str, edited: str) -> str:
    """Return the base that an edited model was trained on, where that is known."""
    return base_for(edited) or base


def layout_badge() -> tuple[gr.HTML, gr.Button]:
    """Make the badge, and the button that opens the panel beneath it."""
    with gr.Row(elem_id="badge-row"):
        badge = gr.HTML(in_both(badge_html, BASE, EDITED), elem_id="badge")
        button = gr.Button(
            label("models"), size="sm", elem_classes="plain", scale=0,
            elem_id="choose-models",
        )  # fmt: skip
    button.click(None, js=OPEN_SCRIPT, api_visibility="private")
    return badge, button


def layout(badge: gr.HTML) -> ModelsPanel:
    """Make the panel's components."""
    free = not on_space()
    info = label("model_info" if free else "model_info_space")
    with gr.Row():
        dropdown = partial(
            gr.Dropdown, model_choices(), info=info, allow_custom_value=free
        )
        base = dropdown(value=BASE, label=label("model_base"))
        edited = dropdown(value=EDITED, label=label("model_edited"))
    status = gr.HTML(status_html([BASE, EDITED], "en"))
    with gr.Row(elem_classes="actions"):
        retry = gr.Button(label("retry"), visible=False, size="sm")
        download = gr.Button("", visible=False, size="sm", variant="primary")
        cancel = gr.Button(label("cancel"), visible=False, size="sm")
    return ModelsPanel(
        badge, base, edited, status, gr.Timer(1.0), retry, download, cancel
    )


def connect(panel: ModelsPanel) -> None:
    """Connect the panel's components with its handlers."""
    inputs, outputs = [panel.base, panel.edited], panel.outputs
    panel.edited.input(_choose_base, inputs, panel.base, **AT_ONCE)
    panel.timer.tick(_tick, inputs, outputs, **AT_ONCE)
    chosen = [panel.base.change, panel.edited.change, panel.retry.click]
    gr.on(chosen, _choose, inputs, outputs, **AT_ONCE)
    panel.download.click(_download, inputs, outputs, **AT_ONCE)
    panel.cancel.click(_cancel, inputs, outputs, **AT_ONCE)


IN_WORDS = ("none", "prompt")  # methods keep their names in every language


def offered_editors(base: str) -> list[str]:
    """Return the editors that a checkpoint can take, the default first."""
    try:
        folder = resolve(base or "").path
    except XkdeError:
        folder = None
    return [
        name
        for name, entry in EDITORS.items()
        if name != "none"
        and ("trained part" not in entry.needs or (folder and has_part(name, folder)))
    ]


def editor_choices(base: str) -> list[tuple[str | I18nData, str]]:
    """Return the dropdown's choices."""
    return [
        (
            label(f"editor_name_{name}") if name in IN_WORDS else EDITORS[name].label,
            name,
        )
        for name in offered_editors(base)
    ]


def editor_name(editor: str, interface: Interface) -> str:
    """Return an editor's name for people."""
    if editor in IN_WORDS:
        return tr(f"editor_name_{editor}", interface)
    return entry_of(editor).label


def layout_editors() -> gr.Dropdown:
    """Make the dropdown."""
    return gr.Dropdown(
        editor_choices(BASE),
        value=EDITOR,
        label=label("editor"),
        info=label(f"editor_says_{EDITOR}"),
        elem_id="editor",
    )


def render_editors(editor: str, base: str) -> gr.Dropdown:
    """Return the dropdown with what a base model can take, and the choice's sentence.

    A choice that it cannot take becomes the default.
    """
    editor = editor if editor in offered_editors(base) else EDITOR
    sentence = label(f"editor_says_{editor}")
    return gr.Dropdown(choices=editor_choices(base), value=editor, info=sentence)


def connect_editors(editor: gr.Dropdown, base: gr.Dropdown) -> None:
    """Keep choices and sentence as the base model and the choice are."""
    gr.on(
        [editor.input, base.change], render_editors, [editor, base], editor, **AT_ONCE
    )
