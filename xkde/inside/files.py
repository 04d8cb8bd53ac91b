"""Measurements over many edits as files: flat tables, and how they were measured.

One JSON file for each checkpoint and measurement. The shipped ones lie in
``assets/results/inside``; only means, intervals and points of a map are in them, never
a record of a benchmark.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from xkde import paths
from xkde.errors import DataError
from xkde.evaluation.results.statistics import mean_interval
from xkde.writing import write_aside

FOLDER = "inside"
Cell = str | int | float
Row = Mapping[str, Cell]


@dataclass(frozen=True)
class InsideReport:
    """One measurement: what, on which checkpoint, over which edits, and its tables."""

    what: str  # lens, attribution, trace or geometry
    about: Row
    tables: Mapping[str, Sequence[Row]]

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        names = (self.about[key] for key in ("checkpoint", "benchmark", "editor"))
        return "-".join(str(name) for name in (*names, self.what) if name)


def mean_row(values: Sequence[float]) -> dict[str, Cell]:
    """Return mean, 95 % interval over edits and n of one value for each edit."""
    sums = np.asarray(values, dtype=np.float64)
    low, high, _ = mean_interval(sums, np.ones(len(sums)))
    return {
        "mean": round(float(sums.mean()), 5),
        "low": round(low, 5),
        "high": round(high, 5),
        "n": len(values),
    }


def write_report(report: InsideReport, folder: Path) -> Path:
    """Write a report into a folder, wholly or not at all."""
    path = folder / f"{report.name}.json"
    write_aside(path, json.dumps(asdict(report), ensure_ascii=False) + "\n")
    return path


def read_report(path: Path) -> InsideReport:
    """Read a report; raises DataError for another file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        report = InsideReport(found["what"], found["about"], found["tables"])
        assert report.name
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "{file} is no measurement of the inside of a model. Make it again with "
            "python -m xkde inside.",
            file=path.name,
        ) from error
    return report


def shipped(what: str) -> tuple[InsideReport, ...]:
    """Return the shipped reports of one kind; broken files are left out."""
    return tuple(report for report in _all_shipped() if report.what == what)


@lru_cache(maxsize=1)
def _all_shipped() -> tuple[InsideReport, ...]:
    found = []
    for path in sorted((paths.RESULTS / FOLDER).glob("*.json")):
        try:
            found.append(read_report(path))
        except DataError:
            continue
    return tuple(found)
