"""What Measured here shows numbers of: runs with rows, and the shipped table without.

A *source* is one of them, with a name that tells it from the others.

Run its tests: ``python -m pytest tests/pages/benchmarks/measured/test_page.py``
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from pages.shell.strings import Interface, tr
from xkde import paths
from xkde.editors.registry import EDITORS
from xkde.errors import DataError
from xkde.evaluation.results.case_view import CaseView
from xkde.evaluation.results.columns import Mask, Rows, numbers
from xkde.evaluation.results.local_runs import LocalRun, local_runs, opened
from xkde.evaluation.results.rows import (
    GENERATED,
    HERE,
    PROTOCOLS,
    TEACHER_FORCED,
    Share,
)
from xkde.evaluation.run.questions import ATLAS
from xkde.evaluation.scoring.metrics import wilson_interval
from xkde.types import PROBES

TABLE = "table/"  # begins the keys of the shipped table's models
SCORE = "score"  # the main measure of each protocol
MOST = 6  # sources shown at once
OWN_WORDS = ("none", "prompt")  # editors that are no proper names
# Of all measures, those that are about an answer
MEASURED = (
    "exact", "alias", "lenient", "f1", "contains", "judged", "in_target", "in_source",
    "copied", "token_accuracy", "unchanged", "unchanged_from_base",
)  # fmt: skip
ORDER = ("base", "xe-it", "tl-po")  # how the stages follow each other


@dataclass(frozen=True)
class Source:
    """One run, or one model of the shipped table; ``rows`` or ``cells`` is there."""

    key: str
    name: str
    about: Mapping[str, Any]
    state: str
    count: int
    rows: Rows | None = None
    cells: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether its questions were asked without an edit."""
        return self.about["editor"] == "none"


@dataclass(frozen=True)
class Choice:
    """What a visitor has chosen; ``runs`` empty: the first ones."""

    benchmark: str = ATLAS
    source: str = "en"  # language of the edit; "all": every one
    protocol: str = GENERATED
    probe: str = PROBES[0]
    measure: str = SCORE
    clean: bool = False
    runs: tuple[str, ...] = ()
    first: str = ""
    second: str = ""

    def address(self) -> str:
        """Return the query string that reopens it."""
        told = {
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
        return urlencode({name: value for name, value in told.items() if value})

    @staticmethod
    def from_query(told: Mapping[str, str]) -> "Choice":
        """Return what an address says; what cannot be meant falls back to default."""

        def one_of(name: str, choices: Sequence[str], default: str) -> str:
            return told[name] if told.get(name) in choices else default

        return Choice(
            benchmark=told.get("benchmark", ATLAS)[:100],
            source=told.get("source", "en")[:8],
            protocol=one_of("protocol", PROTOCOLS, GENERATED),
            probe=one_of("probe", PROBES, PROBES[0]),
            measure=one_of("measure", MEASURED, SCORE),
            clean=told.get("defects") == "clean",
            runs=tuple(told["runs"][:2000].split("~")) if told.get("runs") else (),
            first=told.get("first", "")[:300],
            second=told.get("second", "")[:300],
        )


def sources(runs: Sequence[LocalRun], benchmark: str, say: Interface) -> list[Source]:
    """Return what there is of a benchmark, stage after stage; broken runs are none."""
    found: list[Source] = []
    for run in runs:
        if run.about.get("benchmark") != benchmark or not run.files:
            continue
        try:
            rows = opened(run)
        except DataError:
            continue  # it broke since it was listed; the list says so next time
        name = source_name(run.about, say)
        found.append(Source(run.key, name, run.about, run.state, len(rows), rows))
    known = {(its.about["checkpoint"], its.about["revision"]) for its in found}
    if benchmark == ATLAS:
        found += [
            its for its in table_sources(say)
            if (its.about["checkpoint"], its.about["revision"]) not in known
        ]  # fmt: skip
    return _told_apart(sorted(found, key=_place))


def _place(source: Source) -> tuple[int, bool]:
    name = str(source.about["checkpoint"])
    stage = next((n for n, end in enumerate(ORDER) if name.endswith(end)), len(ORDER))
    return stage, not source.is_plain


def source_name(about: Mapping[str, Any], say: Interface) -> str:
    """Return what a run is called: its checkpoint, and how it was told the edit."""
    return f"{about['checkpoint']} · {editor_name(str(about['editor']), say)}"


def editor_name(name: str, say: Interface) -> str:
    """Return what an editor is called."""
    if name in OWN_WORDS:
        return tr(f"measured_editor_{name}", say)
    return EDITORS[name].label if name in EDITORS else name


def _told_apart(found: list[Source]) -> list[Source]:
    """Add to equal names what tells them apart."""
    names = [source.name for source in found]
    return [
        replace(its, name=f"{its.name} ({its.key.removeprefix('evaluations/')})")
        if names.count(its.name) > 1 else its
        for its in found
    ]  # fmt: skip


def table_sources(say: Interface) -> list[Source]:
    """Return the models of the shipped table, which tells counts and no answers."""
    try:
        told = json.loads(paths.ATLAS_RESULTS.read_text(encoding="utf-8"))
        found = []
        for name, model in told["models"].items():
            about = {
                "benchmark": ATLAS, "checkpoint": name, "editor": "x-kde",
                "revision": model["fingerprint"], "wrapper": told["wrapper"],
                "engine": "transformers", "date": told.get("date", ""),
                "provenance": HERE, "seed": told["seed"], "parity": False,
            }  # fmt: skip
            cells = tuple(c for c in model["cells"] if c["measure"] != "closed-book")
            count = sum(c["n"] for c in cells if c["measure"] in PROBES)
            key, its_name = TABLE + name, source_name(about, say)
            found.append(Source(key, its_name, about, "table", count, None, cells))
    except (OSError, ValueError, KeyError):
        return []
    return found


def mask_of(rows: Rows, choice: Choice, is_plain: bool, **more: str) -> Mask:
    """Return the rows that a choice is about.

    Without an edit the answers are the same whichever language it would be in: one is
    counted.
    """
    source = "" if choice.source == "all" else choice.source
    there = rows.choices("source")
    if is_plain and (not source or source not in there):
        source = there[0]
    return rows.where({"source": source, **more}, choice.clean)


def shares(
    source: Source, choice: Choice, by: Sequence[str], **more: str
) -> list[Share]:
    """Return the chosen measure of a source in groups, narrowed by ``more``."""
    if source.rows is None:
        return _table_shares(source, choice, by, **more)
    mask = mask_of(source.rows, choice, source.is_plain, **more)
    return numbers(source.rows, mask, by, choice.measure)


def _table_shares(
    source: Source, choice: Choice, by: Sequence[str], **more: str
) -> list[Share]:
    """Add up the shipped table's cells: exact match of all cases, generated."""
    unchanged = choice.measure == "unchanged"
    fits = choice.measure in (SCORE, "exact", "unchanged") and not choice.clean
    if not fits or more.get("protocol", GENERATED) != GENERATED:
        return []
    wanted = dict(more)
    if choice.source != "all":
        wanted["source"] = choice.source
    found: dict[tuple[str, ...], list[int]] = {}
    for cell in source.cells:
        probe = "locality" if cell["measure"] == "unchanged" else cell["measure"]
        its = {"protocol": GENERATED, "probe": probe, **_ends(cell)}
        if (cell["measure"] == "unchanged") != unchanged:
            continue
        if any(its[name] != value for name, value in wanted.items()):
            continue
        counts = found.setdefault(tuple(its[name] for name in by), [0, 0])
        counts[0] += cell["hits"]
        counts[1] += cell["n"]
    return [
        Share(dict(zip(by, key, strict=True)), choice.measure, n, 0, hits / n,
              *wilson_interval(hits, n), "wilson")
        for key, (hits, n) in found.items() if n
    ]  # fmt: skip


def _ends(cell: Mapping[str, Any]) -> dict[str, str]:
    return {"source": cell["source"], "target": cell["target"]}


def cases_address(its: Source, choice: Choice, /, **more: str) -> str:
    """Return the address of the answers behind a number; empty where there are none."""
    if its.rows is None:
        return ""
    wanted = "" if choice.source == "all" else choice.source
    there = its.rows.choices("source")
    if its.is_plain and wanted not in there:
        wanted = there[0]
    view = CaseView(
        run=its.key,
        clean="clean" if choice.clean else "",
        **{"protocol": choice.protocol, "source": wanted, **more},
    )
    return urlencode({"tab": "benchmarks", "view": "cases", **view.to_query()})


def chosen(found: Sequence[Source], choice: Choice) -> list[Source]:
    """Return the sources to show: the chosen ones, else the first."""
    mine = [source for source in found if source.key in choice.runs]
    return (mine or list(found))[:MOST]


def offered() -> tuple[list[LocalRun], list[str]]:
    """Return all runs, and the benchmarks that there are numbers of."""
    runs = local_runs()
    names = [str(run.about["benchmark"]) for run in runs if run.about.get("benchmark")]
    if paths.ATLAS_RESULTS.is_file():
        names.insert(0, ATLAS)
    return runs, list(dict.fromkeys(names))


def protocol_words(protocol: str, say: Interface) -> str:
    """Return a protocol's name."""
    return tr(f"measured_protocol_{protocol.replace('-', '_')}", say)


def measure_words(choice: Choice, protocol: str, say: Interface) -> str:
    """Return what a number of a protocol is."""
    name = choice.measure
    if name == SCORE:
        name = "token_accuracy" if protocol == TEACHER_FORCED else "exact"
    return tr(f"measure_{name}", say)
