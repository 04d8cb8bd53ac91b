"""The edit memory in Edit & Ask: kept, read and written, and used for a question.

Every session has its own desk (``session``) in a State, and nobody else's. Words
and HTML are in ``html``, what a question finds in ``retrieval``.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/memory/test_page.py``
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gradio.utils import get_upload_folder

from pages.edit_and_ask.form import Auto, filled, form_of
from pages.edit_and_ask.memory import retrieval
from pages.edit_and_ask.memory.html import SCRIPT, bad_html, found_html, table_html
from pages.edit_and_ask.memory.session import (
    Desk,
    added,
    dropped,
    stored,
    taken,
    turned,
    undone,
    written,
)
from pages.shell.errors import shown_error
from pages.shell.links import Form
from pages.shell.strings import Interface, both, interface_language, label, tr
from xkde.asking.session import Asked
from xkde.errors import XkdeError
from xkde.memory.files import BadRow, read_edits

Result = TypeVar("Result")
HIGHEST = 1.5  # score: a cosine and a share of the names'
TYPES = [".jsonl", ".json", ".csv", ".tsv", ".txt"]
QUIET: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "queue": False,
}


@dataclass(frozen=True)
class Panel:
    """The components of the fold-out."""

    desk: gr.State
    add: gr.Button
    leave: gr.Button
    undo: gr.Button
    upload: gr.UploadButton
    exports: dict[str, gr.Button]
    told: gr.HTML
    table: gr.HTML
    file: gr.File
    using: gr.Row
    uses: gr.Checkbox
    threshold: gr.Slider
    found: gr.HTML

    @property
    def shown(self) -> list[Any]:
        """What shows a desk."""
        return [
            self.desk, self.table, self.told, self.add, self.leave, self.undo,
            *self.exports.values(), self.file, self.using, self.uses,
        ]  # fmt: skip

    @property
    def asked_with(self) -> list[Any]:
        """What a question is asked with."""
        return [self.desk, self.uses, self.threshold]


def build() -> Panel:
    """Make the fold-out's components."""
    with gr.Accordion(label("memory_title"), open=False, elem_id="memory"):
        gr.HTML(f'<p class="hint">{both("memory_lead")}</p>')
        with gr.Row(elem_classes="actions"):
            add = _button("memory_add", "add", plain=False)
            leave = _button("memory_leave", "leave", visible=False)
            upload = gr.UploadButton(
                label("memory_import"), file_types=TYPES, size="sm", scale=0,
                elem_classes="plain", elem_id="memory-import",
            )  # fmt: skip
            undo = _button("memory_undo", "undo", visible=False)
            exports = {
                kind: _button(f"memory_{kind}", kind, visible=False)
                for kind in ("jsonl", "csv")
            }
        told = gr.HTML("", elem_id="memory-told")
        table = gr.HTML(
            f'<p class="hint">{both("memory_empty")}</p>', js_on_load=SCRIPT,
            elem_id="memory-table",
        )  # fmt: skip
        file = gr.File(visible=False, label=label("memory_file"))
        with gr.Row(visible=False, elem_id="memory-use") as using:
            uses = gr.Checkbox(
                False, label=label("memory_uses"), info=label("memory_uses_info"),
                min_width=280,
            )  # fmt: skip
            has_encoder = retrieval.folder() is not None
            threshold = gr.Slider(
                0, HIGHEST, value=retrieval.threshold(), step=0.01,
                label=label("memory_threshold"),
                info=label(f"memory_{'dense' if has_encoder else 'names'}_info"),
                min_width=280,
            )  # fmt: skip
        found = gr.HTML("", elem_id="memory-found")
    return Panel(
        gr.State(Desk()), add, leave, undo, upload, exports, told, table, file, using,
        uses, threshold, found,
    )  # fmt: skip


def _button(
    key: str, name: str, *, visible: bool = True, plain: bool = True
) -> gr.Button:
    return gr.Button(
        label(key), size="sm", scale=0, min_width=120, visible=visible,
        elem_id=f"memory-{name}", elem_classes="plain" if plain else "deed",
    )  # fmt: skip


def wire(panel: Panel, fields: list[Any], auto: gr.State) -> None:
    """Connect the fold-out with the form."""
    desk, outputs = panel.desk, panel.shown
    panel.add.click(keep, [desk, auto, *fields], outputs, **QUIET)
    panel.leave.click(let_be, desk, outputs, **QUIET)
    panel.undo.click(undo, desk, outputs, **QUIET)
    panel.upload.upload(
        read, [desk, panel.upload, fields[0]], outputs, **QUIET | {"queue": True}
    )
    for kind, button in panel.exports.items():
        button.click(_writing(kind), desk, panel.file, **QUIET)
    panel.table.pressed(  # type: ignore[attr-defined]  # the script's event
        pressed,
        [desk, auto, *fields],
        [*outputs, auto, *fields[:7]],
        **QUIET,
    )


def shown(
    desk: Desk, say: Interface, words: str = "", bad: tuple[BadRow, ...] = ()
) -> list[Any]:
    """Return the updates that show a desk, and what was just done to it."""
    some, n = bool(desk.memory.entries), len(desk.memory.entries)
    key = "memory_replace" if desk.changing else "memory_add"
    told = f'<p class="status" role="status">{words}</p>' if words else ""
    exports = [gr.Button(visible=some)] * 2
    return [
        desk,
        table_html(desk, say),
        told + bad_html(bad, say),
        gr.Button(tr(key, say, n=desk.changing) if desk.changing else label(key)),
        gr.Button(visible=bool(desk.changing)),
        gr.Button(visible=bool(desk.memory.history)),
        *exports,
        gr.File(visible=False),
        gr.Row(visible=some),
        gr.skip() if n else False,
    ]


def keep(desk: Desk, auto: Auto, request: gr.Request, *values: Any) -> list[Any]:
    """Add the form's edit, or put it in the place of the one that is changed."""
    say = interface_language(request)
    form, _ = filled(form_of(list(values)), auto)
    number = desk.changing
    desk = _safely(say, lambda: taken(desk, form.edit))
    if number:
        return shown(desk, say, tr("memory_changed", say, n=number))
    last = desk.memory.entries[-1].number
    return shown(desk, say, tr("memory_added", say, n=last))


def let_be(desk: Desk, request: gr.Request) -> list[Any]:
    """Change nothing after all."""
    return shown(replace(desk, changing=0), interface_language(request))


def undo(desk: Desk, request: gr.Request) -> list[Any]:
    """Take the last step back."""
    say = interface_language(request)
    return shown(_safely(say, lambda: undone(desk)), say, tr("memory_undone", say))


def read(desk: Desk, path: str, code: str, request: gr.Request) -> list[Any]:
    """Add a file's edits; rows without a language are in the form's."""
    say = interface_language(request)
    found = _safely(say, lambda: read_edits(Path(path), code))
    desk = _safely(say, lambda: added(desk, found.edits))
    words = tr("memory_read", say, n=len(found.edits), bad=len(found.bad))
    return shown(desk, say, words, found.bad)


def _writing(kind: str) -> Callable[[Desk], Any]:
    def write(desk: Desk) -> Any:
        path = written(desk, kind, Path(get_upload_folder()))
        return gr.File(path, visible=True)

    return write


def pressed(
    desk: Desk, auto: Auto, event: gr.EventData, request: gr.Request, *values: Any
) -> list[Any]:
    """Turn the page, drop an edit, or put it into the form to be changed."""
    say, at = interface_language(request), int(event.at)
    rest: list[Any] = [gr.skip()] * 8
    if event.deed == "page":
        return [*shown(turned(desk, at), say), *rest]
    if event.deed == "drop":
        words = tr("memory_dropped", say, n=at)
        return [*shown(_safely(say, lambda: dropped(desk, [at])), say, words), *rest]
    edit = _safely(say, lambda: stored(desk, at)).edit
    form = replace(
        form_of(list(values)),
        language=edit.language,
        question=edit.question,
        answer=edit.answer,
        old_answer=edit.old_answer,
    )
    form, auto = filled(form, auto)
    desk = replace(desk, changing=at)
    words = tr("memory_changing", say, n=at)
    return [*shown(desk, say, words), auto, *_values(form)]


def _values(form: Form) -> list[Any]:
    return [
        form.language, form.question, form.answer, form.old_answer,
        list(form.languages), form.kind, form.query,
    ]  # fmt: skip


def recalled(asked: Asked | None, request: gr.Request) -> str:
    """Show what the memory had for the last question."""
    return found_html(asked, interface_language(request))


def _safely(say: Interface, act: Callable[[], Result]) -> Result:
    try:
        return act()
    except XkdeError as error:
        raise shown_error(error, say) from error
