"""One edit in every language: what is stated and asked, judged and summed up."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from xkde.asking.propagation import (
    BASE,
    Cell,
    PropagationState,
    needs_translation,
    ordered,
    plan,
    propagate,
    row_summaries,
    shares_of,
)
from xkde.asking.translation import TranslatedQuestion
from xkde.data.atlas.world import atlas
from xkde.errors import InputError
from xkde.evaluation.scoring.verdict import Kind, Verdict
from xkde.languages import ATLAS_LANGUAGES
from xkde.prompts import Encoded
from xkde.types import Edit, Generation, Message, Sampling

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en")
OWN = Edit("Who founded the village of Plonk?", "Osaka", "en", old_answer="Tokyo")
TASK = plan(atlas(), JAPAN)


class Parrot:
    """An engine that answers what a function makes of the user turn, in two steps."""

    tokenizer: Any = None

    def __init__(self, answer: Callable[[str], str]) -> None:
        self.answer, self.turns = answer, list[str]()

    def encode(self, messages: Sequence[Message]) -> Encoded:
        self.turns.append(messages[-1].content)
        return Encoded("", (len(self.turns) - 1,), (False,))

    def stream(
        self, prompts: Any, sampling: Sampling, cancelled: Any = None
    ) -> Iterator[list[Generation]]:
        texts = [self.answer(self.turns[number]) for (number,) in prompts]
        yield [Generation("", (), 1, 0.0, None) for _ in texts]
        finish: Any = "cancelled" if cancelled.is_set() else "stop"
        yield [Generation(text, (), 1, 0.0, finish) for text in texts]


def grid(cancelled: threading.Event | None = None) -> list[PropagationState]:
    """Fill the grid with models that always say Tokyo, and what the edit states."""
    base = Parrot(lambda turn: "Tokyo")
    edited = Parrot(lambda turn: turn.split("]:\n")[1].split("\n")[0].rsplit("? ")[-1])
    event = cancelled or threading.Event()
    return list(propagate(TASK, base, edited, event))


def test_atlas_states_the_edit_in_every_language() -> None:
    assert [each.edit.language for each in TASK.asked] == list(ATLAS_LANGUAGES)
    chinese = next(each for each in TASK.asked if each.edit.language == "zh")
    assert (chinese.edit.answer, chinese.edit.old_answer) == ("大阪", "东京")
    assert chinese.edit.question == chinese.query.text
    assert chinese.expected.new == "大阪"
    assert not needs_translation(atlas(), JAPAN)


def test_every_cell_is_asked_and_the_base_never_sees_the_edit() -> None:
    states = grid()
    last = states[-1]
    assert (last.total, last.arrived, len(last.cells)) == (12 + 144, 156, 156)
    assert [state.arrived for state in states] == sorted(s.arrived for s in states)
    for (source, target), turn in last.sent.items():
        asked = next(s.query.text for s in TASK.asked if s.query.language == target)
        assert turn.endswith(asked)
        if source == BASE:
            assert turn == asked
        else:
            edit = next(s.edit for s in TASK.asked if s.edit.language == source)
            assert f"{edit.question} {edit.answer}" in turn
    assert last.verdicts[BASE, "en"].kind == "old"
    # What English states is right where the name is the same, and else in another
    # language or script.
    assert last.verdicts["en", "en"].is_right
    assert last.verdicts["en", "zh"].language_ok is False


def test_stop_keeps_what_has_arrived() -> None:
    cancelled = threading.Event()
    base, edited = Parrot(lambda turn: "Tokyo"), Parrot(lambda turn: "Osaka")
    going = propagate(TASK, base, edited, cancelled)
    arrived = 0
    for state in going:
        arrived = state.arrived
        if state.arrived > 12:
            cancelled.set()
    assert state.is_stopped
    assert arrived == 12 + 36
    assert len(edited.turns) == 36  # the next rows were never asked


def test_an_edit_that_atlas_lacks_needs_a_translation() -> None:
    world = atlas()
    assert needs_translation(world, OWN)
    with pytest.raises(InputError, match="no other language"):
        plan(world, OWN)
    task = plan(
        world,
        OWN,
        [
            TranslatedQuestion("de", "Wer gründete das Dorf Plonk?"),
            TranslatedQuestion("ru", "Wer?", "script"),
        ],
    )
    assert task.is_translated
    assert [each.edit.language for each in task.asked] == ["en", "de"]
    problems = {each.edit.language: each.problem for each in task.statements}
    assert (problems["ru"], problems["zh"]) == ("script", "empty")
    german = task.asked[1]
    assert german.query.text == german.edit.question == "Wer gründete das Dorf Plonk?"
    assert german.edit.answer == "Osaka"


@pytest.mark.parametrize("question", ["", "x" * 2000, "a [Query]: b"])
def test_what_cannot_be_asked_is_said(question: str) -> None:
    with pytest.raises(InputError, match="Please"):
        plan(atlas(), replace(OWN, question=question))


def verdict(kind: Kind, language_ok: bool | None = True) -> Verdict:
    return Verdict(kind, language_ok, "exact")


def test_rows_and_columns_by_hand() -> None:
    new, old, neither = verdict("new"), verdict("old"), verdict("neither")
    verdicts: dict[Cell, Verdict] = {
        (BASE, "en"): old,
        ("en", "en"): new, ("en", "zh"): old, ("en", "ru"): old, ("en", "th"): neither,
        ("zh", "en"): verdict("new", False), ("zh", "zh"): new,
    }  # fmt: skip
    english, chinese = row_summaries(verdicts)
    assert (english.right, english.asked) == (1, 4)
    assert english.failures == (("old", ("zh", "ru")), ("neither", ("th",)))
    assert chinese.failures == (("wrong_language", ("en",)),)
    right = {c: float(v.is_right) for c, v in verdicts.items() if c[0] != BASE}
    rows, columns = shares_of(right)
    assert rows == {"en": 1 / 4, "zh": 1 / 2}
    assert columns == {"en": 1 / 2, "zh": 1 / 2, "ru": 0.0, "th": 0.0}


def test_order_by_script_and_by_success() -> None:
    codes = ["zh", "th", "de", "ru", "en"]
    assert ordered(codes, "script") == ["en", "de", "ru", "th", "zh"]
    shares = {"zh": 0.9, "en": 0.5, "de": 0.5, "th": 0.0}
    assert ordered(codes, "success", shares) == ["zh", "en", "de", "th", "ru"]
