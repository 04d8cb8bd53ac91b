"""The runner: cases × directions × protocols on one engine, into a run's folder.

What is done is kept at every batch; a run that was stopped goes on there. What is asked
and noted is in ``rows``, the folder in ``store``. Prints nothing.

Run its tests: ``python -m pytest tests/test_runner.py``
"""

import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from xkde import __version__
from xkde.errors import BenchmarkError, InputError
from xkde.evaluation import teacher_forced
from xkde.evaluation.results import GENERATED, PROTOCOLS, TEACHER_FORCED, Result
from xkde.evaluation.rows import Job, questions, rows_of
from xkde.evaluation.store import RunSettings, append_part, finish, open_store
from xkde.prompts import ask
from xkde.types import Case

Progress = Callable[[float, int], None]  # how many answers are there, of how many
EDITORS = ("prompt", "none")
ARROW = "→"
CHUNK = 8  # engine batches between two parts on the disk


def evaluate(
    engine: Any,
    cases: Sequence[Case],
    settings: RunSettings,
    folder: Path,
    *,
    batch_size: int = 64,
    on_progress: Progress | None = None,
) -> Path:
    """Ask everything that is not there yet; return the file of all rows.

    Raises BenchmarkError where there is nothing to ask, SettingsError for a folder of
    another run, CheckpointError for a model that cannot be asked so.
    """
    check(engine, settings)
    pairs = [direction.split(ARROW) for direction in settings.directions]
    asked = questions(cases, [(source, target) for source, target in pairs])
    if not asked:
        raise BenchmarkError(
            "There is no question to ask: no case has both languages of "
            f"{', '.join(settings.directions)}. Choose another direction."
        )
    done = open_store(folder, settings)
    left = [
        question
        for question in asked
        if any(question.key(protocol) not in done for protocol in settings.protocols)
    ]
    today = datetime.now(UTC).date().isoformat()
    job = Job(engine, settings, batch_size, today, {})
    rows_each = len(settings.protocols)
    there = (len(asked) - len(left)) * rows_each
    for first in range(0, len(left), CHUNK * batch_size):
        chunk = left[first : first + CHUNK * batch_size]
        started = perf_counter()
        rows: list[Result] = []
        for protocol in settings.protocols:
            told = partial(
                _tell, on_progress, there, len(chunk), len(asked) * rows_each
            )
            rows += rows_of(job, chunk, protocol, told)
            there += len(chunk)
        append_part(folder, rows, perf_counter() - started)
    return finish(folder, settings, versions(engine))


def _tell(
    on_progress: Progress | None, there: int, chunk: int, total: int, done: int, of: int
) -> None:
    if on_progress is not None:
        on_progress(there + chunk * done / of, total)


def check(engine: Any, settings: RunSettings) -> None:
    """Raise the fitting error where an engine cannot be asked as settings say."""
    if not settings.protocols or set(settings.protocols) - set(PROTOCOLS):
        raise InputError(f"Protocols are {' and '.join(PROTOCOLS)}.")
    if settings.editor not in EDITORS:
        raise InputError(
            f"There is no editor “{settings.editor}”: {', '.join(EDITORS)}."
        )
    if TEACHER_FORCED in settings.protocols:
        teacher_forced.check_engine(engine)
        teacher_forced.span(engine, "?", "!", settings.wrapper)  # type: ignore[arg-type]
    if GENERATED in settings.protocols:
        engine.encode(ask("?"), settings.wrapper)


def versions(engine: Any) -> dict[str, str]:
    """Return what the answers were computed with."""
    found = {"xkde": __version__, "python": platform.python_version()}
    found |= {name: version(name) for name in ("torch", "transformers")}
    if hasattr(engine, "device"):
        found |= {"device": str(engine.device), "dtype": str(engine.model.dtype)}
    return found
