"""What the view Editors shows numbers of: runs of one edit each, and of many edits.

Single edits are evaluations of Atlas, one for each editor and checkpoint; many edits
are experiments. Pure but for reading files.

Run its tests: ``python -m pytest tests/pages/benchmarks/editors/test_page.py``
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

import numpy as np

from pages.benchmarks.measured.sources import Source, editor_name, sources
from pages.shell.strings import Interface
from xkde.editors.registry import EDITORS
from xkde.evaluation.experiments.files import KINDS, UNTOUCHED, Experiment
from xkde.evaluation.experiments.shares import (
    LANGUAGES,
    AskedIn,
    of_the_first,
    shares,
)
from xkde.evaluation.results.columns import Mask, numbers
from xkde.evaluation.results.local_runs import LocalRun
from xkde.evaluation.results.rows import GENERATED, PROTOCOLS, Share
from xkde.evaluation.results.summary import SCORES
from xkde.evaluation.run.questions import ATLAS
from xkde.types import PROBES

PROBED = (*PROBES, UNTOUCHED)
SOURCES = ("en", "zh")  # languages of edits in the paper's tables


@dataclass(frozen=True)
class Choice:
    """What a visitor has chosen."""

    source: str = "en"  # language of the edits
    protocol: str = GENERATED
    asked_in: AskedIn = "others"
    kind: str = KINDS[0]
    probe: str = PROBES[0]

    def address(self) -> str:
        """Return the query string that reopens it."""
        return urlencode({"tab": "benchmarks", "view": "editors", **asdict(self)})

    @staticmethod
    def from_query(told: Mapping[str, str]) -> "Choice":
        """Return what an address says; what cannot be meant falls back to default."""
        allowed = {
            "source": SOURCES,
            "protocol": PROTOCOLS,
            "asked_in": LANGUAGES,
            "kind": KINDS,
            "probe": PROBED,
        }
        known = {
            name: told[name]
            for name, choices in allowed.items()
            if told.get(name) in choices
        }
        return Choice(**known)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Single:
    """One editor on one checkpoint, an edit at a time: shares by probe."""

    source: Source
    shares: Mapping[str, Share]
    seconds: float | None  # that an edit took, on average


@dataclass(frozen=True)
class Many:
    """One editor on one checkpoint after many edits: shares by size and language."""

    run: Experiment
    name: str
    by_size: Mapping[int, Share]  # of the chosen probe
    first: Mapping[int, Share]  # of the first edits, asked again
    by_language: Mapping[str, Share]  # after the most edits
    seconds: float | None  # an edit, after the most edits
    refused: int


def singles(runs: Sequence[LocalRun], choice: Choice, say: Interface) -> list[Single]:
    """Return a line for each editor and checkpoint: of several runs the largest."""
    largest: dict[tuple[str, ...], Source] = {}
    for source in sources(runs, ATLAS, say):
        if source.rows is None or not _mask(source, choice).any():
            continue
        key = tuple(str(source.about[n]) for n in ("editor", "checkpoint", "revision"))
        if key not in largest or source.count > largest[key].count:
            largest[key] = source
    found = [_single(source, choice) for source in largest.values()]
    return sorted(found, key=lambda its: _place(its.source.about))


def _place(about: Mapping[str, object]) -> tuple[int, str]:
    names = list(EDITORS)
    editor = str(about["editor"])
    place = names.index(editor) if editor in names else len(names)
    return place, str(about["checkpoint"])


def _mask(source: Source, choice: Choice) -> Mask:
    rows = source.rows
    assert rows is not None
    mask = rows.where({"source": choice.source, "protocol": choice.protocol})
    own = rows.where({"target": choice.source})
    return mask & (own if choice.asked_in == "own" else ~own)


def _single(source: Source, choice: Choice) -> Single:
    assert source.rows is not None
    mask = _mask(source, choice)
    found = {
        str(share.group["probe"]): share
        for share in numbers(source.rows, mask, ["probe"], "score")
    }
    took = source.rows.measures["edit_seconds"][mask]
    took = took[~np.isnan(took)]
    return Single(source, found, float(took.mean()) if len(took) else None)


def manys(runs: Sequence[Experiment], choice: Choice, say: Interface) -> list[Many]:
    """Return the chosen numbers of every experiment of the chosen kind."""
    wanted = {"kind": choice.kind, "source": choice.source}
    mine = [r for r in runs if all(r.about[n] == told for n, told in wanted.items())]
    return [_many(run, choice, say) for run in sorted(mine, key=_place_of)]


def _place_of(run: Experiment) -> tuple[int, str]:
    return _place(run.about)


def _many(run: Experiment, choice: Choice, say: Interface) -> Many:
    measure = SCORES[choice.protocol]
    most = max(run.table["size"].to_pylist())
    languages = {
        str(share.group["target"]): share
        for share in shares(run, measure, choice.asked_in, ["target"])
        if (share.group["size"], share.group["probe"]) == (most, choice.probe)
        and share.mean is not None
    }
    last = [row for row in run.table.select(["size", "seconds", "refused"]).to_pylist()
            if row["size"] == most]  # fmt: skip
    name = f"{editor_name(run.about['editor'], say)} · {run.about['checkpoint']}"
    return Many(
        run,
        name,
        _by_size(shares(run, measure, choice.asked_in), choice),
        _by_size(of_the_first(run, measure, choice.asked_in), choice),
        languages,
        last[0]["seconds"] / most if most else None,
        max((row["refused"] for row in last), default=0),
    )


def _by_size(found: Sequence[Share], choice: Choice) -> dict[int, Share]:
    return {
        int(share.group["size"]): share
        for share in found
        if share.group["probe"] == choice.probe and share.mean is not None
    }
