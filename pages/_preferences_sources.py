"""Where pairs come from: the shipped ones, local runs, an upload, the Hub; kept open.

A *key* names a source: "atlas", a file below ``runs/`` by its relative path,
"upload:" and the path that Gradio gave it, "hub:" and an id. Tables are shared by all
visitors and read anew when their file has changed. Knows no component.

Run its tests: ``python -m pytest tests/test_preferences.py``
"""

import json
import mmap
import threading
from dataclasses import dataclass, field
from pathlib import Path

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
BYTES = 2**28  # of a file of scores that is looked into


@dataclass(frozen=True)
class Loaded:
    """An open source: what was read, the table of it, and orders worked out before."""

    key: str
    name: str
    opened: Opened
    table: Table
    stamp: tuple[int, int] = (0, 0)
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
        raise DataError(f"{name_of(key)} is no longer here. Choose another source.")
    return found


def loaded(key: str) -> Loaded:
    """Return an open source, read if it is not open; raises XkdeError in words."""
    there, path = _loaded.get(key), path_of(key)
    if path is None:
        if there is None:
            raise DataError(
                f"{name_of(key)} has made room for other pairs. Open it again."
            )
        return _keep(there)
    stamp = _stamp(path)
    if there is not None and there.stamp == stamp:
        return _keep(there)
    return _keep(_made(key, open_pairs(path), stamp))


def fetched(repository: str) -> Loaded:
    """Open a dataset of the Hub; raises XkdeError in words."""
    from xkde.training.hub_pairs import open_hub_pairs

    return _keep(_made(HUB + repository, open_hub_pairs(repository)))


def _made(key: str, opened: Opened, stamp: tuple[int, int] = (0, 0)) -> Loaded:
    return Loaded(key, name_of(key), opened, table_of(opened.pairs), stamp)


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


def scores_beside(key: str, pair_id: str) -> dict[int, Scores]:
    """Return the scores of a pair's prompt by answer, if its run has kept them.

    They are sought in ``<name>-scores.jsonl`` or ``scores.jsonl`` beside the pairs.
    """
    path = None if key.startswith((HUB, UPLOAD)) else path_of(key)
    if path is None or "/" not in pair_id:
        return {}
    sample = json.dumps(pair_id.rpartition("/")[0], ensure_ascii=False)
    start = f'{{"sample": {sample},'.encode()
    for name in (f"{path.stem}-scores.jsonl", "scores.jsonl"):
        file = path.with_name(name)
        if file.is_file() and 0 < file.stat().st_size <= BYTES:
            return {scores.answer: scores for scores in _lines_with(file, start)}
    return {}


def _lines_with(file: Path, start: bytes) -> list[Scores]:
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
