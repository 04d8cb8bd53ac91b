"""Edits that do not go together: one fact with two answers, in one language or two.

Two edits state the same fact where their questions are the same after normalisation,
or where Atlas reads both questions back to the same fact, in whatever wordings and
languages. Two answers are the same where their texts are, or where Atlas knows both as
names of one entity. Of answers in two languages that Atlas does not know nobody can
tell, and nothing is said.

Run its tests: ``python -m pytest tests/xkde/memory/test_conflicts.py``
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from xkde.data.atlas.questions import Known, understand
from xkde.data.atlas.records import World
from xkde.memory.edits import Stored
from xkde.text import normalise
from xkde.types import Edit

# What is wrong with two edits, in words
KINDS: dict[str, str] = {
    "two_answers": "The same question has two answers. The later edit is stated last.",
    "two_languages": "Two languages disagree about the same fact.",
    "repeated": "The same fact is stated twice with the same answer.",
}


@dataclass(frozen=True)
class Conflict:
    """Two edits, the older first, and what is wrong; ``kind`` is a key of KINDS."""

    kind: str
    first: Stored
    second: Stored


@dataclass(frozen=True)
class _Read:
    stored: Stored
    known: Known | None


def conflicts(
    entries: Sequence[Stored], world: World | None = None
) -> tuple[Conflict, ...]:
    """Return conflicts, each edit with the earlier ones of its fact.

    Without a world, only questions that are the same are compared.
    """
    facts: dict[Hashable, list[_Read]] = {}
    found: list[Conflict] = []
    for stored in entries:
        known = understand(world, stored.edit) if world else None
        read = _Read(stored, known)
        earlier = facts.setdefault(_fact(stored.edit, known), [])
        for other in _one_of_each_answer(earlier):
            kind = _kind(other, read)
            if kind:
                found.append(Conflict(kind, other.stored, stored))
        earlier.append(read)
    return tuple(found)


def _fact(edit: Edit, known: Known | None) -> Hashable:
    """Return what two edits of the same fact share."""
    if known:
        return known.subject, known.relation
    return normalise(edit.question)


def _one_of_each_answer(reads: Sequence[_Read]) -> list[_Read]:
    """Return the last edit of each answer: a fact stated often is compared once each.

    Otherwise a thousand edits of one fact would make half a million conflicts.
    """
    last = {
        (read.stored.edit.language, normalise(read.stored.edit.answer)): read
        for read in reads
    }
    return sorted(last.values(), key=lambda read: read.stored.number)


def _kind(one: _Read, other: _Read) -> str:
    a, b = one.stored.edit, other.stored.edit
    if _answers(a) & _answers(b):
        return "repeated" if a.language == b.language else ""
    targets = [read.known.target if read.known else None for read in (one, other)]
    if all(targets):
        if targets[0] == targets[1]:
            return "repeated" if a.language == b.language else ""
        return "two_answers" if a.language == b.language else "two_languages"
    return "two_answers" if a.language == b.language else ""


def _answers(edit: Edit) -> set[str]:
    return {normalise(text) for text in (edit.answer, *edit.aliases)}
