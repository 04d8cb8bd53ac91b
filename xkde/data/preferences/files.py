"""The records of TL-PO's data, and their files: JSON lines, and Parquet for pairs.

Whole files are written aside and renamed. Samples and scores also grow by ``append``,
so that a run which was killed goes on where it was: a last line that the kill has cut
off is dropped, by readers and before the next append, and nothing else is lost.
Files of others are read by ``opening``.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xkde.errors import DataError
from xkde.text import parse_json
from xkde.types import Finish
from xkde.writing import aside, writing

GOLD = -1  # the index of the gold where an answer's index is meant

# The scores by which answers can be ordered; higher is better in all of them.
SCORE_NAMES: tuple[str, ...] = (
    "source_target",
    "target_source",
    "symmetric",
    "chrf",
    "cosine",
)
REWARDS = SCORE_NAMES[:3]  # the translation model's: mean log-probabilities, below 0


@dataclass(frozen=True)
class SampledAnswer:
    """One answer of a model, with the seed and temperature that gave it."""

    text: str
    seed: int
    temperature: float
    finish: Finish | None


@dataclass(frozen=True)
class Sample:
    """One prompt with its sampled answers.

    ``fact`` is the subject's id: splits are made by it. ``source`` is the edit's
    language, empty where the prompt states no edit; ``target`` is the query's. The
    first of ``golds`` is the gold; all of them are in the target language.
    ``source_gold`` is the new answer in the source language.
    """

    id: str
    kind: str
    fact: str
    relation: str
    source: str
    target: str
    prompt: str
    golds: tuple[str, ...]
    source_gold: str
    answers: tuple[SampledAnswer, ...]
    engine: str
    checkpoint: str
    revision: str
    wrapper: str

    @property
    def direction(self) -> str:
        """Edit language → query language."""
        return direction(self.source, self.target)


@dataclass(frozen=True)
class Scores:
    """The scores of one answer of a sample; ``answer`` is its index, or ``GOLD``.

    The rewards are a translation model's mean log-probabilities: ``source_target`` of
    the answer, given the gold in the source language; ``target_source`` of the gold in
    the source language, given the answer (as the released scripts do); ``symmetric`` is
    their mean. None: not measured.
    """

    sample: str
    answer: int
    source_target: float | None = None
    target_source: float | None = None
    symmetric: float | None = None
    chrf: float | None = None
    cosine: float | None = None
    exact: bool = False
    contains: bool = False
    language: str = ""

    def named(self, name: str) -> float | None:
        """Return one of ``SCORE_NAMES``."""
        value: float | None = getattr(self, name)
        return value


@dataclass(frozen=True)
class Pair:
    """One preference: to this prompt, ``chosen`` rather than ``rejected``.

    Origins are "gold" or "answer 3". What a file does not state is empty or None.
    ``given_margin`` is only for files that state a margin and no scores.
    """

    id: str
    fact: str
    relation: str
    source: str
    target: str
    prompt: str
    chosen: str
    rejected: str
    chosen_score: float | None = None
    rejected_score: float | None = None
    score_name: str = ""
    chosen_is_right: bool | None = None
    rejected_is_right: bool | None = None
    chosen_language: str = ""
    rejected_language: str = ""
    strategy: str = ""
    chosen_origin: str = ""
    rejected_origin: str = ""
    checkpoint: str = ""
    given_margin: float | None = None

    @property
    def margin(self) -> float | None:
        """How much higher the chosen answer scores; None where it is not known."""
        if self.chosen_score is None or self.rejected_score is None:
            return self.given_margin
        return self.chosen_score - self.rejected_score

    @property
    def direction(self) -> str:
        """Edit language → query language."""
        return direction(self.source, self.target)


def direction(source: str, target: str) -> str:
    """Return "en→zh"; "→zh" without an edit, nothing where neither is known."""
    return f"{source}→{target}" if source or target else ""


def origin(answer: int) -> str:
    """Return the name of an answer by its index: "gold", or "answer 1" for the first.

    People count from one.
    """
    return "gold" if answer == GOLD else f"answer {answer + 1}"


Record = Sample | Scores | Pair

_ARROW: dict[object, pa.DataType] = {
    str: pa.string(),
    float | None: pa.float64(),
    bool | None: pa.bool_(),
}
# The columns of every table of pairs: a pair's fields, in their order.
PAIR_SCHEMA = pa.schema([(f.name, _ARROW[f.type]) for f in fields(Pair)])


def as_row(record: Record) -> dict[str, object]:
    """Return a record as what JSON can hold."""
    row = dict(vars(record))
    if isinstance(record, Sample):
        row["answers"] = [dict(vars(answer)) for answer in record.answers]
    return row


def from_row(kind: type[Record], row: object) -> Record:
    """Return the record of a row; raises ValueError that names what does not fit."""
    if not isinstance(row, dict):
        raise ValueError("it is no object")
    known = {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if needed - set(row) or set(row) - known:
        lacking = ", ".join(sorted(needed - set(row))) or "nothing"
        strange = ", ".join(sorted(set(row) - known)) or "nothing"
        raise ValueError(f"it lacks {lacking:.200}; not known: {strange:.200}")
    if kind is Sample:
        try:
            answers = tuple(SampledAnswer(**answer) for answer in row["answers"])
            row = row | {"golds": tuple(row["golds"]), "answers": answers}
        except TypeError as error:
            raise ValueError("its golds or answers do not fit") from error
    return kind(**row)


def read_samples(path: Path) -> list[Sample]:
    """Read a file of samples; raises DataError that names the line."""
    return list(_records(path, Sample))


def read_scores(path: Path) -> list[Scores]:
    """Read a file of scores; raises DataError that names the line."""
    return list(_records(path, Scores))


def pairs_of(table: pa.Table) -> list[Pair]:
    """Return a table's rows as pairs; other columns are left out."""
    columns = [name for name in PAIR_SCHEMA.names if name in table.column_names]
    return [Pair(**row) for row in table.select(columns).to_pylist()]


def pairs_table(pairs: Iterable[Pair]) -> pa.Table:
    """Return pairs as a table with the columns of ``PAIR_SCHEMA``."""
    return pa.Table.from_pylist([vars(pair) for pair in pairs], schema=PAIR_SCHEMA)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write JSON lines so that the file is there wholly or not at all."""
    with aside(path) as part, part.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(_line(record) for record in records)


def write_pairs(path: Path, pairs: Sequence[Pair] | pa.Table) -> None:
    """Write pairs as the file's name says: .jsonl, or .parquet."""
    if path.suffix == ".parquet":
        table = pairs if isinstance(pairs, pa.Table) else pairs_table(pairs)
        with aside(path) as part:
            pq.write_table(table, part)
    elif path.suffix == ".jsonl":
        write_records(path, pairs_of(pairs) if isinstance(pairs, pa.Table) else pairs)
    else:
        raise DataError(f"Name the file of pairs .jsonl or .parquet, not {path.name}.")


def append(path: Path, records: Iterable[Record]) -> None:
    """Add JSON lines to a file, there or not; a line that was cut off is dropped."""
    lines = "".join(_line(record) for record in records)
    with writing(path):
        _mend(path)
        with path.open("a", encoding="utf-8", newline="\n") as out:
            out.write(lines)


def cut_from(content: bytes) -> int | None:
    """Return where a last line begins that was cut off; None if there is none.

    A last line without its end is whole if it is JSON: people leave the end out.
    """
    start = content.rfind(b"\n") + 1
    last = content[start:]
    if not last.strip():
        return None
    try:
        parse_json(last)
    except ValueError:
        return start
    return None


def read_bytes(path: Path) -> bytes:
    """Return a file's content; raises DataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read. Check its name.") from error


def _line(record: Record) -> str:
    return json.dumps(as_row(record), ensure_ascii=False) + "\n"


def _records(path: Path, kind: type[Record]) -> Iterator[Any]:
    content = read_bytes(path)
    for number, line in enumerate(content[: cut_from(content)].split(b"\n"), 1):
        if line.strip():
            try:
                yield from_row(kind, parse_json(line))
            except ValueError as error:
                raise DataError(
                    f"Line {number} of {path.name} holds no {kind.__name__.lower()}: "
                    f"{error}. Mend or remove the line."
                ) from error


def _mend(path: Path) -> None:
    """End a file with a whole line, so that the next one can follow."""
    if not path.exists():
        return
    content = path.read_bytes()
    cut = cut_from(content)
    if cut is not None:
        with path.open("r+b") as file:
            file.truncate(cut)
    elif content and not content.endswith(b"\n"):
        with path.open("ab") as file:
            file.write(b"\n")
