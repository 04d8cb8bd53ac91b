"""A visitor's memory: its edits, the page shown, the edit being changed, retrieval.

Pure functions from one state to the next; each session has its own. Queries are
compared by Atlas's encoder where its checkpoint is here, loaded when a memory is first
used; without one the letters of names alone are compared.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from xkde import paths
from xkde.asking.all_editors import with_subject
from xkde.checkpoints.weights import read_json
from xkde.data.atlas.questions import understand
from xkde.data.atlas.world import atlas
from xkde.errors import InputError
from xkde.memory import edits as editing
from xkde.memory.edits import Conflict, EditMemory, Stored, conflicts
from xkde.memory.files import write_edits
from xkde.memory.index import CachedEncoder, Encoder, NamesOnly, build_index
from xkde.memory.retrieval import Calibration, Recalled, calibration_of, recall
from xkde.types import Edit, Query

PAGE = 20  # edits on one page of the table
MOST = 5_000  # edits in one memory
ENCODER = "atlas-encoder"  # among the embedded checkpoints


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
    edit = with_subject(world, edit, understand(world, edit))
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


def encoder_folder() -> Path | None:
    """Return where the encoder lies, or None where there is none."""
    found = paths.checkpoints() / ENCODER
    return found if (found / "config.json").is_file() else None


def calibration() -> Calibration:
    """Return the threshold and weight that were measured to be good, or a guess."""
    folder = encoder_folder()
    card = folder / paths.CARD if folder else None
    return calibration_of(read_json(card) if card and card.is_file() else {})


def recalled(
    edits: Sequence[Edit], threshold: float, queries: Sequence[Query]
) -> tuple[Recalled, ...]:
    """Return the nearest edits for each query; raises XkdeError in words."""
    folder = encoder_folder()
    weight = calibration().weight if folder else 1.0
    index = build_index(tuple(edits), _encoder(folder))
    return recall(index, queries, threshold, weight)


@lru_cache(maxsize=1)
def _encoder(folder: Path | None) -> Encoder:
    if folder is None:
        return NamesOnly()
    from xkde.engines.encoder import load_encoder

    return CachedEncoder(load_encoder(folder))
