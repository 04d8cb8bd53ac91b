"""A session's edits: add, change, drop, undo. Frozen records and pure functions.

Every edit keeps the number that it was added with; no number is given twice. What was
done is remembered as steps, so that the last one can be taken back. Knows no model, no
retrieval and no file.

Run its tests: ``python -m pytest tests/xkde/memory/test_edits.py``
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from xkde.errors import InputError
from xkde.languages import language
from xkde.prompts import EDIT_QUESTION, NEW_ANSWER, check_user_text
from xkde.text import normalise
from xkde.types import Edit

Deed = Literal["add", "change", "drop"]

LONG_ANSWER = 200  # characters: more is a paragraph, which no editor takes well

# What may be said about an edit that can be stored all the same
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
    """An edit with the number that it keeps."""

    number: int
    edit: Edit


@dataclass(frozen=True)
class Step:
    """One thing that was done: what it took away, and what it put there."""

    deed: Deed
    before: tuple[Stored, ...]
    after: tuple[Stored, ...]


@dataclass(frozen=True)
class Memory:
    """The edits of one session, by number, and how they came to be so."""

    entries: tuple[Stored, ...] = ()
    history: tuple[Step, ...] = ()
    next_number: int = 1

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits alone, the oldest first."""
        return tuple(stored.edit for stored in self.entries)


def add(memory: Memory, edits: Iterable[Edit]) -> Memory:
    """Return the memory with edits at its end, as one step.

    Raises InputError for an edit that cannot be stored; then none is.
    """
    checked = [check_edit(edit) for edit in edits]
    first = memory.next_number
    new = tuple(Stored(number, edit) for number, edit in enumerate(checked, first))
    if not new:
        return memory
    done = _with(memory, Step("add", (), new))
    return replace(done, next_number=first + len(new))


def change(memory: Memory, number: int, edit: Edit) -> Memory:
    """Return the memory with another edit under a number."""
    before = _stored(memory, number)
    after = Stored(number, check_edit(edit))
    return _with(memory, Step("change", (before,), (after,)))


def drop(memory: Memory, numbers: Iterable[int]) -> Memory:
    """Return the memory without some edits, as one step."""
    gone = tuple(_stored(memory, number) for number in sorted(set(numbers)))
    return _with(memory, Step("drop", gone, ())) if gone else memory


def undo(memory: Memory) -> Memory:
    """Return the memory as it was before its last step; raises where there is none."""
    if not memory.history:
        raise InputError("There is nothing to undo: the memory is as it began.")
    last = memory.history[-1]
    entries = _exchanged(memory.entries, last.after, last.before)
    return replace(memory, entries=entries, history=memory.history[:-1])


def check_edit(edit: Edit) -> Edit:
    """Return an edit without spare spaces, or raise InputError that says what to do.

    A language may be given by MzsRE's own code.
    """
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
    """Return what to say about an edit, keys of REMARKS."""
    answer, old = normalise(edit.answer), normalise(edit.old_answer)
    said = {
        "no_subject": not edit.subject,
        "subject_not_in_question": normalise(edit.subject)
        not in normalise(edit.question),
        "long_answer": len(edit.answer) > LONG_ANSWER,
        "same_as_old": bool(old) and answer == old,
    }
    return tuple(key for key, is_so in said.items() if is_so)


def _stored(memory: Memory, number: int) -> Stored:
    for stored in memory.entries:
        if stored.number == number:
            return stored
    raise InputError(
        f"The memory has no edit number {number}. It may have been dropped already."
    )


def _with(memory: Memory, step: Step) -> Memory:
    entries = _exchanged(memory.entries, step.before, step.after)
    return replace(memory, entries=entries, history=(*memory.history, step))


def _exchanged(
    entries: tuple[Stored, ...], gone: tuple[Stored, ...], new: tuple[Stored, ...]
) -> tuple[Stored, ...]:
    numbers = {stored.number for stored in gone}
    kept = [stored for stored in entries if stored.number not in numbers]
    return tuple(sorted([*kept, *new], key=lambda stored: stored.number))
