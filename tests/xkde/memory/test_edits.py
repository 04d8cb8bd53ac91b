"""A session's edits: every step can be taken back, numbers are given once."""

import random
from dataclasses import replace
from typing import Any

import pytest

from xkde.errors import InputError
from xkde.memory.edits import (
    LONG_ANSWER,
    REMARKS,
    EditMemory,
    add,
    change,
    check_edit,
    drop,
    remarks,
    undo,
)
from xkde.types import Edit

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en", "Japan", "Tokyo")
PERU = Edit("¿Cuál es la capital de Perú?", "Cusco", "es", "Perú", "Lima")


def numbered(count: int) -> list[Edit]:
    return [Edit(f"Who is number {i}?", f"Answer {i}", "en") for i in range(count)]


def test_add_change_drop() -> None:
    memory = add(EditMemory(), [JAPAN, PERU])
    assert [stored.number for stored in memory.entries] == [1, 2]
    changed = change(memory, 1, Edit(JAPAN.question, "Kyoto", "en", "Japan"))
    assert [edit.answer for edit in changed.edits] == ["Kyoto", "Cusco"]
    assert memory.edits == (JAPAN, PERU)  # what was there is as it was
    left = drop(changed, [1])
    assert left.edits == (PERU,)
    assert [step.deed for step in left.history] == ["add", "change", "drop"]


def test_a_number_is_never_given_twice() -> None:
    memory = drop(add(EditMemory(), [JAPAN, PERU]), [2])
    assert [s.number for s in add(memory, [PERU]).entries] == [1, 3]
    assert [s.number for s in add(undo(undo(memory)), [PERU]).entries] == [3]


def test_undo_takes_back_every_step() -> None:
    random_ = random.Random(5)
    memory, before = EditMemory(), [()]
    for _ in range(60):
        numbers = [stored.number for stored in memory.entries]
        deed = random_.choice(("add", "change", "drop") if numbers else ("add",))
        if deed == "add":
            memory = add(memory, numbered(random_.randint(1, 4)))
        elif deed == "change":
            memory = change(memory, random_.choice(numbers), PERU)
        else:
            memory = drop(memory, random_.sample(numbers, min(2, len(numbers))))
        before.append(memory.entries)
        assert [s.number for s in memory.entries] == sorted(
            {s.number for s in memory.entries}
        )
    for entries in reversed(before[:-1]):
        memory = undo(memory)
        assert memory.entries == entries
    with pytest.raises(InputError, match="nothing to undo"):
        undo(memory)


def test_doing_nothing_is_no_step() -> None:
    memory = add(EditMemory(), [JAPAN])
    assert add(memory, []) is memory
    assert drop(memory, []) is memory


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Edit(" ", "Osaka", "en"), "question is empty"),
        (Edit("Where?", "", "en"), "answer is empty"),
        (Edit("Where?", "There", "xx"), "not a language"),
        (Edit("Where? [Query]:", "There", "en"), "uses as a mark"),
    ],
)
def test_what_cannot_be_stored(edit: Edit, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        add(EditMemory(), [JAPAN, edit])


def test_there_is_no_such_number() -> None:
    memory = add(EditMemory(), [JAPAN])
    for act in (lambda: drop(memory, [7]), lambda: change(memory, 7, PERU)):
        with pytest.raises(InputError, match="no edit number 7"):
            act()


def test_an_edit_is_tidied() -> None:
    edit = check_edit(Edit(" Where? ", " There ", "cz", " A  B ", aliases=(" x", " ")))
    assert edit == Edit("Where?", "There", "cs", "A B", aliases=("x",))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (JAPAN, ()),
        (Edit("Where is it?", "There", "en"), ("no_subject",)),
        (Edit("Where is it?", "There", "en", "Peru"), ("subject_not_in_question",)),
        (Edit("In Peru?", "x" * (LONG_ANSWER + 1), "en", "Peru"), ("long_answer",)),
        (Edit("In Peru?", "lima", "en", "Peru", "Lima"), ("same_as_old",)),
    ],
)
def test_remarks(edit: Edit, said: tuple[str, ...]) -> None:
    assert remarks(edit) == said
    assert set(said) <= set(REMARKS)


@pytest.mark.parametrize(
    "changed",
    [{"subject": "\ud800"}, {"old_answer": "a\ud800"}, {"aliases": ("\ud800",)}],
)
def test_half_a_character_is_refused_in_every_field(changed: dict[str, Any]) -> None:
    """It could not be written to a file again."""
    with pytest.raises(InputError, match="half a character"):
        check_edit(replace(JAPAN, **changed))
