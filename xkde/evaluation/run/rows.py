"""From what came back to rows: what is measured of an answer, and what is noted of it.

Pure functions; asks no model and knows no file. Locality is measured three ways: is
the answer unchanged against the same model without the edit, does it agree with the
base, and was it right before and is it after. What was not asked stays None.

Run its tests: ``python -m pytest tests/xkde/evaluation/run/test_runner.py``
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
from xkde.evaluation.run.generated import same
from xkde.evaluation.run.probing import Job, Told
from xkde.evaluation.run.question import Question
from xkde.evaluation.run.teacher_forced import Reading, agreement
from xkde.evaluation.scoring.answers import score
from xkde.evaluation.scoring.metrics import exact_match
from xkde.types import Generation

MEGABYTE = 1e6
NOT_MEASURED = dict.fromkeys(
    (
        *("answer", "before", "base_answer", "finish", "edit_seconds", "edit_peak_mb"),
        *MEASURES,
    )
)


def row_of(job: Job, question: Question, protocol: str, told: Told) -> Result:
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
        prompt=told.prompt,
        gold=question.item.answer,
        defects=",".join(dict.fromkeys(kinds)),
        clean=is_clean(case, question.probe, question.target, question.source),
        provenance=HERE,
        date=job.date,
        **(NOT_MEASURED | _edit_of(told) | _measured(question, protocol, told)),
    )


def _edit_of(told: Told) -> dict[str, Any]:
    """Return what the edit took, and what the editor said of it."""
    if told.refused or told.edited is None:
        return {"notes": told.refused}
    return {
        "notes": " ".join(told.edited.notes),
        "edit_seconds": told.edited.seconds,
        "edit_peak_mb": told.edited.peak_bytes / MEGABYTE,
    }


def _measured(question: Question, protocol: str, told: Told) -> dict[str, Any]:
    after, before = HOW[protocol]
    found: dict[str, Any] = {"finish": "not_edited" if told.refused else "too_long"}
    for name, other in (("before", told.before), ("base", told.base)):
        if other is not None:
            found |= before(question, name, told.answer, other)
    if told.answer is not None:
        found |= after(question, told.answer)
    return found


def _read(question: Question, reading: Reading) -> dict[str, Any]:
    return {
        "finish": None,
        "answer": reading.text,
        "token_accuracy": reading.accuracy,
    }


def _read_without(
    question: Question, name: str, reading: Reading | None, other: Reading
) -> dict[str, Any]:
    found: dict[str, Any] = {
        TEXTS[name]: other.text,
        f"token_accuracy_{name}": other.accuracy,
    }
    # Models with other tokens have no places in common.
    if (
        question.probe == "locality"
        and reading is not None
        and reading.gold == other.gold
    ):
        found[UNCHANGED[name]] = agreement(reading.predicted, other.predicted)
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
        found[UNCHANGED[name]] = float(same(answer.text, other.text))
    return found


TEXTS = {"before": "before", "base": "base_answer"}
UNCHANGED = {"before": "unchanged", "base": "unchanged_from_base"}
Measure = Callable[..., dict[str, Any]]
# protocol -> what is measured of an answer, and of one without the edit beside it
HOW: dict[str, tuple[Measure, Measure]] = {
    TEACHER_FORCED: (_read, _read_without),
    GENERATED: (_generated, _generated_without),
}
