"""How fast 100,000 answers get kinds and are searched for slices, and labels are kept.

The rows are those of all shipped runs of Atlas, each run's cases under names of their
own, and the first ones again until there are enough. No row has its kind yet: opening
reads the file and finds the kind of every row, as for a run of an earlier version.
Times are seconds of the processor, which other work on a shared machine lengthens
least; a label's time is also that of a clock, as it waits for the disk. Knows no app.

Run it: ``python -m xkde bench analysis``
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xkde.data.atlas.world import atlas
from xkde.evaluation.analysis.kinds import Kind
from xkde.evaluation.analysis.of_runs import with_kinds
from xkde.evaluation.analysis.slices import slices_of_two, worst_slices
from xkde.evaluation.results.local_runs import editor_runs, local_runs
from xkde.evaluation.results.rows import (
    SCHEMA,
    SCORE,
    frame_of,
    load_results,
    values_of,
)
from xkde.labelling.queue import cases_of
from xkde.labelling.records import Label, now
from xkde.labelling.store import store

COUNT = 100_000
LABELS = 100  # stored one by one


def rows(count: int) -> pa.Table:
    """Return so many rows of the shipped runs, without kinds."""
    tables = []
    for number, run in enumerate([*local_runs(), *editor_runs()]):
        if run.key.startswith("shipped/"):
            table = load_results(run.files)
            named = pc.binary_join_element_wise(table["case"], str(number), "#")
            at = SCHEMA.get_field_index("case")
            tables.append(table.set_column(at, SCHEMA.field("case"), named))
    every = pa.concat_tables(tables)
    while every.num_rows < count:
        every = pa.concat_tables([every, *tables])
    found = every.slice(0, count)
    for name in ("kind", "evidence"):
        at = SCHEMA.get_field_index(name)
        nulls = pa.nulls(count, pa.string())
        found = found.set_column(at, SCHEMA.field(name), nulls)
    return found


def label_seconds(frame: pd.DataFrame) -> list[tuple[float, float]]:
    """Return how long each of some labels takes until it is on the disk.

    On a clock, and of the processor.
    """
    wrong = np.flatnonzero(frame["kind"].notna() & (frame["kind"] != Kind.RIGHT.value))
    cases = cases_of(frame, wrong[:LABELS])
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            label = Label(case.id, "bench", case.kind, at=now())
            started, busy = time.perf_counter(), time.process_time()
            store(Path(folder) / "labels.sqlite3", case, label)
            elapsed = time.perf_counter() - started
            seconds.append((elapsed, time.process_time() - busy))
    return seconds


def measure(count: int = COUNT) -> dict[str, object]:
    """Time opening with kinds, a search of one run and one of two."""
    atlas()  # read once by the app, for whatever is asked first
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.parquet"
        pq.write_table(rows(count), file, compression="zstd")
        times = [time.process_time()]
        frame = frame_of(load_results([file]))
        times.append(time.process_time())
        frame = with_kinds(frame)
        times.append(time.process_time())
    score = values_of(frame, SCORE)
    one = worst_slices(frame, score)
    times.append(time.process_time())
    beside = np.random.default_rng(1).permutation(score)
    slices_of_two(frame, score, beside)
    times.append(time.process_time())
    read, kinds, slices, of_two = np.diff(times)
    stored, busy = zip(*label_seconds(frame), strict=True)
    wrong = int((frame["kind"] != Kind.RIGHT.value).sum())
    return {
        "rows": count,
        "wrong": wrong,
        "edits": one.edits,
        "read_s": round(read, 2),
        "kinds_s": round(kinds, 2),
        "opened_with_kinds_s": round(read + kinds, 2),
        "slices_tested": one.tested,
        "slice_search_s": round(slices, 2),
        "slice_search_of_two_s": round(of_two, 2),
        "labels_stored": LABELS,
        "label_stored_median_ms": round(1000 * float(np.median(stored)), 1),
        "label_stored_slowest_ms": round(1000 * max(stored), 1),
        "label_processor_median_ms": round(1000 * float(np.median(busy)), 1),
        "processors": os.cpu_count(),
    }
