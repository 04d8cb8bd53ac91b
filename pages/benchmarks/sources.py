"""What Benchmarks shows numbers of: runs with rows, and the shipped table without.

A *source* is one of them, with a name that tells it from the others.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from pages.benchmarks.cases.view import CaseView
from pages.benchmarks.shared import X_KDE, method_name
from pages.shell.strings import Interface
from xkde import paths
from xkde.errors import DataError
from xkde.evaluation.results.atlas_table import (
    CLOSED_BOOK,
    UNCHANGED,
    AtlasCell,
    cells_of,
    share_of,
)
from xkde.evaluation.results.local_runs import (
    LocalRun,
    local_runs,
    opened,
    run_of,
)
from xkde.evaluation.results.rows import (
    GENERATED,
    HERE,
    PROTOCOLS,
    SCORE,
    Mask,
    choices,
    where,
)
from xkde.evaluation.results.summary import GroupMean, means
from xkde.evaluation.run.questions import ATLAS
from xkde.text import Json
from xkde.types import PROBES

TABLE = "table/"  # begins the keys of the shipped table's models
MOST = 6  # sources shown at once
EVERY = "all"  # edits in every language
# Of all measures, those that are about an answer
MEASURED = (
    "exact", "alias", "lenient", "f1", "contains", "judged", "in_target", "in_source",
    "copied", "token_accuracy", "unchanged", "unchanged_from_base",
)  # fmt: skip
STAGES = ("base", "xe-it", "tl-po")  # how the stages follow each other


@dataclass(frozen=True)
class MeasuredSource:
    """One run, or one model of the shipped table; ``rows`` or ``cells`` is there."""

    key: str
    name: str
    about: Json
    state: str
    count: int
    rows: pd.DataFrame | None = None
    cells: tuple[AtlasCell, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether its questions were asked without an edit."""
        return bool(self.about["editor"] == "none")


@dataclass(frozen=True)
class MeasuredChoice:
    """What a visitor has chosen; ``runs`` empty: the first ones."""

    benchmark: str = ATLAS
    source: str = "en"  # language of the edit; EVERY: all of them
    protocol: str = GENERATED
    probe: str = PROBES[0]
    measure: str = SCORE
    clean: bool = False
    runs: tuple[str, ...] = ()
    first: str = ""
    second: str = ""

    def address(self) -> str:
        """Return the query string that reopens it."""
        parameters = {
            "tab": "benchmarks",
            "view": "measured",
            "benchmark": self.benchmark,
            "source": self.source,
            "protocol": self.protocol,
            "probe": self.probe,
            "measure": self.measure if self.measure != SCORE else "",
            "defects": "clean" if self.clean else "",
            "runs": "~".join(self.runs),
            "first": self.first,
            "second": self.second,
        }
        return urlencode({name: value for name, value in parameters.items() if value})

    @staticmethod
    def from_query(query: Mapping[str, str]) -> "MeasuredChoice":
        """Return what an address states; what cannot be meant falls back to default."""

        def one_of(name: str, known: Sequence[str], default: str) -> str:
            return query[name] if query.get(name) in known else default

        return MeasuredChoice(
            benchmark=query.get("benchmark", ATLAS)[:100],
            source=query.get("source", "en")[:8],
            protocol=one_of("protocol", PROTOCOLS, GENERATED),
            probe=one_of("probe", PROBES, PROBES[0]),
            measure=one_of("measure", MEASURED, SCORE),
            clean=query.get("defects") == "clean",
            runs=tuple(query["runs"][:2000].split("~")) if query.get("runs") else (),
            first=query.get("first", "")[:300],
            second=query.get("second", "")[:300],
        )


def available() -> tuple[list[LocalRun], list[str]]:
    """Return all runs, and the benchmarks that there are numbers of."""
    runs = local_runs()
    names = [str(run.about["benchmark"]) for run in runs if run.about.get("benchmark")]
    if paths.ATLAS_RESULTS.is_file():
        names.insert(0, ATLAS)
    return runs, list(dict.fromkeys(names))


def sources(
    runs: Sequence[LocalRun], benchmark: str, interface: Interface
) -> list[MeasuredSource]:
    """Return what there is of a benchmark, stage after stage; broken runs are none."""
    found: list[MeasuredSource] = []
    for run in runs:
        if run.about.get("benchmark") != benchmark or not run.files:
            continue
        try:
            rows = opened(run)
        except DataError:
            continue  # it broke since it was listed; the list says so next time
        name = source_name(run.about, interface)
        found.append(
            MeasuredSource(run.key, name, run.about, run.state, len(rows), rows)
        )
    known = {(its.about["checkpoint"], its.about["revision"]) for its in found}
    if benchmark == ATLAS:
        found += [
            its for its in table_sources(interface)
            if (its.about["checkpoint"], its.about["revision"]) not in known
        ]  # fmt: skip
    return _distinguished(sorted(found, key=_stage))


def _stage(source: MeasuredSource) -> tuple[int, bool]:
    name = str(source.about["checkpoint"])
    ends = (n for n, end in enumerate(STAGES) if name.endswith(end))
    return next(ends, len(STAGES)), not source.is_plain


def source_name(about: Mapping[str, object], interface: Interface) -> str:
    """Return what a run is called: its checkpoint, and how the edit was made."""
    return f"{about['checkpoint']} · {method_name(about, interface)}"


def _distinguished(found: list[MeasuredSource]) -> list[MeasuredSource]:
    """Add its key to each of several equal names."""
    names = [source.name for source in found]
    return [
        replace(its, name=f"{its.name} ({its.key.removeprefix('evaluations/')})")
        if names.count(its.name) > 1 else its
        for its in found
    ]  # fmt: skip


def table_sources(interface: Interface) -> list[MeasuredSource]:
    """Return the models of the shipped table, which has counts and no answers."""
    try:
        table = json.loads(paths.ATLAS_RESULTS.read_text(encoding="utf-8"))
        return [
            _table_source(table, name, model, interface)
            for name, model in table["models"].items()
        ]
    except (OSError, ValueError, KeyError):
        return []


def _table_source(
    table: Json, name: str, model: Json, interface: Interface
) -> MeasuredSource:
    about = {
        "benchmark": ATLAS, "checkpoint": name, "editor": X_KDE,
        "revision": model["fingerprint"], "wrapper": table["wrapper"],
        "engine": "transformers", "date": table.get("date", ""),
        "provenance": HERE, "seed": table["seed"], "parity": False,
    }  # fmt: skip
    stored = [AtlasCell.from_dict(cell) for cell in model["cells"]]
    cells = tuple(cell for cell in stored if cell.measure != CLOSED_BOOK)
    count = sum(cell.n for cell in cells if cell.measure in PROBES)
    its_name = source_name(about, interface)
    return MeasuredSource(TABLE + name, its_name, about, "table", count, None, cells)


def mask_of(
    rows: pd.DataFrame, choice: MeasuredChoice, is_plain: bool, **more: str
) -> Mask:
    """Return the rows that a choice is about.

    Without an edit the answers are the same whichever language it would be in: one is
    counted.
    """
    source = "" if choice.source == EVERY else choice.source
    there = choices(rows, "source")
    if is_plain and (not source or source not in there):
        source = there[0]
    return where(rows, {"source": source, **more}, choice.clean)


def chosen_probe_mask(
    rows: pd.DataFrame, choice: MeasuredChoice, is_plain: bool
) -> Mask:
    """Return the rows of a choice's protocol and probe."""
    its = {"protocol": choice.protocol, "probe": choice.probe}
    return mask_of(rows, choice, is_plain, **its)


def means_of(
    source: MeasuredSource, choice: MeasuredChoice, by: Sequence[str], **more: str
) -> list[GroupMean]:
    """Return the chosen measure of a source in groups, narrowed by ``more``."""
    if source.rows is None:
        return _table_means(source, choice, by, **more)
    mask = mask_of(source.rows, choice, source.is_plain, **more)
    return means(source.rows[mask], by, choice.measure)


def _table_means(
    source: MeasuredSource, choice: MeasuredChoice, by: Sequence[str], **more: str
) -> list[GroupMean]:
    """Add up the shipped table's cells: exact match of all cases, generated."""
    has_it = choice.measure in (SCORE, "exact", UNCHANGED) and not choice.clean
    if not has_it or more.get("protocol", GENERATED) != GENERATED:
        return []
    wanted = dict(more)
    if choice.source != EVERY:
        wanted["source"] = choice.source
    groups: dict[tuple[str, ...], list[AtlasCell]] = {}
    is_unchanged = choice.measure == UNCHANGED
    for measure in (UNCHANGED,) if is_unchanged else PROBES:
        probe = "locality" if is_unchanged else measure
        for cell in cells_of(source.cells, measure):
            its = {"protocol": GENERATED, "probe": probe,
                   "source": cell.source, "target": cell.target}  # fmt: skip
            if all(its[name] == value for name, value in wanted.items()):
                groups.setdefault(tuple(its[name] for name in by), []).append(cell)
    return [
        _table_mean(dict(zip(by, key, strict=True)), choice.measure, cells)
        for key, cells in groups.items()
    ]


def _table_mean(
    group: dict[str, str], measure: str, cells: Sequence[AtlasCell]
) -> GroupMean:
    share, n = share_of(cells), sum(cell.n for cell in cells)
    edits = max(cell.n for cell in cells)
    ends = (share["share"], share["low"], share["high"])
    return GroupMean(group, measure, n, edits, 0, *ends)


def mean_seconds(rows: pd.DataFrame, mask: Mask) -> float | None:
    """Return how long an edit took on average; None where it was not measured."""
    seconds = rows["edit_seconds"][mask].to_numpy(dtype=np.float64, na_value=np.nan)
    known = seconds[~np.isnan(seconds)]
    return float(known.mean()) if len(known) else None


def with_kinds(source: MeasuredSource) -> MeasuredSource:
    """Return a source whose rows have their kinds of failure."""
    if source.rows is None or source.rows["kind"].notna().any():
        return source
    return replace(source, rows=opened(run_of(source.key), kinds=True))


def cases_address(
    its: MeasuredSource,
    choice: MeasuredChoice,
    *,
    protocol: str = "",
    probe: str = "",
    source: str = "",
    target: str = "",
) -> str:
    """Return the address of the answers behind a number; empty where there are none.

    Protocol and language of the edit are the choice's where none is given.
    """
    if its.rows is None:
        return ""
    wanted = "" if choice.source == EVERY else choice.source
    there = choices(its.rows, "source")
    if its.is_plain and wanted not in there:
        wanted = there[0]
    view = CaseView(
        run=its.key,
        clean="clean" if choice.clean else "",
        protocol=protocol or choice.protocol,
        probe=probe,
        source=source or wanted,
        target=target,
    )
    return view.address()
