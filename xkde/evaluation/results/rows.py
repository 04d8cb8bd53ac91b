"""Results: one row for each answer, in files (Parquet) and in memory (pandas).

A row says all that a number rests on: protocol, wrapper, checkpoint, case, prompt. What
was not measured is null and never counts as zero. Runs are written by ``store``; loads
no model library, so that pages may read results.

    rows = frame_of(load_results(["runs/evaluation"]))
    means(rows, ["source", "target", "probe"], "exact")
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from xkde.data.parquet import read_parquet
from xkde.errors import DataError

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

JOINED = "results.parquet"
PARTS = "parts"
PART_NAME = re.compile(r"\d{6}\.parquet")
HERE = "measured here"
TEACHER_FORCED, GENERATED = PROTOCOLS = ("teacher-forced", "generated")
SCORES = {TEACHER_FORCED: "token_accuracy", GENERATED: "exact"}  # the main measure
SCORE = "score"  # the column that holds it
# The strictest sense in which an answer is right; the last three are teacher-forced.
RULES = (
    "exact", "alias", "year", "contains", "part", "none", "all_tokens", "some_tokens",
    "no_token", "unmeasured",
)  # fmt: skip
RIGHT = ("exact", "all_tokens")
_STEPS = ("exact", "alias", "lenient", "contains")  # columns of the first four rules


@dataclass(frozen=True)
class Result:
    """One answer to one question. None: not measured, or it cannot be known."""

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
    stated: str | None = None  # the edit's new answer, in the edit's language
    old: str | None = None  # what was true before the edit, in the question's language
    kind: str | None = None  # what sort of failure: one of ``analysis.kinds``
    evidence: str | None = None  # of the kind: a rule and its text


_ARROW = {
    str: pa.string(),
    int: pa.int32(),
    bool: pa.bool_(),
    str | None: pa.string(),
    bool | None: pa.bool_(),
    float | None: pa.float64(),
}
SCHEMA = pa.schema([(f.name, _ARROW[f.type]) for f in fields(Result)])  # type: ignore[index]
# What earlier versions did not store: null in their rows
ADDED = ("stated", "old", "kind", "evidence")
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
        table = with_added(table)
        lacking = [name for name in SCHEMA.names if name not in table.column_names]
        if lacking:
            raise DataError(
                f"{file.name} holds no results: it lacks {', '.join(lacking[:5])}. "
                "Give a file or folder that “python -m xkde evaluate” wrote, and "
                "measure again what an older version did."
            )
        tables.append(table.select(list(columns or SCHEMA.names)))
    return pa.concat_tables([one.replace_schema_metadata(None) for one in tables])


def with_added(table: pa.Table) -> pa.Table:
    """Return rows of an earlier version with the columns added since, as nulls."""
    for name in ADDED:
        if name not in table.column_names:
            nulls = pa.nulls(table.num_rows, SCHEMA.field(name).type)
            table = table.append_column(SCHEMA.field(name), nulls)
    return table


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


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return rows as a frame, with the columns ``score`` and ``rule`` added.

    Texts are categories, which hold each text once; all else has Arrow's types.
    """
    for at, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(at, field.name, table[at].dictionary_encode())
    rows = table.to_pandas(
        types_mapper=lambda kind: (
            None if pa.types.is_dictionary(kind) else pd.ArrowDtype(kind)
        )
    )
    forced = where(rows, {"protocol": TEACHER_FORCED})
    share, exact = values_of(rows, "token_accuracy"), values_of(rows, "exact")
    rows[SCORE] = np.where(forced, share, exact)
    rows["rule"] = pd.Categorical.from_codes(_rules(rows, forced), list(RULES))
    return rows


def _rules(rows: pd.DataFrame, forced: Mask) -> NDArray[np.int8]:
    """Return for each row which of ``RULES`` decided."""
    share = values_of(rows, "token_accuracy")
    conditions = [
        np.isnan(values_of(rows, SCORE)),
        *(values_of(rows, name) == 1 for name in _STEPS),
        ~forced & (values_of(rows, "f1") > 0),
        ~forced,
        share == 1,
        share > 0,
    ]
    order = [RULES.index("unmeasured"), *range(8)]
    return np.select(conditions, order, RULES.index("no_token")).astype(np.int8)


def values_of(rows: pd.DataFrame, measure: str) -> Values:
    """Return a measure of each row; NaN where it was not measured."""
    values: Values = rows[measure].to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def where(rows: pd.DataFrame, wanted: Mapping[str, str], clean: bool = False) -> Mask:
    """Return which rows have these texts; an empty text is any."""
    mask: Mask = np.ones(len(rows), dtype=bool)
    if clean:
        mask &= rows["clean"].to_numpy(dtype=bool)
    for name, text in wanted.items():
        if text:
            mask &= (rows[name] == text).to_numpy()
    return mask


def choices(rows: pd.DataFrame, name: str) -> list[str]:
    """Return a column's texts, in order of appearance."""
    return [text for text in rows[name].cat.categories if text]


def records_of(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows as dictionaries; None where nothing was measured."""
    plain = rows.astype(object)
    records: list[dict[str, object]] = plain.where(plain.notna(), None).to_dict(
        "records"
    )
    return records
