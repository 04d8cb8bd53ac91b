"""Where pairs come from: the shipped ones, local runs, an upload, the Hub; kept open.

A *key* names a source: "atlas", a file below ``runs/`` by its relative path,
"upload:" and the path that Gradio gave it, "hub:" and an id. Tables are shared by all
visitors and read anew when their file has changed. Knows no component.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

import json
import mmap
import threading
from dataclasses import dataclass, field, fields
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from xkde import paths
from xkde.data.preferences.files import from_row
from xkde.data.preferences.records import GOLD, Scores
from xkde.data.preferences.sources import Opened, open_pairs
from xkde.data.preferences.view import Indices, Table, View, table_of
from xkde.errors import DataError

ATLAS, UPLOAD, HUB = "atlas", "upload:", "hub:"
PATTERNS = (
    "*pairs*.parquet", "*pairs*.jsonl", "*pairs*.json", "dev.parquet", "dev.jsonl",
)  # fmt: skip
OFFERED = 50  # local files
KEPT = 6  # tables, a few hundred megabytes each where they are large
ORDERS = 32  # of rows, for each table
SCORES = "scores.jsonl"  # or .parquet
BYTES = 2**28  # of a file of scores that is looked into


@dataclass(frozen=True)
class Loaded:
    """An open source: what was read, the table of it, and orders worked out before.

    The Hub's has no path, and may not be ``whole``: then only its first rows are open.
    """

    key: str
    name: str
    opened: Opened
    table: Table
    path: Path | None = None
    stamp: tuple[int, int] = (0, 0)
    whole: bool = True
    orders: dict[View, Indices] = field(default_factory=dict)


_loaded: dict[str, Loaded] = {}  # the one used last at the end
_lock = threading.Lock()


def local_files() -> dict[str, Path]:
    """Return the files of pairs below ``runs/``, the newest first, by key."""
    folder = paths.runs()
    found = {path for pattern in PATTERNS for path in folder.rglob(pattern)}
    ordered = sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)[:OFFERED]
    return {path.relative_to(folder).as_posix(): path for path in ordered}


def offered() -> dict[str, Path]:
    """Return what can be opened without asking for more, by key."""
    shipped = {ATLAS: paths.ATLAS_PAIRS} if paths.ATLAS_PAIRS.is_file() else {}
    return {**shipped, **local_files()}


def name_of(key: str) -> str:
    """Return what a source is called."""
    if key.startswith(HUB):
        return key.removeprefix(HUB)
    if key.startswith(UPLOAD):
        return Path(key.removeprefix(UPLOAD)).name
    return paths.ATLAS_PAIRS.name if key == ATLAS else key


def path_of(key: str) -> Path | None:
    """Return the file of a source; None for the Hub's."""
    if key.startswith(HUB):
        return None
    if key.startswith(UPLOAD):
        return Path(key.removeprefix(UPLOAD))
    found = offered().get(key)
    if found is None:
        raise DataError(
            "{pairs} is no longer here. Choose another source.", pairs=name_of(key)
        )
    return found


def loaded(key: str) -> Loaded:
    """Return an open source, read if it is not open; raises XkdeError in words."""
    there = _loaded.get(key)
    path = path_of(key) if there is None else there.path
    if path is None:
        if there is None:
            raise DataError(
                f"{name_of(key)} has made room for other pairs. Open it again."
            )
        return _keep(there)
    stamp = _stamp(path)
    if there is not None and there.stamp == stamp:
        return _keep(there)
    opened = open_pairs(path)
    table = table_of(opened.pairs)
    return _keep(Loaded(key, name_of(key), opened, table, path, stamp))


def fetched(repository: str) -> Loaded:
    """Open a dataset of the Hub; raises XkdeError in words."""
    from xkde.training.preference.hub_pairs import open_hub_pairs

    opened, whole = open_hub_pairs(repository)
    table = table_of(opened.pairs)
    return _keep(Loaded(HUB + repository, repository, opened, table, whole=whole))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        told = path.stat()
    except OSError as error:
        raise DataError(
            f"{path.name} is no longer here. Upload it again, or choose another source."
        ) from error
    return told.st_mtime_ns, told.st_size


def _keep(found: Loaded) -> Loaded:
    with _lock:
        _loaded.pop(found.key, None)
        _loaded[found.key] = found
        for key in list(_loaded)[:-KEPT]:
            del _loaded[key]
    return found


def order(found: Loaded, view: View) -> Indices:
    """Return all rows of a view in its order, whichever its page; kept for the next."""
    asked = View(**{**vars(view), "page": View.page, "size": View.size})
    rows = found.orders.get(asked)
    if rows is None:
        rows = found.table.filtered(asked)
        if len(found.orders) >= ORDERS:
            found.orders.clear()
        found.orders[asked] = rows
    return rows


def scores_beside(found: Loaded, pair_id: str) -> dict[int, Scores]:
    """Return the scores of a pair's prompt by answer, if its run has kept them.

    They are sought beside the pairs, in ``SCORES`` or in a file named after theirs.
    """
    path = found.path
    if path is None or found.key.startswith(UPLOAD) or "/" not in pair_id:
        return {}
    sample = pair_id.rpartition("/")[0]
    for name in (f"{path.stem}-{SCORES}", SCORES):
        for file in (
            path.with_name(name),
            path.with_name(name).with_suffix(".parquet"),
        ):
            if file.is_file() and 0 < file.stat().st_size <= BYTES:
                read = _lines_of if file.suffix == ".jsonl" else _rows_of
                return {scores.answer: scores for scores in read(file, sample)}
    return {}


def _rows_of(file: Path, sample: str) -> list[Scores]:
    columns = [each.name for each in fields(Scores)]
    wanted = [("sample", "==", sample)]
    try:
        rows = pq.read_table(file, columns=columns, filters=wanted)
    except pa.ArrowException:  # somebody else's file of that name
        return []
    return [Scores(**row) for row in rows.to_pylist()]


def _lines_of(file: Path, sample: str) -> list[Scores]:
    start = f'{{"sample": {json.dumps(sample, ensure_ascii=False)},'.encode()
    found = []
    with (
        file.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        at = content.find(start)
        while at >= 0:
            end = content.find(b"\n", at)
            if end < 0:  # a line that a kill has cut off
                break
            row = from_row(Scores, json.loads(content[at:end]))
            found += [row] if isinstance(row, Scores) else []
            at = content.find(start, end)
    return found


def answer_of(origin: str) -> int | None:
    """Return the index of an answer by its origin, "gold" or "answer 3"."""
    if origin == "gold":
        return GOLD
    number = origin.removeprefix("answer ")
    return int(number) - 1 if number.isdecimal() else None
