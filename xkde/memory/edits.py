"""The edits of one session: add, change, drop, undo. Frozen records, pure functions.

Every edit keeps the number that it was added with, and no number is used twice. The
history records each step, so that the last one can be undone. Knows no model, no
retrieval and no file.

A conflict is two edits that state one fact differently. They state the same fact if
their questions are equal after normalisation, or if Atlas recognises the same fact in
both, in any wording and language. Their answers are equal if the texts are, or if Atlas
knows both as names of one entity. Answers in two languages that Atlas does not know
cannot be compared and are no conflict.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from xkde.data.atlas.questions import Known, understand
from xkde.data.atlas.records import World
from xkde.errors import InputError
from xkde.languages import language
from xkde.prompts import (
    EDIT,
    EDIT_QUESTION,
    HALF_CHARACTER,
    NEW_ANSWER,
    check_user_text,
)
from xkde.text import has_half_character, normalise
from xkde.types import Edit

Deed = Literal["add", "change", "drop"]

LONG_ANSWER = 200  # characters: more is a paragraph, which no editor takes well

# Warnings about edits that can be stored all the same
REMARKS: dict[str, str] = {
    "no_subject": "The edit names no subject: editors that need one take the "
    "question's last word, and names are looked for in the question itself.",
    "subject_not_in_question": "The subject does not stand in the question: editors "
    "that need its place take the question's last word.",
    "long_answer": "The answer is long: models are taught names, and may not repeat "
    "a paragraph.",
    "same_as_old": "The new answer is the old one: the edit changes nothing.",
}


@dataclass(frozen=True)
class Stored:
    """An edit with its number in the memory."""

    number: int
    edit: Edit


@dataclass(frozen=True)
class MemoryStep:
    """One step of the history: the entries that it removed and those that it added."""

    deed: Deed
    before: tuple[Stored, ...]
    after: tuple[Stored, ...]


@dataclass(frozen=True)
class EditMemory:
    """The edits of one session, ordered by number, and the steps that led there."""

    entries: tuple[Stored, ...] = ()
    history: tuple[MemoryStep, ...] = ()
    next_number: int = 1

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits alone, the oldest first."""
        return tuple(stored.edit for stored in self.entries)


def add(memory: EditMemory, edits: Iterable[Edit]) -> EditMemory:
    """Return the memory with edits at its end, as one step.

    Raises InputError, and stores none of them, if one cannot be stored.
    """
    checked = [check_edit(edit) for edit in edits]
    first = memory.next_number
    new = tuple(Stored(number, edit) for number, edit in enumerate(checked, first))
    if not new:
        return memory
    extended = _with(memory, MemoryStep("add", (), new))
    return replace(extended, next_number=first + len(new))


def change(memory: EditMemory, number: int, edit: Edit) -> EditMemory:
    """Return the memory with another edit under a number."""
    before = _stored(memory, number)
    after = Stored(number, check_edit(edit))
    return _with(memory, MemoryStep("change", (before,), (after,)))


def drop(memory: EditMemory, numbers: Iterable[int]) -> EditMemory:
    """Return the memory without the edits of some numbers, as one step."""
    gone = tuple(_stored(memory, number) for number in sorted(set(numbers)))
    return _with(memory, MemoryStep("drop", gone, ())) if gone else memory


def undo(memory: EditMemory) -> EditMemory:
    """Return the memory before its last step; raises InputError if there is none."""
    if not memory.history:
        raise InputError("There is nothing to undo: the memory is as it began.")
    last = memory.history[-1]
    entries = _exchanged(memory.entries, last.after, last.before)
    return replace(memory, entries=entries, history=memory.history[:-1])


def check_edit(edit: Edit) -> Edit:
    """Return an edit with trimmed fields; raises InputError for one that is unusable.

    MzsRE's language codes become ISO 639-1.
    """
    if any(map(has_half_character, (edit.subject, edit.old_answer, *edit.aliases))):
        raise InputError(HALF_CHARACTER, what=EDIT)
    return replace(
        edit,
        question=check_user_text(edit.question, EDIT_QUESTION),
        answer=check_user_text(edit.answer, NEW_ANSWER),
        language=language(edit.language).code,
        subject=" ".join(edit.subject.split()),
        old_answer=edit.old_answer.strip(),
        aliases=tuple(alias.strip() for alias in edit.aliases if alias.strip()),
    )


def remarks(edit: Edit) -> tuple[str, ...]:
    """Return the warnings that apply to an edit, keys of REMARKS."""
    answer, old = normalise(edit.answer), normalise(edit.old_answer)
    applies = {
        "no_subject": not edit.subject,
        "subject_not_in_question": normalise(edit.subject)
        not in normalise(edit.question),
        "long_answer": len(edit.answer) > LONG_ANSWER,
        "same_as_old": bool(old) and answer == old,
    }
    return tuple(key for key, does in applies.items() if does)


def _stored(memory: EditMemory, number: int) -> Stored:
    for stored in memory.entries:
        if stored.number == number:
            return stored
    raise InputError(
        f"The memory has no edit number {number}. It may have been dropped already."
    )


def _with(memory: EditMemory, step: MemoryStep) -> EditMemory:
    entries = _exchanged(memory.entries, step.before, step.after)
    return replace(memory, entries=entries, history=(*memory.history, step))


def _exchanged(
    entries: tuple[Stored, ...], gone: tuple[Stored, ...], new: tuple[Stored, ...]
) -> tuple[Stored, ...]:
    numbers = {stored.number for stored in gone}
    kept = [stored for stored in entries if stored.number not in numbers]
    return tuple(sorted([*kept, *new], key=lambda stored: stored.number))


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
