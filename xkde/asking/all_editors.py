"""Every editor on one edit: what each is asked, and how far each is.

Each editor has its own checkpoint (``model_of``); all have the same edit, the same
queries and the same questions that must stay as they are.
``temporary_edits.run_all_editors`` runs them. Imports no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from xkde.data.atlas.questions import Known, name, question
from xkde.data.atlas.records import World
from xkde.editors.registry import EDITORS, Need, entry_of, model_of
from xkde.editors.weights.contexts import find
from xkde.evaluation.scoring.verdict import Expected
from xkde.types import Edit, Generation, Query, Sampling

Phase = Literal["waiting", "unmet", "reading", "running", "done", "failed", "stopped"]
ENDED: tuple[Phase, ...] = ("unmet", "done", "failed", "stopped")
NEIGHBOURS = 8  # questions that an edit must leave alone
OF_THE_SUBJECT = 4  # of them at most: what else is true of it


@dataclass(frozen=True)
class AllEditorsTask:
    """One edit, what is asked after it, what must stay, and the two checkpoints."""

    edit: Edit
    queries: tuple[Query, ...]
    neighbours: tuple[Query, ...]
    base: str
    edited: str
    sampling: Sampling = Sampling()
    expected: tuple[Expected, ...] = ()  # in the order of the queries
    follows: bool | None = None  # should the answers, where only a person can tell


@dataclass(frozen=True)
class EditorRow:
    """What one editor has done so far; ``words`` say why it failed."""

    editor: str
    model: str
    phase: Phase = "waiting"
    answers: tuple[Generation, ...] = ()  # in the order of the queries
    changed: int = 0  # neighbours that are answered otherwise than without the edit
    asked: int = 0
    seconds: float = 0.0  # that the edit took
    peak_bytes: int = 0
    unmet: Need | None = None
    words: str = ""
    read: tuple[int, int] = (0, 0)  # tokens of the second moments, of how many
    is_reverted: bool = True


@dataclass(frozen=True)
class AllEditorsState:
    """What is asked of all editors, and how far each is."""

    task: AllEditorsTask
    rows: tuple[EditorRow, ...]

    def with_row(self, row: EditorRow) -> "AllEditorsState":
        """Return the state with one editor's row replaced."""
        rows = [row if row.editor == each.editor else each for each in self.rows]
        return replace(self, rows=tuple(rows))

    def stopped(self) -> "AllEditorsState":
        """Return the state with all that has not ended as stopped."""
        return replace(
            self,
            rows=tuple(
                row if row.phase in ENDED else replace(row, phase="stopped")
                for row in self.rows
            ),
        )

    @property
    def ended(self) -> int:
        """How many editors have ended."""
        return sum(row.phase in ENDED for row in self.rows)


def with_subject(
    world: World, edit: Edit, known: Known | None, typed: str = ""
) -> Edit:
    """Return the edit with its subject: as typed, else as Atlas knows it, else none.

    ``known`` is what Atlas recognises the edit as.
    """
    own = name(world, known.subject, edit.language) if known else ""
    candidates = [each for each in (typed.strip(), own) if each]
    found = [each for each in candidates if find(edit.question, each)]
    return replace(edit, subject=(found or [""])[0])


def neighbours(
    world: World,
    edit: Edit,
    known: Known | None,
    languages: Sequence[str],
    count: int = NEIGHBOURS,
) -> tuple[Query, ...]:
    """Return questions that the edit must leave alone, in its languages by turns.

    Other facts of its subject, and the same fact of others; capitals where Atlas does
    not know the edit.
    """
    subject, relation = (known.subject, known.relation) if known else ("", "capital")
    own = [other for other in world.facts.get(subject, {}) if other != relation]
    asked = [(subject, other) for other in own[:OF_THE_SUBJECT]]
    others = sorted(s for s in world.facts if relation in world.facts[s])
    others = [other for other in others if other != subject]
    left = count - len(asked)
    picked = [others[len(others) * (2 * i + 1) // (2 * left)] for i in range(left)]
    asked += [(other, relation) for other in picked]
    codes = tuple(dict.fromkeys((edit.language, *languages)))
    return tuple(
        Query(question(world, *each, codes[i % len(codes)]), codes[i % len(codes)])
        for i, each in enumerate(asked)
    )


def waiting_rows(task: AllEditorsTask) -> tuple[EditorRow, ...]:
    """Return a row for every editor, the bare model first, before any has run."""
    names = ("none", *(each for each in EDITORS if each != "none"))
    return tuple(_waiting_row(each, task) for each in names)


def _waiting_row(editor: str, task: AllEditorsTask) -> EditorRow:
    row = EditorRow(editor, model_of(editor, task.base, task.edited))
    if "subject" in entry_of(editor).needs and not task.edit.subject:
        return replace(row, phase="unmet", unmet="subject")
    return row
