"""The runs that can be looked at here: shipped ones, and folders below ``runs/``.

A *key* names a run: "shipped/NAME" for a file of ``assets/results``, else its folder's
path below ``runs/``. What cannot be read stays in the list, with the reason in words.
Rows are kept open and read anew when their files have changed. Loads no model library.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xkde import paths
from xkde.errors import DataError
from xkde.evaluation.analysis.of_runs import with_kinds
from xkde.evaluation.results.rows import (
    ADDED,
    JOINED,
    SCHEMA,
    frame_of,
    load_results,
    part_files,
    with_added,
)
from xkde.evaluation.results.store import SETTINGS
from xkde.text import Json, parse_json
from xkde.writing import aside

State = Literal["finished", "under_way", "broken"]
SHIPPED = "shipped/"
EDITORS = "editors"  # the folder of shipped runs of one editor each
PROPAGATION = "propagation"  # the folder of shipped runs in all directions
EVALUATIONS = "evaluations"  # the folder below runs/ where the app's own runs go
DEPTHS = ("*", "*/*", "*/*/*")  # of folders below runs/ that may be one
KEPT = 12  # runs whose rows stay open
# What is one and the same for all rows of a run
SAME = (
    "run", "benchmark", "editor", "engine", "checkpoint", "revision", "wrapper",
    "parity", "seed", "provenance", "date",
)  # fmt: skip
DICTIONARY = 2**24  # bytes: texts stand once in a file, however many rows have them
_ADVICE = "Remove it, or evaluate anew."


@dataclass(frozen=True)
class LocalRun:
    """One run: its files and what is the same for all its rows (``SAME``)."""

    key: str
    files: tuple[Path, ...]
    state: State
    rows: int
    about: Json
    words: str = ""  # why it is broken

    @property
    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """What changes when a file does."""
        stats = [(str(file), file.stat()) for file in self.files]
        return tuple((name, its.st_mtime_ns, its.st_size) for name, its in stats)


_open: dict[tuple[object, ...], pd.DataFrame] = {}  # the one used last at the end
_lock = threading.Lock()


def local_runs() -> list[LocalRun]:
    """Return every run, shipped ones first, then the newest."""
    found = [run for file in sorted(paths.RESULTS.glob("*.parquet"))
             if (run := _shipped(file)) is not None]  # fmt: skip
    folder = paths.runs()
    folders = {
        file.parent for depth in DEPTHS for file in folder.glob(depth + "/" + SETTINGS)
    }
    newest = sorted(folders, key=lambda its: its.stat().st_mtime, reverse=True)
    return found + [run for its in newest if (run := _local(its)) is not None]


def editor_runs() -> list[LocalRun]:
    """Return the shipped runs of one editor each, which other lists leave out."""
    return _shipped_in(EDITORS)


def propagation_runs() -> list[LocalRun]:
    """Return the shipped runs in all directions, which other lists leave out."""
    return _shipped_in(PROPAGATION)


def _shipped_in(folder: str) -> list[LocalRun]:
    files = sorted((paths.RESULTS / folder).glob("*.parquet"))
    return [run for file in files if (run := _shipped(file)) is not None]


def _shipped(file: Path) -> LocalRun | None:
    key = SHIPPED + file.relative_to(paths.RESULTS).with_suffix("").as_posix()
    try:
        names = pq.read_schema(file).names
    except (OSError, pa.ArrowException):
        return _broken(key, f"{file.name} is no whole Parquet file.")
    if "protocol" not in names:
        return None  # another table, such as the shipped pairs
    return _headed(key, (file,), "finished")


def _local(folder: Path) -> LocalRun | None:
    key = folder.relative_to(paths.runs()).as_posix()
    try:
        settings = parse_json((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return _broken(key, f"{SETTINGS} cannot be read.")
    if not isinstance(settings, dict) or "benchmark_sha256" not in settings:
        return None  # settings of something else
    joined = folder / JOINED
    if joined.is_file():
        return _headed(key, (joined,), "finished")
    parts = tuple(part_files(folder))
    if parts:
        return _headed(key, parts, "under_way")
    about = {name: settings.get(name, "") for name in SAME}
    return LocalRun(key, (), "under_way", 0, about)


def _broken(key: str, words: str) -> LocalRun:
    return LocalRun(key, (), "broken", 0, {}, f"{words} {_ADVICE}")


def _headed(key: str, files: tuple[Path, ...], state: State) -> LocalRun:
    """Return a run by the first row of its files; broken where they cannot be read."""
    try:
        read = [pq.ParquetFile(file) for file in files]
        there = {*read[0].schema.names, *ADDED}
        lacking = [name for name in SCHEMA.names if name not in there]
        if lacking:
            return _broken(key, f"It holds no results: {', '.join(lacking[:5])} lack.")
        count = sum(file.metadata.num_rows for file in read)
        first = read[0].iter_batches(batch_size=1, columns=list(SAME))
        rows = next(first).to_pylist() if count else []
    except (OSError, pa.ArrowException):
        return _broken(key, f"{files[0].name} is no whole Parquet file.")
    if not rows:
        return _broken(key, "It holds no row.")
    return LocalRun(key, files, state, count, rows[0])


def run_of(key: str) -> LocalRun:
    """Return a run by its key; raises DataError in words."""
    for run in (*local_runs(), *editor_runs(), *propagation_runs()):
        if run.key == key:
            return run
    raise DataError(f"The run “{key[:80]}” is no longer here. Choose another one.")


def opened(run: LocalRun, *, kinds: bool = False) -> pd.DataFrame:
    """Return a run's rows, read if they are not open; raises DataError in words.

    Rows of an earlier version have no kinds of failure until ``kinds`` asks for them.
    """
    if run.state == "broken" or not run.files:
        raise DataError(f"{run.key}: {run.words or 'no row is there yet.'}")
    try:
        stamp = run.stamp
    except OSError as error:
        raise DataError(f"{run.key} is no longer here. Choose another run.") from error
    with _lock:
        rows = _open.pop(stamp) if stamp in _open else _read(run)
        _open[stamp] = rows = with_kinds(rows) if kinds else rows
        for old in list(_open)[:-KEPT]:
            del _open[old]
    return rows


def ship(folder: Path, name: str) -> Path:
    """Pack a finished run's rows into the shipped results, as small as they go."""
    table = load_results([folder / JOINED])
    file = paths.RESULTS / f"{name}.parquet"
    with aside(file) as part:
        pq.write_table(
            table, part, compression="zstd", compression_level=19,
            dictionary_pagesize_limit=DICTIONARY,
        )  # fmt: skip
    return file


def _read(run: LocalRun) -> pd.DataFrame:
    try:
        tables = [with_added(_read_file(file)) for file in run.files]
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{run.key}: a file of it is no whole Parquet file. {_ADVICE}"
        ) from error
    plain = [
        table.select(SCHEMA.names).replace_schema_metadata(None) for table in tables
    ]
    return frame_of(pa.concat_tables(plain).unify_dictionaries())


def _read_file(file: Path) -> pa.Table:
    """Read a file with each text held once; one of an earlier version lacks some."""
    there = set(pq.read_schema(file).names)
    texts = [f.name for f in SCHEMA if pa.types.is_string(f.type) and f.name in there]
    return pq.ParquetFile(file, read_dictionary=texts).read()
