"""Which editor answers in the edited pane: what is offered, and its sentence.

Offered is what the base checkpoint can take: a trained part is looked for by the
checkpoint's config alone, so nothing is loaded for it. "No edit" is the other pane.
"""

from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from pages.shell.links import EDITOR
from pages.shell.pool import BASE
from pages.shell.strings import Interface, label, tr
from xkde.checkpoints import resolve
from xkde.editors.registry import EDITORS, entry_of
from xkde.editors.settings import has_part
from xkde.errors import XkdeError

IN_WORDS = ("none", "prompt")  # methods keep their names in every language
QUIET: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "queue": False,
}


def offered(base: str) -> list[str]:
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


def choices(base: str) -> list[tuple[str | I18nData, str]]:
    """Return the dropdown's choices."""
    return [
        (
            label(f"editor_name_{name}") if name in IN_WORDS else EDITORS[name].label,
            name,
        )
        for name in offered(base)
    ]


def name_of(editor: str, interface: Interface) -> str:
    """Return an editor's name for people."""
    if editor in IN_WORDS:
        return tr(f"editor_name_{editor}", interface)
    return entry_of(editor).label


def layout() -> gr.Dropdown:
    """Make the dropdown."""
    return gr.Dropdown(
        choices(BASE),
        value=EDITOR,
        label=label("editor"),
        info=label(f"editor_says_{EDITOR}"),
        elem_id="editor",
    )


def render(editor: str, base: str) -> gr.Dropdown:
    """Return the dropdown with what a base model can take, and the choice's sentence.

    A choice that it cannot take becomes the default.
    """
    editor = editor if editor in offered(base) else EDITOR
    sentence = label(f"editor_says_{editor}")
    return gr.Dropdown(choices=choices(base), value=editor, info=sentence)


def connect(editor: gr.Dropdown, base: gr.Dropdown) -> None:
    """Keep choices and sentence as the base model and the choice are."""
    gr.on([editor.input, base.change], render, [editor, base], editor, **QUIET)
