"""Conflicts: two edits that state one fact differently, in one language or two.

Two edits state the same fact if their questions are equal after normalisation, or if
Atlas recognises the same fact in both, in any wording and language. Two answers are
equal if their texts are, or if Atlas knows both as names of one entity. Answers in two
languages that Atlas does not know cannot be compared and are no conflict.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from xkde.data.atlas.questions import Known, understand
from xkde.data.atlas.records import World
from xkde.memory.edits import Stored
from xkde.text import normalise
from xkde.types import Edit

KINDS: dict[str, str] = {
    "two_answers": "The same question has two answers. The later edit is stated last.",
    "two_languages": "Two languages disagree about the same fact.",
    "repeated": "The same fact is stated twice with the same answer.",
}


@dataclass(frozen=True)
class Conflict:
    """Two edits, the older first; ``kind`` is a key of KINDS."""

    kind: str
    first: Stored
    second: Stored


@dataclass(frozen=True)
class _Recognised:
    stored: Stored
    fact: Known | None  # as Atlas recognises it


def conflicts(
    entries: Sequence[Stored], world: World | None = None
) -> tuple[Conflict, ...]:
    """Return the conflicts of each edit with the earlier ones of its fact.

    Without a world, only equal questions are compared.
    """
    by_fact: dict[Hashable, list[_Recognised]] = {}
    result: list[Conflict] = []
    for stored in entries:
        fact = understand(world, stored.edit) if world else None
        later = _Recognised(stored, fact)
        earlier = by_fact.setdefault(_key(stored.edit, fact), [])
        for other in _last_of_each_answer(earlier):
            kind = _kind(other, later)
            if kind:
                result.append(Conflict(kind, other.stored, stored))
        earlier.append(later)
    return tuple(result)


def _key(edit: Edit, fact: Known | None) -> Hashable:
    """Return a key that edits of the same fact share."""
    if fact:
        return fact.subject, fact.relation
    return normalise(edit.question)


def _last_of_each_answer(edits: Sequence[_Recognised]) -> list[_Recognised]:
    """Return the last edit of each answer.

    A thousand edits of one fact would else make half a million conflicts.
    """
    last = {
        (each.stored.edit.language, normalise(each.stored.edit.answer)): each
        for each in edits
    }
    return sorted(last.values(), key=lambda each: each.stored.number)


def _kind(one: _Recognised, other: _Recognised) -> str:
    a, b = one.stored.edit, other.stored.edit
    if _answers(a) & _answers(b):
        return "repeated" if a.language == b.language else ""
    targets = [each.fact.target if each.fact else None for each in (one, other)]
    if all(targets):
        if targets[0] == targets[1]:
            return "repeated" if a.language == b.language else ""
        return "two_answers" if a.language == b.language else "two_languages"
    return "two_answers" if a.language == b.language else ""


def _answers(edit: Edit) -> set[str]:
    return {normalise(text) for text in (edit.answer, *edit.aliases)}
