"""Published numbers: the paper's tables cell by cell, and what can be checked of them.

Cells are as printed; averages are recomputed from them and compared with the printed
ones, so that a difference is found and not asserted. Numbers of other works are
context, on protocols of their own. Files: ``assets/published``. Knows no measurement of
ours.

Try it: ``python -m xkde benchmarks published 1``
"""

import csv
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

from xkde.evaluation.scoring.metrics import mean
from xkde.languages import LANGUAGES
from xkde.paths import PUBLISHED
from xkde.types import PROBES

ALL = "all"  # the metric of an average over every cell of a row
# Cells and averages are both rounded to 0.01, by up to half of it each.
TOLERANCE = 0.01 + 1e-9
_KEYS = ("edit", "method", "metric")


@dataclass(frozen=True)
class Table:
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
class Cell:
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
class Average:
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

    first: Cell
    second: Cell
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class Context:
    """What another work reports, on its own protocol."""

    name: str
    source: str
    setting: str
    protocol: str
    figures: tuple[tuple[str, float], ...]


@cache
def tables(folder: Path = PUBLISHED) -> dict[int, Table]:
    """Return the tables by number."""
    with (folder / "tables.toml").open("rb") as file:
        about = tomllib.load(file)
    return {
        entry["number"]: Table(
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
def cells(folder: Path = PUBLISHED) -> tuple[Cell, ...]:
    """Return every cell of every table, in the paper's order."""
    return tuple(
        cell for table in tables(folder).values() for cell in _cells(table, folder)
    )


def _cells(table: Table, folder: Path) -> list[Cell]:
    found = []
    for row in _rows(folder / f"table_{table.number:02}.csv"):
        for column, value in row.items():
            if column in _KEYS:
                continue
            target, metric = _target_and_metric(column)
            found.append(
                Cell(
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
def averages(folder: Path = PUBLISHED) -> tuple[Average, ...]:
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
            Average(
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


def discrepancies(folder: Path = PUBLISHED) -> list[Average]:
    """Return the printed averages that are not the mean of the printed cells."""
    return [average for average in averages(folder) if average.differs]


def coincidences(folder: Path = PUBLISHED) -> list[Coincidence]:
    """Return measurements that should differ, by benchmark or method, and do not.

    Of one backbone and direction; a table that repeats another's cells is no finding.
    """
    measured: dict[tuple[str, str, str], dict[tuple[str, str], dict[str, Cell]]]
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
def context(folder: Path = PUBLISHED) -> tuple[Context, ...]:
    """Return what other works report."""
    with (folder / "context.toml").open("rb") as file:
        works = tomllib.load(file)["work"]
    return tuple(
        Context(
            work["name"],
            work["source"],
            work["setting"],
            work["protocol"],
            tuple((f["what"], float(f["value"])) for f in work["figures"]),
        )
        for work in works
    )
