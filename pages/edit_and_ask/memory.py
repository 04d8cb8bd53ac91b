"""The edit memory in Edit & Ask: kept, read and written, and used for a question.

Every session has its own ``MemorySession`` in a State, and nobody else's. On a phone
every row of the table becomes a card.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from gradio.utils import get_upload_folder

from pages.edit_and_ask.form import (
    EDIT_FIELDS,
    STATED,
    form_of,
    inputs,
    values_of,
)
from pages.shell.components import AT_ONCE, QUIET, Components
from pages.shell.prefill import Prefilled, fill_in, understand
from pages.shell.strings import Interface, interface_language, label, shown_error, tr
from pages.shell.templates import render
from xkde import paths
from xkde.asking.all_editors import with_subject
from xkde.asking.session import AskState
from xkde.checkpoints import memory_encoder
from xkde.checkpoints.weights import read_json
from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.world import atlas
from xkde.errors import InputError, XkdeError
from xkde.languages import LANGUAGES
from xkde.memory import edits as editing
from xkde.memory.edits import Conflict, EditMemory, Stored, conflicts, remarks
from xkde.memory.files import BadRow, read_edits, write_edits
from xkde.memory.index import CachedEncoder, Encoder, NamesOnly, build_index
from xkde.memory.retrieval import (
    Calibration,
    Recalled,
    Retrieved,
    calibration_of,
    recall,
)
from xkde.types import Edit, Query

PAGE = 20  # edits on one page of the table
MOST = 5_000  # edits in one memory


@dataclass(frozen=True)
class MemorySession:
    """What one session has; ``changing`` is an edit's number, 0 for none."""

    memory: EditMemory = EditMemory()
    page: int = 1
    changing: int = 0
    conflicts: tuple[Conflict, ...] = ()

    @property
    def pages(self) -> int:
        """How many pages the table has."""
        return max(1, -(-len(self.memory.entries) // PAGE))

    @property
    def rows(self) -> tuple[Stored, ...]:
        """The edits of the page that is shown."""
        first = (self.page - 1) * PAGE
        return self.memory.entries[first : first + PAGE]


def with_edit(session: MemorySession, edit: Edit) -> MemorySession:
    """Return it with an edit added, or put in the place of the one being changed."""
    world = atlas()
    edit = with_subject(world, edit, atlas_questions.understand(world, edit))
    if not session.changing:
        return with_edits(session, [edit])
    before = stored(session, session.changing).edit
    is_same = (before.answer, before.language) == (edit.answer, edit.language)
    edit = replace(edit, aliases=before.aliases if is_same else ())
    return _after(session, editing.change(session.memory, session.changing, edit))


def with_edits(session: MemorySession, edits: Sequence[Edit]) -> MemorySession:
    """Return it with edits at its end, the last page shown."""
    if len(session.memory.entries) + len(edits) > MOST:
        raise InputError(
            "A memory on this page takes {most:,} edits. Drop some, or give fewer.",
            most=MOST,
        )
    after = _after(session, editing.add(session.memory, edits))
    return replace(after, page=after.pages)


def without(session: MemorySession, numbers: Sequence[int]) -> MemorySession:
    """Return it without some edits."""
    return _after(session, editing.drop(session.memory, numbers))


def undone(session: MemorySession) -> MemorySession:
    """Return it as it was before the last change of its edits."""
    return _after(session, editing.undo(session.memory))


def on_page(session: MemorySession, page: int) -> MemorySession:
    """Return it with another page shown."""
    return replace(session, page=min(max(1, page), session.pages))


def stored(session: MemorySession, number: int) -> Stored:
    """Return an edit by its number; raises InputError where it is gone."""
    for each in session.memory.entries:
        if each.number == number:
            return each
    raise InputError(
        "The memory has no edit number {n} any more. Choose another one.", n=number
    )


def written(session: MemorySession, kind: str, folder: Path) -> str:
    """Write all edits as a file that a visitor can download; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=folder)) / f"edits.{kind}"
    write_edits(session.memory.edits, path)
    return str(path)


def _after(session: MemorySession, memory: EditMemory) -> MemorySession:
    found = conflicts(memory.entries, atlas())
    after = replace(session, memory=memory, changing=0, conflicts=found)
    return on_page(after, session.page)


def calibration() -> Calibration:
    """Return the threshold and weight that were measured to be good, or a guess."""
    folder = memory_encoder()
    card = folder / paths.CARD if folder else None
    return calibration_of(read_json(card) if card and card.is_file() else {})


def recalled(
    edits: Sequence[Edit], threshold: float, queries: Sequence[Query]
) -> tuple[Recalled, ...]:
    """Return the nearest edits for each query; raises XkdeError in words."""
    folder = memory_encoder()
    measured = calibration() if folder else Calibration(weight=1.0)
    # Whoever lowers it wants more to be stated. A slider and a link round it.
    if round(threshold, 2) < round(measured.threshold, 2):
        measured = replace(measured, outlier=0.0)
    index = build_index(tuple(edits), _encoder(folder))
    return recall(index, queries, replace(measured, threshold=threshold))


@lru_cache(maxsize=1)
def _encoder(folder: Path | None) -> Encoder:
    if folder is None:
        return NamesOnly()
    from xkde.engines.encoder import load_encoder

    return CachedEncoder(load_encoder(folder))


Result = TypeVar("Result")
MEMORY_OUTPUTS = 11  # components that ``render_session`` updates
HIGHEST = 1.5  # score: a cosine and a share of the names'
TYPES = [".jsonl", ".json", ".csv", ".tsv", ".txt"]
FEW = 12  # conflicts or bad rows that are listed; the others are counted
REMARKS = ("long_answer", "same_as_old")  # those that are worth a word in the table
# Tells Python which button of the table was pressed.
SCRIPT = """
element.addEventListener("click", (event) => {
  const pressed = event.target.closest("button[data-deed]");
  if (pressed)
    trigger("pressed", { deed: pressed.dataset.deed, at: Number(pressed.dataset.at) });
});
"""


@dataclass(frozen=True)
class MemoryPanel:
    """The components of the fold-out."""

    session: gr.State
    add: gr.Button
    leave: gr.Button
    undo: gr.Button
    upload: gr.UploadButton
    exports: dict[str, gr.Button]
    status: gr.HTML
    table: gr.HTML
    file: gr.File
    using: gr.Row
    uses: gr.Checkbox
    threshold: gr.Slider
    recalled: gr.HTML

    @property
    def outputs(self) -> list[Block]:
        """What ``render_session`` returns updates of."""
        return [
            self.session, self.table, self.status, self.add, self.leave, self.undo,
            *self.exports.values(), self.file, self.using, self.uses,
        ]  # fmt: skip

    @property
    def asked_with(self) -> list[Component]:
        """What a question is asked with."""
        return [self.session, self.uses, self.threshold]


def layout() -> MemoryPanel:
    """Make the fold-out's components."""
    with gr.Accordion(label("memory_title"), open=False, elem_id="memory"):
        gr.HTML(render("shell/paragraph.html", kind="hint", key="memory_lead", mark=""))
        with gr.Row(elem_classes="actions"):
            add = _button("memory_add", "add", plain=False)
            leave = _button("memory_leave", "leave", visible=False)
            upload = gr.UploadButton(
                label("memory_import"),  # type: ignore[arg-type]
                file_types=TYPES, size="sm", scale=0, elem_classes="plain",
                elem_id="memory-import",
            )  # fmt: skip
            undo = _button("memory_undo", "undo", visible=False)
            exports = {
                kind: _button(f"memory_{kind}", kind, visible=False)
                for kind in ("jsonl", "csv")
            }
        status = gr.HTML("", elem_id="memory-status")
        empty = render("shell/paragraph.html", kind="hint", key="memory_empty", mark="")
        table = gr.HTML(empty, js_on_load=SCRIPT, elem_id="memory-table")
        file = gr.File(visible=False, label=label("memory_file"))
        with gr.Row(visible=False, elem_id="memory-use") as using:
            uses = gr.Checkbox(
                False, label=label("memory_uses"), info=label("memory_uses_info"),
                min_width=280,
            )  # fmt: skip
            measured = calibration()
            kind = "outlier" if measured.outlier else "dense"
            kind = kind if memory_encoder() is not None else "names"
            threshold = gr.Slider(
                0, HIGHEST, value=measured.threshold, step=0.01,
                label=label("memory_threshold"), info=label(f"memory_{kind}_info"),
                min_width=280,
            )  # fmt: skip
        recalled = gr.HTML("", elem_id="memory-found")
    return MemoryPanel(
        gr.State(MemorySession()), add, leave, undo, upload, exports, status, table,
        file, using, uses, threshold, recalled,
    )  # fmt: skip


def _button(
    key: str, name: str, *, visible: bool = True, plain: bool = True
) -> gr.Button:
    return gr.Button(
        label(key), size="sm", scale=0, min_width=120, visible=visible,
        elem_id=f"memory-{name}", elem_classes="plain" if plain else "deed",
    )  # fmt: skip


def connect(panel: MemoryPanel, fields: Components, prefilled: gr.State) -> None:
    """Connect the fold-out with the form."""
    session, outputs, form = panel.session, panel.outputs, inputs(fields)
    panel.add.click(keep, [session, prefilled, *form], outputs, **AT_ONCE)
    panel.leave.click(keep_as_it_was, session, outputs, **AT_ONCE)
    panel.undo.click(undo, session, outputs, **AT_ONCE)
    panel.upload.upload(
        read,
        [session, panel.upload, fields["language"]],
        outputs,
        **QUIET,
    )
    for kind, button in panel.exports.items():
        button.click(partial(write, kind), session, panel.file, **AT_ONCE)
    stated = [fields[name] for name in STATED]
    panel.table.pressed(  # the script's event
        pressed, [session, prefilled, *form], [*outputs, prefilled, *stated], **AT_ONCE
    )


def render_session(
    session: MemorySession,
    interface: Interface,
    words: str = "",
    bad: tuple[BadRow, ...] = (),
) -> list[object]:
    """Return the updates that show a memory, and what was just done to it."""
    has_edits, number = bool(session.memory.entries), session.changing
    add = tr("memory_replace", interface, n=number) if number else label("memory_add")
    return [
        session,
        table_html(session, interface),
        status_html(words, bad, interface),
        gr.Button(add),
        gr.Button(visible=bool(number)),
        gr.Button(visible=bool(session.memory.history)),
        *[gr.Button(visible=has_edits)] * 2,
        gr.File(visible=False),
        gr.Row(visible=has_edits),
        gr.skip() if has_edits else False,
    ]  # fmt: skip


def status_html(words: str, bad: tuple[BadRow, ...], interface: Interface) -> str:
    """Return what was just done, and which rows of a file were left out, and why."""
    rows = [
        tr("memory_bad_row", interface, line=row.line, row=row.content,
           why=_why(row, interface))
        for row in bad[:FEW]
    ]  # fmt: skip
    return render("edit_and_ask/memory_status.html", interface, words=words, bad=rows,
                  n_bad=len(bad))  # fmt: skip


def table_html(session: MemorySession, interface: Interface) -> str:
    """Return the memory's table with its pages and its conflicts."""
    rows = [
        (each, [key for key in remarks(each.edit) if key in REMARKS])
        for each in session.rows
    ]
    few = session.conflicts[:FEW]
    return render(
        "edit_and_ask/memory_table.html",
        interface,
        session=session,
        rows=rows,
        conflicts=few,
        more=len(session.conflicts) - len(few),
        languages=LANGUAGES,
    )


def _why(row: BadRow, interface: Interface) -> str:
    """Return the reason and what to do; an edit's own fault keeps its words."""
    if row.reason == "unusable":
        return f"{row.why}. {row.remedy}".strip()
    return tr(f"bad_{row.reason}", interface)


def recalled_html(state: AskState | None, interface: Interface) -> str:
    """Return which edits the memory found for each query, and which were stated."""
    if state is None or not state.recalled:
        return ""
    return render(
        "edit_and_ask/recalled.html",
        interface,
        pairs=list(zip(state.queries, state.recalled, strict=True)),
        outcome=_outcome,
        languages=LANGUAGES,
    )


def _outcome(each: Retrieved, found: Recalled) -> str:
    """Return what became of a retrieved edit: a key of the strings."""
    if each in found.passed:
        return "stated"
    return "too_many" if each.score >= found.threshold else "below"


def keep(
    session: MemorySession, prefilled: Prefilled, request: gr.Request, *values: object
) -> list[object]:
    """Add the form's edit, or put it in the place of the one that is changed."""
    interface = interface_language(request)
    form = form_of(values)
    form, _ = fill_in(form, prefilled, understand(form))
    number = session.changing
    session = _safely(interface, lambda: with_edit(session, form.edit))
    if number:
        words = tr("memory_changed", interface, n=number)
    else:
        last = session.memory.entries[-1].number
        words = tr("memory_added", interface, n=last)
    return render_session(session, interface, words)


def keep_as_it_was(session: MemorySession, request: gr.Request) -> list[object]:
    """Change nothing after all."""
    return render_session(replace(session, changing=0), interface_language(request))


def undo(session: MemorySession, request: gr.Request) -> list[object]:
    """Take the last step back."""
    interface = interface_language(request)
    session = _safely(interface, lambda: undone(session))
    return render_session(session, interface, tr("memory_undone", interface))


def read(
    session: MemorySession, path: str, code: str, request: gr.Request
) -> list[object]:
    """Add a file's edits; rows without a language are in the form's."""
    interface = interface_language(request)
    found = _safely(interface, lambda: read_edits(Path(path), code))
    session = _safely(interface, lambda: with_edits(session, found.edits))
    words = tr("memory_read", interface, n=len(found.edits), bad=len(found.bad))
    return render_session(session, interface, words, found.bad)


def write(kind: str, session: MemorySession) -> gr.File:
    """Offer all edits as a file."""
    return gr.File(written(session, kind, Path(get_upload_folder())), visible=True)


def pressed(
    session: MemorySession,
    prefilled: Prefilled,
    event: gr.EventData,
    request: gr.Request,
    *values: object,
) -> list[object]:
    """Do what a button of the table says: change, drop, or another page."""
    interface, number = interface_language(request), int(event.at)
    form_stays = [gr.skip()] * (1 + len(STATED))
    if event.deed == "page":
        return [*render_session(on_page(session, number), interface), *form_stays]
    if event.deed == "drop":
        session = _safely(interface, lambda: without(session, [number]))
        words = tr("memory_dropped", interface, n=number)
        return [*render_session(session, interface, words), *form_stays]
    edit = _safely(interface, lambda: stored(session, number)).edit
    changes = {name: getattr(edit, name) for name in EDIT_FIELDS}
    form = replace(form_of(values), **changes)
    form, prefilled = fill_in(form, prefilled, understand(form))
    words = tr("memory_changing", interface, n=number)
    shown = render_session(replace(session, changing=number), interface, words)
    return [*shown, prefilled, *values_of(form, STATED)]


def render_recalled(state: AskState | None, request: gr.Request) -> str:
    """Show what the memory had for the last question."""
    return recalled_html(state, interface_language(request))


def _safely(interface: Interface, act: Callable[[], Result]) -> Result:
    try:
        return act()
    except XkdeError as error:
        raise shown_error(error, interface) from error
