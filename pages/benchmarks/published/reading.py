"""Read all that the paper prints, or say in words which file is not as it should be.

The reader of ``xkde.evaluation.published.tables`` trusts the shipped files; what it
stumbles on is named here, with the way to mend it. Knows no view.

Run its tests: ``python -m pytest tests/pages/benchmarks/published/test_page.py``
"""

import csv
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xkde import paths
from xkde.errors import DataError
from xkde.evaluation.published import tables as published
from xkde.evaluation.published.tables import Average, Cell, Coincidence, Context, Table


@dataclass(frozen=True)
class Numbers:
    """All that the paper prints, what was found in it, and other works' context."""

    tables: dict[int, Table]
    cells: tuple[Cell, ...]
    averages: tuple[Average, ...]
    repeated: tuple[Coincidence, ...]
    flagged: frozenset[Cell]  # cells that repeat those of another measurement
    context: tuple[Context, ...]

    def of(self, table: int) -> list[Cell]:
        """Return a table's cells."""
        return [cell for cell in self.cells if cell.table == table]


def read(folder: Path = paths.PUBLISHED) -> Numbers:
    """Read everything; raises DataError in words where a file is not as it should be.

    The reader trusts the shipped files, so what it stumbles on is named here.
    """
    try:
        return Numbers(
            published.tables(folder),
            published.cells(folder),
            published.averages(folder),
            *_found(folder),
            published.context(folder),
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
def _found(folder: Path) -> tuple[tuple[Coincidence, ...], frozenset[Cell]]:
    """Return what is the same and should not be, and the cells that repeat others.

    Of each two measurements the later one, in the metrics that agree.
    """
    repeated = tuple(published.coincidences(folder))
    doubtful = {
        (measurement(pair.second), metric)
        for pair in repeated
        for metric in pair.metrics
    }
    flagged = frozenset(
        cell
        for cell in published.cells(folder)
        if (measurement(cell), cell.metric) in doubtful
    )
    return repeated, flagged


def measurement(cell: Cell) -> tuple[str, ...]:
    """Return what was measured, but for the metric."""
    return (cell.backbone, cell.benchmark, cell.edit, cell.target, cell.method)
