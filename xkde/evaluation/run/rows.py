"""From answers to rows: what is measured of an answer, locality among it.

Locality is measured three ways: is the answer unchanged against the same model without
the edit, is it unchanged against the base, was it right before and is it right after.
What was not asked stays None. Pure functions; call no model and read no file.
"""

from collections.abc import Callable
from typing import Any

from xkde.data.benchmarks import is_clean
from xkde.evaluation.results.rows import (
    GENERATED,
    HERE,
    MEASURES,
    TEACHER_FORCED,
    Result,
)
from xkde.evaluation.run.probing import ProbeAnswer, ProbingJob
from xkde.evaluation.run.protocols import TeacherForcedAnswer
from xkde.evaluation.run.questions import Question
from xkde.evaluation.scoring.answers import score
from xkde.evaluation.scoring.metrics import exact_match, is_unchanged, unchanged_tokens
from xkde.types import Generation

MEGABYTE = 1e6
NOT_MEASURED = dict.fromkeys(
    (
        *("answer", "before", "base_answer", "finish", "edit_seconds", "edit_peak_mb"),
        *MEASURES,
    )
)


def row_of(
    job: ProbingJob, question: Question, protocol: str, answers: ProbeAnswer
) -> Result:
    """Return the row of one question."""
    case, settings = question.case, job.settings
    edit = case.edits[question.source]
    kinds = [
        defect.kind
        for defect in case.defects
        if (defect.probe, defect.language) == (question.probe, question.target)
    ]
    return Result(
        run=settings.run,
        benchmark=settings.benchmark,
        case=case.id,
        probe=question.probe,
        question=question.number,
        relation=question.item.relation or case.relation,
        subject=edit.subject,
        source=question.source,
        target=question.target,
        editor=settings.editor,
        protocol=protocol,
        engine=settings.engine,
        checkpoint=settings.checkpoint,
        revision=settings.revision,
        base=settings.base,
        base_revision=settings.base_revision,
        wrapper=settings.wrapper,
        parity=settings.parity,
        seed=settings.seed,
        edit=f"{edit.question} {edit.answer}",
        query=question.item.question,
        prompt=answers.prompt,
        gold=question.item.answer,
        defects=",".join(dict.fromkeys(kinds)),
        clean=is_clean(case, question.probe, question.target, question.source),
        provenance=HERE,
        date=job.date,
        stated=edit.answer,
        old=_old_answer(question),
        **(NOT_MEASURED | _edit_of(answers) | _measured(question, protocol, answers)),
    )


def _old_answer(question: Question) -> str | None:
    """Return what was true before the edit, in the question's language, if known."""
    asked = question.case.edits.get(question.target)
    is_about_edit = question.probe in ("reliability", "generality")
    return asked.old_answer or None if asked and is_about_edit else None


def _edit_of(answers: ProbeAnswer) -> dict[str, Any]:
    """Return the cost of the edit, and the notes of the editor."""
    if answers.refused or answers.edited is None:
        return {"notes": answers.refused}
    return {
        "notes": " ".join(answers.edited.notes),
        "edit_seconds": answers.edited.seconds,
        "edit_peak_mb": answers.edited.peak_bytes / MEGABYTE,
    }


def _measured(
    question: Question, protocol: str, answers: ProbeAnswer
) -> dict[str, Any]:
    after, before = HOW[protocol]
    found: dict[str, Any] = {"finish": "not_edited" if answers.refused else "too_long"}
    for name, other in (("before", answers.before), ("base", answers.base)):
        if other is not None:
            found |= before(question, name, answers.answer, other)
    if answers.answer is not None:
        found |= after(question, answers.answer)
    return found


def _teacher_forced(question: Question, answer: TeacherForcedAnswer) -> dict[str, Any]:
    return {
        "finish": None,
        "answer": answer.text,
        "token_accuracy": answer.accuracy,
    }


def _teacher_forced_without(
    question: Question,
    name: str,
    answer: TeacherForcedAnswer | None,
    other: TeacherForcedAnswer,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        TEXTS[name]: other.text,
        f"token_accuracy_{name}": other.accuracy,
    }
    # Models with other tokens have no places in common.
    if (
        question.probe == "locality"
        and answer is not None
        and answer.gold == other.gold
    ):
        found[UNCHANGED[name]] = unchanged_tokens(other.predicted, answer.predicted)
    return found


def _generated(question: Question, answer: Generation) -> dict[str, Any]:
    found = score(
        answer.text,
        question.item.answer,
        question.target,
        source=question.source,
        stated=question.case.edits[question.source].answer,
        aliases=question.item.aliases,
        names=question.names,
    )
    return {"answer": answer.text, "finish": answer.finish, **vars(found)}


def _generated_without(
    question: Question, name: str, answer: Generation | None, other: Generation
) -> dict[str, Any]:
    found: dict[str, Any] = {
        TEXTS[name]: other.text,
        f"exact_{name}": exact_match(other.text, question.item.answer),
    }
    if question.probe == "locality" and answer is not None:
        found[UNCHANGED[name]] = float(is_unchanged(other.text, answer.text))
    return found


TEXTS = {"before": "before", "base": "base_answer"}
UNCHANGED = {"before": "unchanged", "base": "unchanged_from_base"}
Measure = Callable[..., dict[str, Any]]
# protocol -> what is measured of an answer, and of one without the edit beside it
HOW: dict[str, tuple[Measure, Measure]] = {
    TEACHER_FORCED: (_teacher_forced, _teacher_forced_without),
    GENERATED: (_generated, _generated_without),
}
