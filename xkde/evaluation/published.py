"""Published numbers: the paper's tables cell by cell, and what can be checked of them.

The paper is https://arxiv.org/abs/2502.14645. Cells are as printed; averages are
recomputed from them and compared with the printed ones. PaperNumbers of other works are
context, on protocols of their own. Files: ``assets/published``. Knows no measurement of
ours.

Try it: ``python -m xkde benchmarks published 1``
"""

import csv
import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Literal

from xkde.errors import DataError
from xkde.evaluation.scoring.answers import mean
from xkde.languages import LANGUAGES
from xkde.paths import PUBLISHED
from xkde.types import PROBES

ALL = "all"  # the metric of an average over every cell of a row
# Cells and averages are both rounded to 0.01, by up to half of it each.
TOLERANCE = 0.01 + 1e-9
_KEYS = ("edit", "method", "metric")


@dataclass(frozen=True)
class PaperTable:
    """One table of the paper: what its cells have in common."""

    number: int
    title: str
    backbone: str  # "" where the paper does not say
    benchmark: str
    edit: str  # "" where each row says, or nothing is edited
    average: str  # what a printed average is over; "" where none is printed
    protocol: str
    protocol_note: str
    source: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PaperCell:
    """One published number, in percent. ``edit`` → ``target`` is its direction."""

    table: int
    backbone: str
    benchmark: str
    edit: str
    target: str
    method: str
    metric: str
    value: float


@dataclass(frozen=True)
class PaperAverage:
    """A printed average beside the one that its cells give."""

    table: int
    edit: str
    method: str
    metric: str
    printed: float
    recomputed: float
    cross: float  # over the targets other than the edit's language; NaN without
    cells: int

    @property
    def differs(self) -> bool:
        """Whether rounding does not explain what is printed."""
        return abs(self.printed - self.recomputed) > TOLERANCE


@dataclass(frozen=True)
class Coincidence:
    """Two different measurements with the same numbers, at least three of four."""

    first: PaperCell
    second: PaperCell
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class OtherWork:
    """What another work reports, on its own protocol."""

    name: str
    source: str
    setting: str
    protocol: str
    figures: tuple[tuple[str, float], ...]


@cache
def tables(folder: Path = PUBLISHED) -> dict[int, PaperTable]:
    """Return the tables by number."""
    with (folder / "tables.toml").open("rb") as file:
        about = tomllib.load(file)
    return {
        entry["number"]: PaperTable(
            entry["number"],
            entry["title"],
            entry["backbone"],
            entry["benchmark"],
            entry.get("edit", ""),
            entry["average"],
            entry.get("protocol", about["protocol"]),
            entry.get("protocol_note", about["protocol_note"]),
            about["source"],
            tuple(entry["notes"]),
        )
        for entry in about["table"]
    }


@cache
def cells(folder: Path = PUBLISHED) -> tuple[PaperCell, ...]:
    """Return every cell of every table, in the paper's order."""
    return tuple(
        cell for table in tables(folder).values() for cell in _cells(table, folder)
    )


def _cells(table: PaperTable, folder: Path) -> list[PaperCell]:
    found = []
    for row in _rows(folder / f"table_{table.number:02}.csv"):
        for column, value in row.items():
            if column in _KEYS:
                continue
            target, metric = _target_and_metric(column)
            found.append(
                PaperCell(
                    table.number,
                    table.backbone,
                    table.benchmark,
                    row.get("edit", table.edit),
                    target,
                    row["method"],
                    row.get("metric", metric),
                    float(value),
                )
            )
    return found


def _target_and_metric(column: str) -> tuple[str, str]:
    """Return what a column's head says: "zh", "zh locality" or "average"."""
    first, _, rest = column.partition(" ")
    return (first, rest) if first in LANGUAGES else ("", column)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def averages(folder: Path = PUBLISHED) -> tuple[PaperAverage, ...]:
    """Return every printed average with the one recomputed from its cells."""
    found = []
    for row in _rows(folder / "printed.csv"):
        own = [
            cell
            for cell in cells(folder)
            if (cell.table, cell.method) == (int(row["table"]), row["method"])
            and cell.edit == row["edit"]
            and row["metric"] in (ALL, cell.metric)
        ]
        across = [cell.value for cell in own if cell.edit and cell.target != cell.edit]
        found.append(
            PaperAverage(
                int(row["table"]),
                row["edit"],
                row["method"],
                row["metric"],
                float(row["value"]),
                mean([cell.value for cell in own]),
                mean(across),
                len(own),
            )
        )
    return tuple(found)


def discrepancies(folder: Path = PUBLISHED) -> list[PaperAverage]:
    """Return the printed averages that are not the mean of the printed cells."""
    return [average for average in averages(folder) if average.differs]


def coincidences(folder: Path = PUBLISHED) -> list[Coincidence]:
    """Return measurements that should differ, by benchmark or method, and do not.

    Of one backbone and direction; a table that repeats another's cells is no finding.
    """
    measured: dict[tuple[str, str, str], dict[tuple[str, str], dict[str, PaperCell]]]
    measured = defaultdict(lambda: defaultdict(dict))
    for cell in cells(folder):
        if cell.metric in PROBES and cell.backbone:
            where = (cell.backbone, cell.edit, cell.target)
            of_method = measured[where][cell.benchmark, cell.method]
            of_method.setdefault(cell.metric, cell)
    found = []
    for methods in measured.values():
        for first, second in combinations(methods.values(), 2):
            same = tuple(
                metric
                for metric in PROBES
                if metric in first
                and metric in second
                and first[metric].value == second[metric].value
            )
            if len(same) >= 3:
                found.append(Coincidence(first[same[0]], second[same[0]], same))
    return found


@cache
def context(folder: Path = PUBLISHED) -> tuple[OtherWork, ...]:
    """Return what other works report."""
    with (folder / "context.toml").open("rb") as file:
        works = tomllib.load(file)["work"]
    return tuple(
        OtherWork(
            work["name"],
            work["source"],
            work["setting"],
            work["protocol"],
            tuple((f["what"], float(f["value"])) for f in work["figures"]),
        )
        for work in works
    )


@dataclass(frozen=True)
class PaperNumbers:
    """All that the paper prints, what was found in it, and other works' context."""

    tables: dict[int, PaperTable]
    cells: tuple[PaperCell, ...]
    averages: tuple[PaperAverage, ...]
    repeated: tuple[Coincidence, ...]
    flagged: frozenset[PaperCell]  # cells that repeat those of another measurement
    context: tuple[OtherWork, ...]

    def of(self, table: int) -> list[PaperCell]:
        """Return a table's cells."""
        return [cell for cell in self.cells if cell.table == table]

    def texts(
        self, table: int, field: Literal["edit", "target", "metric", "method"]
    ) -> tuple[str, ...]:
        """Return what a table has in a field, each once, in its order."""
        values = (getattr(cell, field) for cell in self.of(table))
        return tuple(dict.fromkeys(value for value in values if value))


def read(folder: Path = PUBLISHED) -> PaperNumbers:
    """Read everything; raises DataError in words where a file is not as it should be.

    The functions above trust the shipped files, so what they fail on is named here.
    """
    try:
        return PaperNumbers(
            tables(folder),
            cells(folder),
            averages(folder),
            *_repeated(folder),
            context(folder),
        )
    except OSError as error:
        name = Path(error.filename or folder).name
        raise DataError(_broken(name, error.strerror or "not readable")) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(_broken(_culprit(folder), repr(error))) from error


def _broken(name: str, reason: str) -> str:
    return (
        f"assets/published/{name} cannot be read: {reason}. "
        "Restore it with: git checkout assets/published"
    )


def _culprit(folder: Path) -> str:
    """Return the first file, with the line, that does not hold what it should."""
    for path in sorted(folder.glob("*.toml")):
        try:
            tomllib.loads(path.read_text(encoding="utf-8", errors="replace"))
        except tomllib.TOMLDecodeError:
            return path.name
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            for line, row in enumerate(csv.DictReader(file), start=2):
                if not all(_sound(column, row[column]) for column in row):
                    return f"{path.name} (line {line})"
    return ""


def _sound(column: object, value: object) -> bool:
    """Say whether a field is there, and a number where one belongs."""
    if not isinstance(column, str) or not isinstance(value, str):
        return False
    words = column in ("edit", "method", "metric")
    return words or re.fullmatch(r"-?\d+(\.\d+)?", value.strip()) is not None


@cache
def _repeated(folder: Path) -> tuple[tuple[Coincidence, ...], frozenset[PaperCell]]:
    """Return what is the same and should not be, and the cells that repeat others.

    Of each two measurements the later one, in the metrics that agree.
    """
    repeated = tuple(coincidences(folder))
    doubtful = {
        (measurement(pair.second), metric)
        for pair in repeated
        for metric in pair.metrics
    }
    flagged = frozenset(
        cell for cell in cells(folder) if (measurement(cell), cell.metric) in doubtful
    )
    return repeated, flagged


def measurement(cell: PaperCell) -> tuple[str, ...]:
    """Return what was measured, but for the metric."""
    return (cell.backbone, cell.benchmark, cell.edit, cell.target, cell.method)
