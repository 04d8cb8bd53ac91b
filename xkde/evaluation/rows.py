"""From questions to rows: what is asked of each protocol, and what is noted of it.

Questions are asked in batches across cases and probes, equal ones once; one without its
edit (for locality) once in a whole run. Knows no benchmark's format and no file.

Run its tests: ``python -m pytest tests/test_runner.py``
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xkde.data.benchmarks import is_clean, items_of
from xkde.evaluation.answers import score
from xkde.evaluation.generated import generations, same
from xkde.evaluation.results import GENERATED, HERE, TEACHER_FORCED, Result
from xkde.evaluation.store import Key, RunSettings
from xkde.evaluation.teacher_forced import Reading, agreement, readings
from xkde.languages import language, parity_name
from xkde.prompts import edit_prompt
from xkde.types import PROBES, Case, Generation, Probe, ProbeItem

Direction = tuple[str, str]  # language of the edit, of the question


@dataclass(frozen=True)
class Question:
    """One question of a case, about an edit in one language, asked in another."""

    case: Case
    probe: Probe
    number: int
    source: str
    target: str
    item: ProbeItem

    def key(self, protocol: str) -> Key:
        """Return what tells its row apart, as ``results.KEY`` does."""
        own = (self.case.id, self.probe, self.number)
        return (*own, self.source, self.target, protocol)

    @property
    def names(self) -> dict[str, str]:
        """What the gold is called in both languages, as far as the case says."""
        names = {self.target: self.item.answer}
        if self.number == 0 and self.source in self.case.probes[self.probe]:
            names[self.source] = self.case.probes[self.probe][self.source].answer
        return names


@dataclass(frozen=True)
class Job:
    """What every batch needs; ``plain`` keeps what came back without an edit."""

    engine: Any
    settings: RunSettings
    batch_size: int
    date: str
    plain: dict[str, dict[tuple[str, str], Any]]  # by protocol, question and gold


def questions(cases: Sequence[Case], directions: Sequence[Direction]) -> list[Question]:
    """Return all questions of the cases that are in both languages of a direction."""
    return [
        Question(case, probe, number, source, target, item)
        for source, target in directions
        for case in cases
        if source in case.edits
        for probe in PROBES
        for number, item in enumerate(items_of(case, probe, target))
    ]


def prompt_of(question: Question, settings: RunSettings) -> str:
    """Return the user turn that asks a question, with its edit if there is one."""
    if settings.editor == "none":
        return question.item.question
    name = language(question.target).name
    if settings.parity:
        name = parity_name(question.target)
    edit = question.case.edits[question.source]
    return edit_prompt([edit], question.item.question, name)


def _is_compared(question: Question, settings: RunSettings) -> bool:
    """Tell whether a question is asked without its edit, too."""
    return question.probe == "locality" and settings.editor != "none"


def rows_of(
    job: Job, chunk: Sequence[Question], protocol: str, on_progress: Any = None
) -> list[Result]:
    """Ask some questions as one protocol does; return a row for each."""
    ask, measured_of = HOW[protocol]
    prompts = [prompt_of(question, job.settings) for question in chunk]
    asked = [
        (prompt, one.item.answer) for prompt, one in zip(prompts, chunk, strict=True)
    ]
    compared = [_is_compared(question, job.settings) for question in chunk]
    plain = job.plain.setdefault(protocol, {})
    new = {
        (one.item.question, one.item.answer)
        for one, is_so in zip(chunk, compared, strict=True)
        if is_so
    } - plain.keys()
    told = ask(job, [*asked, *sorted(new)], on_progress)
    plain.update(zip(sorted(new), told[len(asked) :], strict=True))
    rows = []
    for question, prompt, is_so, one in zip(
        chunk, prompts, compared, told[: len(asked)], strict=True
    ):
        before = plain[question.item.question, question.item.answer] if is_so else None
        measured = {"finish": "too_long"}
        if one is not None:
            measured = measured_of(question, one, before)
        rows.append(_row(job, question, protocol, prompt, measured))
    return rows


def _read(
    job: Job, asked: Sequence[tuple[str, str]], on_progress: Any
) -> list[Reading | None]:
    return readings(
        job.engine,
        asked,
        job.settings.wrapper,  # type: ignore[arg-type]
        job.batch_size,
        on_progress,
    )


def _read_measures(
    question: Question, reading: Reading, before: Reading | None
) -> dict[str, Any]:
    measured = {"answer": reading.text, "token_accuracy": reading.accuracy}
    if before is not None:
        measured["before"] = before.text
        measured["unchanged"] = agreement(reading.predicted, before.predicted)
    return measured


def _generate(
    job: Job, asked: Sequence[tuple[str, str]], on_progress: Any
) -> list[Generation | None]:
    return generations(
        job.engine,
        [prompt for prompt, _ in asked],
        job.settings.wrapper,  # type: ignore[arg-type]
        job.settings.max_new_tokens,
        job.batch_size,
        on_progress,
    )


def _generated_measures(
    question: Question, answer: Generation, before: Generation | None
) -> dict[str, Any]:
    found = score(
        answer.text,
        question.item.answer,
        question.target,
        source=question.source,
        stated=question.case.edits[question.source].answer,
        aliases=question.item.aliases,
        names=question.names,
    )
    measured = {"answer": answer.text, "finish": answer.finish, **vars(found)}
    if before is not None:
        measured["before"] = before.text
        measured["unchanged"] = float(same(answer.text, before.text))
    return measured


# protocol -> how questions are asked, and what is measured of what comes back
HOW: dict[str, tuple[Callable[..., list[Any]], Callable[..., dict[str, Any]]]] = {
    TEACHER_FORCED: (_read, _read_measures),
    GENERATED: (_generate, _generated_measures),
}
_NOT_MEASURED = dict.fromkeys(
    "answer before finish exact alias lenient f1 contains in_target in_source copied "
    "token_accuracy unchanged".split()
)


def _row(
    job: Job, question: Question, protocol: str, prompt: str, measured: dict[str, Any]
) -> Result:
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
        wrapper=settings.wrapper,
        parity=settings.parity,
        seed=settings.seed,
        edit=f"{edit.question} {edit.answer}",
        query=question.item.question,
        prompt=prompt,
        gold=question.item.answer,
        defects=",".join(dict.fromkeys(kinds)),
        clean=is_clean(case, question.probe, question.target, question.source),
        provenance=HERE,
        date=job.date,
        **(_NOT_MEASURED | measured),
    )
