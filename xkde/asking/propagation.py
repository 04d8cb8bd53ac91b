"""One edit stated in every language and asked in every language: a grid of answers.

A row of the grid is the language that the edit is stated in, a column the language of
the question. Facts that Atlas knows are put into other languages in its own words; any
other question is translated by the edited model, and its answer stays as typed where
Atlas lacks the name. What cannot be put into a language is left out, with the reason.
The base model never sees the edit, so it answers once in each language.
"""

import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from xkde.asking.expected_answers import (
    Recognised,
    expected,
    name_in,
    recognise,
    restate,
)
from xkde.asking.session import StreamingEngine, check, prompt
from xkde.asking.translation import Problem, TranslatedQuestion
from xkde.data.atlas.questions import Known, new_answer, old_answer, question
from xkde.data.atlas.records import World
from xkde.errors import InputError
from xkde.evaluation.scoring.verdict import Expected, Kind, Verdict, judge
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.prompts import ask
from xkde.types import Edit, Generation, Query, Sampling

ROWS_AT_ONCE = 3  # rows whose questions share a batch
LONGEST = 32  # tokens of an answer: a name
SCRIPTS = ("Latn", "Cyrl", "Thai", "Hans")  # how families follow each other
Order = Literal["script", "success"]
Failure = Kind | Literal["wrong_language"]
Cell = tuple[str, str]  # language of the edit, of the question
Turns = dict[Cell, str]
BASE = "base"  # in a cell, where no edit is stated


@dataclass(frozen=True)
class EditInLanguage:
    """An edit in one language, and its question as it is asked there.

    With a problem it could not be put into the language, and is not asked.
    """

    edit: Edit
    query: Query
    expected: Expected
    problem: Problem = ""


@dataclass(frozen=True)
class PropagationTask:
    """An edit in all languages. ``is_translated``: by a model, not by Atlas."""

    edit: Edit
    statements: tuple[EditInLanguage, ...]
    is_translated: bool = False

    @property
    def asked(self) -> tuple[EditInLanguage, ...]:
        """The statements without a problem: the rows, and the columns."""
        return tuple(each for each in self.statements if not each.problem)


@dataclass(frozen=True)
class PropagationState:
    """The answers so far, by cell; the base's are in a row of their own, ``BASE``."""

    task: PropagationTask
    cells: Mapping[Cell, Generation] = field(default_factory=dict)
    sent: Mapping[Cell, str] = field(default_factory=dict)  # user turns
    verdicts: Mapping[Cell, Verdict] = field(default_factory=dict)  # of whole answers
    is_stopped: bool = False

    @property
    def total(self) -> int:
        """How many answers there will be."""
        n = len(self.task.asked)
        return n + n * n

    @property
    def arrived(self) -> int:
        """How many answers are complete."""
        return len(self.verdicts)


@dataclass(frozen=True)
class RowSummary:
    """How many answers of a row are right, and how the others fail, largest first."""

    source: str
    right: int
    asked: int
    failures: tuple[tuple[Failure, tuple[str, ...]], ...]


def needs_translation(world: World, edit: Edit) -> bool:
    """Tell whether Atlas cannot put an edit into other languages."""
    about = _recognised(world, edit)[1]
    return about.fact is None or about.question is None


def _recognised(world: World, edit: Edit) -> tuple[Edit, Recognised]:
    own, known = restate(world, edit)
    likely = (own.language, *world.languages)
    return own, recognise(world, own, own.question, likely, known)


def plan(
    world: World, edit: Edit, translated: Sequence[TranslatedQuestion] = ()
) -> PropagationTask:
    """Return an edit in every language of Atlas.

    ``translated`` are the questions in the other languages, where Atlas needs them.
    Raises InputError for a text that cannot be asked.
    """
    own, about = _recognised(world, edit)
    check(own, [Query(own.question, own.language)])
    if about.fact is None or about.question is None:
        return _as_translated(world, own, about, translated)
    wording = about.question.wording
    statements = [
        _of_atlas(world, own, about.fact, about, code, wording)
        for code in ATLAS_LANGUAGES
    ]
    return PropagationTask(own, tuple(statements))


def _of_atlas(
    world: World, edit: Edit, fact: Known, about: Recognised, code: str, wording: int
) -> EditInLanguage:
    text = question(world, fact.subject, fact.relation, code, wording)
    old = old_answer(world, fact, code)
    stated = Edit(text, new_answer(world, fact, code), code, old_answer=old)
    return EditInLanguage(stated, Query(text, code), expected(world, edit, about, code))


def _as_translated(
    world: World,
    edit: Edit,
    about: Recognised,
    translated: Sequence[TranslatedQuestion],
) -> PropagationTask:
    found = {each.language: each for each in translated}
    own = TranslatedQuestion(edit.language, edit.question)
    statements = []
    for code in ATLAS_LANGUAGES:
        each = own if code == edit.language else found.get(code)
        text, problem = (each.text, each.problem) if each else ("", "empty")
        answer = name_in(world, edit.answer, edit.language, code)
        old = name_in(world, edit.old_answer, edit.language, code)
        statements.append(
            EditInLanguage(
                Edit(text, answer, code, old_answer=old),
                Query(text, code),
                expected(world, edit, about, code),
                problem,
            )
        )
    task = PropagationTask(edit, tuple(statements), is_translated=True)
    if len(task.asked) < 2:
        raise InputError(
            "This edit could be put into no other language: Atlas does not know it, "
            "and the edited model did not translate it. State a fact that Atlas knows, "
            "such as the capital of Japan, or choose an edited model that was taught "
            "to translate."
        )
    return task


def propagate(
    task: PropagationTask,
    base: StreamingEngine,
    edited: StreamingEngine,
    cancelled: threading.Event,
) -> Generator[PropagationState, None, None]:
    """Yield the grid after every token: first the base's answers, then row by row.

    Stops between two tokens once ``cancelled`` is set. Raises InputError where a prompt
    does not fit.
    """
    sampling, asked = Sampling(LONGEST), task.asked
    for each in asked:
        check(each.edit, [each.query], [base.tokenizer, edited.tokenizer])
    state = PropagationState(task)
    yield state
    golds = {each.query.language: each.expected for each in asked}
    plain: Turns = {(BASE, its.query.language): its.query.text for its in asked}
    parts = [(base, plain)]
    for first in range(0, len(asked), ROWS_AT_ONCE):
        rows = asked[first : first + ROWS_AT_ONCE]
        parts.append((edited, _turns(rows, asked)))
    for engine, turns in parts:
        if cancelled.is_set():
            break
        before = replace(state, sent={**state.sent, **turns})
        ids = [engine.encode(ask(text, its[1])).ids for its, text in turns.items()]
        for step in engine.stream(ids, sampling, cancelled):
            cells = dict(zip(turns, step, strict=True))
            verdicts = _judged(golds, cells, state.verdicts)
            cells = {**before.cells, **cells}
            state = replace(before, cells=cells, verdicts=verdicts)
            yield state
    yield replace(state, is_stopped=cancelled.is_set())


def _turns(rows: Sequence[EditInLanguage], columns: Sequence[EditInLanguage]) -> Turns:
    """Return what the edited model is sent in every cell of some rows."""
    return {
        (row.edit.language, its.query.language): prompt("edited", row.edit, its.query)
        for row in rows
        for its in columns
    }


def _judged(
    golds: Mapping[str, Expected],
    answers: Mapping[Cell, Generation],
    before: Mapping[Cell, Verdict],
) -> dict[Cell, Verdict]:
    """Return the verdicts before, and those of answers that have ended since."""
    return dict(before) | {
        cell: judge(its.text, golds[cell[1]], cell[1], its.finish)
        for cell, its in answers.items()
        if cell not in before and its.finish in ("stop", "length")
    }


def ordered(
    codes: Sequence[str], by: Order, shares: Mapping[str, float] | None = None
) -> list[str]:
    """Return languages by family of script, or by success, the best first.

    ``shares`` are each language's; one without is last. Equal ones are by script.
    """
    by_script = sorted(
        codes,
        key=lambda code: (_family(code), code != "en", code),
    )
    if by == "script" or not shares:
        return by_script
    return sorted(by_script, key=lambda code: -shares.get(code, -1.0))


def _family(code: str) -> int:
    script = language(code).script
    return SCRIPTS.index(script) if script in SCRIPTS else len(SCRIPTS)


def shares_of(
    values: Mapping[Cell, float],
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the mean of every row, and of every column, of what is there."""
    sides: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    for cell, value in values.items():
        for side, code in zip(sides, cell, strict=True):
            side.setdefault(code, []).append(value)
    rows, columns = (
        {code: sum(found) / len(found) for code, found in side.items()}
        for side in sides
    )
    return rows, columns


def row_summaries(verdicts: Mapping[Cell, Verdict]) -> list[RowSummary]:
    """Return what fails of every row with an edit, in order of appearance."""
    rows: dict[str, dict[str, Verdict]] = {}
    for (source, target), verdict in verdicts.items():
        if source != BASE:
            rows.setdefault(source, {})[target] = verdict
    found = []
    for source, row in rows.items():
        failures: dict[Failure, list[str]] = {}
        for target, verdict in row.items():
            if not verdict.is_right:
                failures.setdefault(failure_of(verdict), []).append(target)
        largest = sorted(failures.items(), key=lambda item: -len(item[1]))
        right = sum(verdict.is_right for verdict in row.values())
        kinds = tuple((kind, tuple(codes)) for kind, codes in largest)
        found.append(RowSummary(source, right, len(row), kinds))
    return found


def failure_of(verdict: Verdict) -> Failure:
    """Return how a wrong answer is wrong: the right one in another language, or its
    kind.
    """
    is_new = verdict.kind in ("new", "both_same")
    return "wrong_language" if is_new else verdict.kind
