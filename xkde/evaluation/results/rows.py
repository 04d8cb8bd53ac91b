"""Results: one row for each answer, tables of them, and shares with their intervals.

A row says all that a number rests on: protocol, wrapper, checkpoint, case, prompt. What
was not measured is null and never counts as zero. Runs are written by ``store``; loads
no model library, so that pages may read results.

    table = load_results(["runs/evaluation"])
    aggregate(table, ["source", "target", "probe"], "exact")

Run its tests: ``python -m pytest tests/xkde/evaluation/results/test_rows.py``
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from xkde.data.preferences.files import read_parquet
from xkde.errors import DataError, InputError
from xkde.evaluation.results.statistics import SEED
from xkde.evaluation.scoring.metrics import wilson_interval

JOINED = "results.parquet"
PARTS = "parts"
PART_NAME = re.compile(r"\d{6}\.parquet")
HERE = "measured here"
TEACHER_FORCED, GENERATED = PROTOCOLS = ("teacher-forced", "generated")
ROUNDS = 1000


@dataclass(frozen=True)
class Result:
    """One answer to one question. None: not measured, or it cannot be told."""

    run: str
    benchmark: str
    case: str
    probe: str
    question: int  # its number within the probe, from 0
    relation: str
    subject: str
    source: str  # language of the edit
    target: str  # language of the question
    editor: str  # its name in EDITORS: "x-kde", "none", "rome", …
    protocol: str
    engine: str
    checkpoint: str
    revision: str
    base: str  # the checkpoint that answers are compared with; "": none
    base_revision: str
    wrapper: str
    parity: bool  # "Chinese" for every language but English, as released
    seed: int
    edit: str  # the edit's question and answer
    query: str
    prompt: str
    gold: str
    answer: str | None
    before: str | None  # locality: the same model's answer without the edit
    base_answer: str | None  # the base's answer without the edit
    finish: str | None  # stop, length; "too_long", "not_edited": not asked
    exact: bool | None
    exact_before: bool | None  # of ``before``
    exact_base: bool | None  # of ``base_answer``
    alias: bool | None
    lenient: bool | None
    f1: float | None
    contains: bool | None
    in_target: bool | None
    in_source: bool | None
    copied: bool | None
    judged: bool | None  # right in a judge's eyes; null: it was not asked, or failed
    token_accuracy: float | None
    token_accuracy_before: float | None
    token_accuracy_base: float | None
    unchanged: float | None  # locality: agreement of answer and before, 0 to 1
    unchanged_from_base: float | None  # locality: of answer and base_answer
    edit_seconds: float | None  # that the editor took for this edit
    edit_peak_mb: float | None  # memory above the start, as the editor measured it
    notes: str  # what the editor said of this edit
    defects: str  # kinds, with commas
    clean: bool
    provenance: str
    date: str


_ARROW = {
    str: pa.string(),
    int: pa.int32(),
    bool: pa.bool_(),
    str | None: pa.string(),
    bool | None: pa.bool_(),
    float | None: pa.float64(),
}
SCHEMA = pa.schema([(f.name, _ARROW[f.type]) for f in fields(Result)])  # type: ignore[index]
# What tells two rows of one run apart.
KEY = ("case", "probe", "question", "source", "target", "protocol")
MEASURES = tuple(
    name
    for name in SCHEMA.names
    if name not in ("parity", "clean")
    and (pa.types.is_boolean(SCHEMA.field(name).type) or SCHEMA.field(name).type
         == pa.float64())
)  # fmt: skip


def table_of(results: Iterable[Result]) -> pa.Table:
    """Return rows as a table with the columns of ``SCHEMA``."""
    return pa.Table.from_pylist([vars(row) for row in results], schema=SCHEMA)


def load_results(
    paths: Sequence[Path | str], columns: Sequence[str] | None = None
) -> pa.Table:
    """Read files and run folders, finished or under way, into one table.

    Raises DataError for what is no whole file of results.
    """
    files = [file for path in paths for file in _files(Path(path))]
    tables = []
    for file in files:
        table = read_parquet(file)
        lacking = [name for name in SCHEMA.names if name not in table.column_names]
        if lacking:
            raise DataError(
                f"{file.name} holds no results: it lacks {', '.join(lacking[:5])}. "
                "Give a file or folder that “python -m xkde evaluate” wrote, and "
                "measure again what an older version did."
            )
        tables.append(table.select(list(columns or SCHEMA.names)))
    return pa.concat_tables([one.replace_schema_metadata(None) for one in tables])


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if (path / JOINED).is_file():
        return [path / JOINED]
    parts = part_files(path)
    if not parts:
        raise DataError(
            f"There are no results in {path}. Give a file or folder that “python -m "
            "xkde evaluate” wrote."
        )
    return parts


def part_files(folder: Path) -> list[Path]:
    """Return the parts of a run in their order."""
    return sorted(
        file
        for file in (folder / PARTS).glob("*.parquet")
        if PART_NAME.fullmatch(file.name)
    )


@dataclass(frozen=True)
class Share:
    """The mean of a measure over a group of rows, with its 95 % interval.

    ``missing`` rows of the group were not measured and are in no number.
    """

    group: dict[str, Any]
    measure: str
    n: int
    missing: int
    mean: float | None
    low: float | None
    high: float | None
    interval: Literal["wilson", "bootstrap"]


def aggregate(
    table: pa.Table, by: Sequence[str], measure: str = "exact", rounds: int = ROUNDS
) -> list[Share]:
    """Return a measure's mean for each group of rows, in order of appearance.

    Wilson's interval for what is right or wrong, a seeded percentile bootstrap for
    measures between.
    """
    unknown = [name for name in (*by, measure) if name not in table.column_names]
    if unknown or measure not in MEASURES or measure in by:
        raise InputError(
            f"Results have no measure “{measure}” by {', '.join(by) or 'nothing'}. "
            f"Measures are {', '.join(MEASURES)}; groups are any other columns."
        )
    counted = table.group_by([*by, measure], use_threads=False).aggregate(
        [([], "count_all")]
    )
    groups: dict[tuple[Any, ...], dict[Any, int]] = {}
    columns = [counted[name].to_pylist() for name in (*by, measure, "count_all")]
    for *key, value, count in zip(*columns, strict=True):
        groups.setdefault(tuple(key), {})[value] = count
    is_share = pa.types.is_boolean(table.schema.field(measure).type)
    return [
        _share(dict(zip(by, key, strict=True)), measure, found, is_share, rounds)
        for key, found in groups.items()
    ]


def _share(
    group: dict[str, Any],
    measure: str,
    found: dict[Any, int],
    is_share: bool,
    rounds: int,
) -> Share:
    counts = dict(found)
    missing = counts.pop(None, 0)
    n = sum(counts.values())
    interval: Literal["wilson", "bootstrap"] = "wilson" if is_share else "bootstrap"
    if n == 0:
        return Share(group, measure, 0, missing, None, None, None, interval)
    mean = sum(value * count for value, count in counts.items()) / n
    if is_share:
        low, high = wilson_interval(counts.get(True, 0), n)
    else:
        low, high = _bootstrap(counts, n, rounds)
    return Share(group, measure, n, missing, mean, low, high, interval)


def _bootstrap(counts: dict[float, int], n: int, rounds: int) -> tuple[float, float]:
    """Return the percentile interval of the mean over redrawn rows.

    Rows of one value are drawn together: the counts of a redraw are multinomial.
    """
    values = np.array(sorted(counts))
    weights = np.array([counts[value] for value in sorted(counts)])
    random = np.random.default_rng(SEED)
    means = random.multinomial(n, weights / n, size=rounds) @ values / n
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
