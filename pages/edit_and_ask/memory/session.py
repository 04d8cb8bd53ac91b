"""A visitor's memory on the page: its edits, the page shown, the edit being changed.

Pure functions from one desk to the next; each session has its own. Knows no component.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/memory/test_page.py``
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xkde.asking.all_editors.tasks import with_subject
from xkde.data.atlas.world import atlas
from xkde.errors import InputError
from xkde.memory import edits as editing
from xkde.memory.conflicts import Conflict, conflicts
from xkde.memory.edits import EditMemory, Stored
from xkde.memory.files import write_edits
from xkde.types import Edit

PAGE = 20  # edits on one page of the table
MOST = 5_000  # edits in one memory


@dataclass(frozen=True)
class Desk:
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
    def shown(self) -> tuple[Stored, ...]:
        """The edits of the page that is shown."""
        first = (self.page - 1) * PAGE
        return self.memory.entries[first : first + PAGE]


def taken(desk: Desk, edit: Edit) -> Desk:
    """Return the desk with an edit added, or put in the place of the one changed."""
    edit = with_subject(atlas(), edit)
    if not desk.changing:
        return added(desk, [edit])
    before = stored(desk, desk.changing).edit
    edit = replace(edit, aliases=before.aliases if _is_same(before, edit) else ())
    return _after(desk, editing.change(desk.memory, desk.changing, edit))


def added(desk: Desk, edits: Sequence[Edit]) -> Desk:
    """Return the desk with edits at its end, the last page shown."""
    if len(desk.memory.entries) + len(edits) > MOST:
        raise InputError(
            "A memory on this page takes {most:,} edits. Drop some, or give fewer.",
            most=MOST,
        )
    done = _after(desk, editing.add(desk.memory, edits))
    return replace(done, page=done.pages)


def dropped(desk: Desk, numbers: Sequence[int]) -> Desk:
    """Return the desk without some edits."""
    return _after(desk, editing.drop(desk.memory, numbers))


def undone(desk: Desk) -> Desk:
    """Return the desk as it was before the last thing that was done to its edits."""
    return _after(desk, editing.undo(desk.memory))


def turned(desk: Desk, page: int) -> Desk:
    """Return the desk with another page shown."""
    return replace(desk, page=min(max(1, page), desk.pages))


def stored(desk: Desk, number: int) -> Stored:
    """Return an edit by its number; raises InputError where it is gone."""
    for each in desk.memory.entries:
        if each.number == number:
            return each
    raise InputError(
        "The memory has no edit number {n} any more. Choose another one.", n=number
    )


def written(desk: Desk, kind: str, folder: Path) -> str:
    """Write all edits as a file that a visitor can download; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=folder)) / f"edits.{kind}"
    write_edits(desk.memory.edits, path)
    return str(path)


def _after(desk: Desk, memory: EditMemory) -> Desk:
    found = conflicts(memory.entries, atlas())
    done = replace(desk, memory=memory, changing=0, conflicts=found)
    return turned(done, desk.page)


def _is_same(before: Edit, after: Edit) -> bool:
    return (before.answer, before.language) == (after.answer, after.language)
