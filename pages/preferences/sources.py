"""Where pairs come from: the shipped ones, local runs, an upload, the Hub; kept open.

A *key* names a source: "atlas", a file below ``runs/`` by its relative path,
"upload:" and the path that Gradio gave it, "hub:" and an id. Tables are shared by all
visitors and read anew when their file has changed. Knows no component.
"""

import json
import mmap
import threading
from dataclasses import dataclass, field, fields
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xkde import paths
from xkde.data.preferences.files import GOLD, Scores, from_row
from xkde.data.preferences.opening import OpenedPairs, open_pairs
from xkde.data.preferences.table import (
    PairFilter,
    Positions,
    matching,
    pair_frame,
)
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
class OpenSource:
    """An open source: what was read, its pandas table, and the orders asked before.

    The Hub's has no path, and may not be ``whole``: then only its first rows are open.
    """

    key: str
    name: str
    opened: OpenedPairs
    frame: pd.DataFrame
    path: Path | None = None
    stamp: tuple[int, int] = (0, 0)
    whole: bool = True
    orders: dict[PairFilter, Positions] = field(default_factory=dict)


_loaded: dict[str, OpenSource] = {}  # the one used last at the end
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
    """Return the name of a source."""
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


def loaded(key: str) -> OpenSource:
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
    frame = pair_frame(opened.pairs)
    return _keep(OpenSource(key, name_of(key), opened, frame, path, stamp))


def fetched(repository: str) -> OpenSource:
    """Open a dataset of the Hub; raises XkdeError in words."""
    from xkde.training.preference.hub_pairs import open_hub_pairs

    opened, whole = open_hub_pairs(repository)
    frame = pair_frame(opened.pairs)
    return _keep(OpenSource(HUB + repository, repository, opened, frame, whole=whole))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(
            f"{path.name} is no longer here. Upload it again, or choose another source."
        ) from error
    return status.st_mtime_ns, status.st_size


def _keep(source: OpenSource) -> OpenSource:
    with _lock:
        _loaded.pop(source.key, None)
        _loaded[source.key] = source
        for key in list(_loaded)[:-KEPT]:
            del _loaded[key]
    return source


def positions(source: OpenSource, wanted: PairFilter) -> Positions:
    """Return the positions of all rows that fit a filter, in its order; kept."""
    rows = source.orders.get(wanted)
    if rows is None:
        rows = matching(source.frame, wanted)
        if len(source.orders) >= ORDERS:
            source.orders.clear()
        source.orders[wanted] = rows
    return rows


def scores_beside(source: OpenSource, pair_id: str) -> dict[int, Scores]:
    """Return the scores of a pair's prompt by answer, if its run has kept them.

    They are sought beside the pairs, in ``SCORES`` or in a file named after theirs.
    """
    path = source.path
    if path is None or source.key.startswith(UPLOAD) or "/" not in pair_id:
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
