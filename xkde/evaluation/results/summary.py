"""A run's results in short: shares by direction and probe, clean cases beside all.

Teacher-forced: token accuracy; generated: exact match. For locality also the agreement
with the same model without the edit, as the paper, and with the base, and how right
these were; and a judge's word, where one was asked. A probe that the benchmark lacks is
there as not measured. Further: ``rows.aggregate``.

Run its tests: ``python -m pytest tests/xkde/evaluation/results/test_summary.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from xkde.evaluation.results.rows import GENERATED, TEACHER_FORCED, Share, aggregate
from xkde.evaluation.results.statistics import mcnemar
from xkde.types import PROBES

ALL = "all"  # directions taken together
SCORES = {TEACHER_FORCED: "token_accuracy", GENERATED: "exact"}
# Locality's ways: unchanged against the same model without the edit, against the base,
# and whether it was right before, and in the base.
LOCALITY = ("unchanged", "unchanged_from_base")
WITHOUT = ("before", "base")
JUDGED = "judged"
MEASURES = {  # as they are printed
    "token_accuracy": "token accuracy",
    "token_accuracy_before": "the same without the edit",
    "token_accuracy_base": "the same of the base",
    "exact": "exact match",
    "exact_before": "the same without the edit",
    "exact_base": "the same of the base",
    "unchanged": "unchanged by the edit",
    "unchanged_from_base": "as the base answers",
    "judged": "right, says the judge",
}


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
        for measure in (
            score,
            *(f"{score}_{name}" for name in WITHOUT),
            *LOCALITY,
            JUDGED,
        ):
            whole = aggregate(rows, by, measure)
            clean = {
                tuple(share.group.values()): share
                for share in aggregate(rows.filter(rows["clean"]), by, measure)
            }
            lines += [
                _line(share, measure, clean.get(tuple(share.group.values())))
                for share in whole
                if measure == score or _is_told(share, measure)
            ]
        lines += _absent(rows, by, score)
    return sorted(lines, key=_order)


def _is_told(share: Share, measure: str) -> bool:
    """Tell whether a further measure is worth a line: it was measured, and says it."""
    return bool(share.n) and (measure == JUDGED or share.group["probe"] == "locality")


def _absent(rows: pa.Table, by: Sequence[str], score: str) -> list[Line]:
    """Return a line without number for each probe that nothing was asked of."""
    interval: Literal["wilson", "bootstrap"] = "wilson" if score == "exact" else (
        "bootstrap"
    )  # fmt: skip
    asked: dict[tuple[object, ...], set[str]] = {}
    for group in rows.group_by(list(by)).aggregate([]).to_pylist():
        others = tuple(group[name] for name in by if name != "probe")
        asked.setdefault(others, set()).add(group["probe"])
    return [
        _line(
            Share(
                dict(zip(by, (*others, probe), strict=True)),
                score, 0, 0, None, None, None, interval,
            ),
            score,
            None,
        )
        for others, there in asked.items()
        for probe in PROBES
        if probe not in there
    ]  # fmt: skip


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
        list(MEASURES).index(line.measure),
    )


@dataclass(frozen=True)
class Change:
    """How right answers that an edit must not touch were before it, and are after."""

    compared_with: str  # "before": the same model without the edit; "base"
    n: int
    only_then: int  # right without the edit alone: what it broke
    only_now: int
    p: float  # McNemar's


def locality_changes(table: pa.Table) -> list[Change]:
    """Return the changes of exact match on locality, over all directions."""
    rows = table.filter(
        pc.and_(
            pc.equal(table["protocol"], GENERATED), pc.equal(table["probe"], "locality")
        )
    )
    found = []
    for name in WITHOUT:
        columns = [rows[c].to_pylist() for c in (f"exact_{name}", "exact")]
        pairs = [pair for pair in zip(*columns, strict=True) if None not in pair]
        if pairs:
            then, now = zip(*pairs, strict=True)
            test = mcnemar(then, now)
            found.append(
                Change(name, len(pairs), test.only_first, test.only_second, test.p)
            )
    return found


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
