"""Every editor on one edit: what is to be done, and what became of each.

Each is asked of its own checkpoint (``model_of``); all with the same edit, the same
queries and the same questions that must stay as they are. ``run`` does it.
Knows no model, no page and no verdict; imports no torch.

Run its tests: ``python -m pytest tests/xkde/asking/all_editors/test_run.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.questions import name, question
from xkde.data.atlas.records import World
from xkde.editors.registry import EDITORS, Need, entry_of, model_of
from xkde.editors.weights.contexts import find
from xkde.types import Edit, Generation, Query, Sampling

Phase = Literal["waiting", "unmet", "reading", "running", "done", "failed", "stopped"]
ENDED: tuple[Phase, ...] = ("unmet", "done", "failed", "stopped")
NEIGHBOURS = 8  # questions that an edit must leave alone
OF_THE_SUBJECT = 4  # of them at most: what else is true of it


@dataclass(frozen=True)
class Task:
    """One edit, what is asked after it, what must stay, and the two checkpoints."""

    edit: Edit
    queries: tuple[Query, ...]
    neighbours: tuple[Query, ...]
    base: str
    edited: str
    sampling: Sampling = Sampling()


@dataclass(frozen=True)
class Tried:
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


def with_subject(world: World, edit: Edit, typed: str = "") -> Edit:
    """Return the edit with its subject: as typed, else as Atlas knows it, else none."""
    known = atlas_questions.understand(world, edit)
    own = name(world, known.subject, edit.language) if known else ""
    named = [each for each in (typed.strip(), own) if each]
    found = [each for each in named if find(edit.question, each)]
    return replace(edit, subject=(found or [""])[0])


def neighbours(
    world: World, edit: Edit, languages: Sequence[str], count: int = NEIGHBOURS
) -> tuple[Query, ...]:
    """Return questions that the edit must leave alone, in its languages by turns.

    Other facts of its subject, and the same fact of others; capitals where Atlas does
    not know the edit.
    """
    known = atlas_questions.understand(world, edit)
    subject, relation = (known.subject, known.relation) if known else ("", "capital")
    own = [other for other in world.facts.get(subject, {}) if other != relation]
    places = [(subject, other) for other in own[:OF_THE_SUBJECT]]
    others = sorted(s for s in world.facts if relation in world.facts[s])
    others = [other for other in others if other != subject]
    left = count - len(places)
    picked = [others[len(others) * (2 * i + 1) // (2 * left)] for i in range(left)]
    places += [(other, relation) for other in picked]
    codes = tuple(dict.fromkeys((edit.language, *languages)))
    return tuple(
        Query(question(world, *place, codes[i % len(codes)]), codes[i % len(codes)])
        for i, place in enumerate(places)
    )


def at_first(task: Task) -> tuple[Tried, ...]:
    """Return a row for every editor, the bare model first, before any has run."""
    names = ("none", *(each for each in EDITORS if each != "none"))
    return tuple(_at_first(each, task) for each in names)


def _at_first(editor: str, task: Task) -> Tried:
    row = Tried(editor, model_of(editor, task.base, task.edited))
    if "subject" in entry_of(editor).needs and not task.edit.subject:
        return replace(row, phase="unmet", unmet="subject")
    return row
