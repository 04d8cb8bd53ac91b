"""A run's results in short: shares by direction and probe, clean cases beside all.

Teacher-forced: token accuracy, and for locality the agreement with the same model
without the edit, as the paper. Generated: exact match, and both for locality. Further:
``results.aggregate``.

Run its tests: ``python -m pytest tests/test_summary.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from xkde.evaluation.results import GENERATED, TEACHER_FORCED, Share, aggregate
from xkde.types import PROBES

ALL = "all"  # directions taken together
SCORES = {TEACHER_FORCED: "token_accuracy", GENERATED: "exact"}


@dataclass(frozen=True)
class Line:
    """One number of a run over all its cases, and over the clean ones."""

    source: str
    target: str
    protocol: str
    probe: str
    measure: str
    whole: Share
    clean: Share


def summary(table: pa.Table, by_direction: bool = True) -> list[Line]:
    """Return the main numbers: for each direction, or for all of them together."""
    by = ["source", "target", "protocol", "probe"] if by_direction else [
        "protocol",
        "probe",
    ]  # fmt: skip
    lines: list[Line] = []
    for protocol, score in SCORES.items():
        rows = table.filter(pc.equal(table["protocol"], protocol))
        for measure in (score, "unchanged"):
            whole = aggregate(rows, by, measure)
            clean = {
                tuple(share.group.values()): share
                for share in aggregate(rows.filter(rows["clean"]), by, measure)
            }
            lines += [
                _line(share, measure, clean.get(tuple(share.group.values())))
                for share in whole
                if measure == score or (share.group["probe"] == "locality" and share.n)
            ]
    return sorted(lines, key=_order)


def _line(share: Share, measure: str, clean: Share | None) -> Line:
    nothing = Share(share.group, measure, 0, 0, None, None, None, share.interval)
    group = share.group
    return Line(
        group.get("source", ALL),
        group.get("target", ALL),
        group["protocol"],
        group["probe"],
        measure,
        share,
        clean or nothing,
    )


def _order(line: Line) -> tuple[object, ...]:
    return (
        line.source,
        line.target,
        line.protocol,
        PROBES.index(line.probe),  # type: ignore[arg-type]
        line.measure == "unchanged",
    )


def in_words(share: Share) -> str:
    """Return "0.506 [0.492–0.520]", or that nothing was measured."""
    if share.mean is None or share.low is None or share.high is None:
        return "not measured"
    low = max(0.0, share.low)  # rounding may leave it a hair below
    return f"{share.mean:.3f} [{low:.3f}–{share.high:.3f}]"


def not_measured(lines: Sequence[Line]) -> int:
    """Return how many questions have no score, of all main numbers."""
    scores = set(SCORES.values())
    return sum(line.whole.missing for line in lines if line.measure in scores)
