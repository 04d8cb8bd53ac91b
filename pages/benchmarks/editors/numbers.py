"""What the view Editors shows numbers of: runs of one edit each, and of many edits.

Single edits are evaluations of Atlas, one for each editor and checkpoint; many edits
are experiments. Pure but for reading files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from pages.benchmarks.shared import editor_name
from pages.benchmarks.sources import MeasuredSource, mean_seconds, sources
from pages.shell.strings import Interface
from xkde.editors.registry import EDITORS
from xkde.evaluation.experiments.files import (
    ASKED_ABOUT,
    ASKED_IN,
    KINDS,
    AskedIn,
    Experiment,
    means_by_size,
    means_of_the_first,
)
from xkde.evaluation.results.local_runs import LocalRun
from xkde.evaluation.results.rows import GENERATED, PROTOCOLS, SCORES, Mask, where
from xkde.evaluation.results.summary import GroupMean, means
from xkde.evaluation.run.questions import ATLAS
from xkde.types import PROBES

SOURCES = ("en", "zh")  # languages of edits in the paper's tables
ALLOWED = {
    "source": SOURCES,
    "protocol": PROTOCOLS,
    "asked_in": ASKED_IN,
    "kind": KINDS,
    "probe": ASKED_ABOUT,
}


@dataclass(frozen=True)
class EditorsChoice:
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
    def from_query(query: Mapping[str, Any]) -> "EditorsChoice":
        """Return what an address states; what cannot be meant falls back to default."""
        known = {name: query[name] for name in ALLOWED
                 if query.get(name) in ALLOWED[name]}  # fmt: skip
        return EditorsChoice(**known)


@dataclass(frozen=True)
class SingleEdits:
    """One editor on one checkpoint, an edit at a time: means by probe."""

    source: MeasuredSource
    means: Mapping[str, GroupMean]
    seconds: float | None  # that an edit took, on average


@dataclass(frozen=True)
class ManyEditsCurve:
    """One editor on one checkpoint after many edits: means by size and language."""

    run: Experiment
    name: str
    by_size: Mapping[int, GroupMean]  # of the chosen probe
    first: Mapping[int, GroupMean]  # of the first edits, asked again
    by_language: Mapping[str, GroupMean]  # after the most edits
    seconds: float | None  # an edit, after the most edits
    refused: int


def single_edits(
    runs: Sequence[LocalRun], choice: EditorsChoice, interface: Interface
) -> list[SingleEdits]:
    """Return a line for each editor and checkpoint: of several runs the largest."""
    largest: dict[tuple[str, ...], SingleEdits] = {}
    for source in sources(runs, ATLAS, interface):
        if source.rows is None:
            continue
        mask = _mask(source, choice)
        if not mask.any():
            continue
        key = tuple(str(source.about[n]) for n in ("editor", "checkpoint", "revision"))
        if key not in largest or source.count > largest[key].source.count:
            by_probe = means(source.rows[mask], ["probe"])
            largest[key] = SingleEdits(
                source,
                {mean.group["probe"]: mean for mean in by_probe},
                mean_seconds(source.rows, mask),
            )
    return sorted(largest.values(), key=lambda its: _place(its.source.about))


def _place(about: Mapping[str, object]) -> tuple[int, str]:
    names = list(EDITORS)
    editor = str(about["editor"])
    place = names.index(editor) if editor in names else len(names)
    return place, str(about["checkpoint"])


def _mask(source: MeasuredSource, choice: EditorsChoice) -> Mask:
    assert source.rows is not None
    wanted = {"source": choice.source, "protocol": choice.protocol}
    own = where(source.rows, {"target": choice.source})
    return where(source.rows, wanted) & (own if choice.asked_in == "own" else ~own)


def many_edits(
    runs: Sequence[Experiment], choice: EditorsChoice, interface: Interface
) -> list[ManyEditsCurve]:
    """Return the chosen numbers of every experiment of the chosen kind."""
    wanted = {"kind": choice.kind, "source": choice.source}
    mine = [r for r in runs if all(r.about[n] == value for n, value in wanted.items())]
    mine.sort(key=lambda run: _place(run.about))
    return [_curve(run, choice, interface) for run in mine]


def _curve(
    run: Experiment, choice: EditorsChoice, interface: Interface
) -> ManyEditsCurve:
    measure = SCORES[choice.protocol]
    most = int(run.rows["size"].max())
    last = run.rows[(run.rows["size"] == most).to_numpy(dtype=bool)]
    by_language = {
        str(mean.group["target"]): mean
        for mean in means_by_size(run, measure, choice.asked_in, ["target"])
        if (mean.group["size"], mean.group["probe"]) == (most, choice.probe)
        and mean.mean is not None
    }
    return ManyEditsCurve(
        run,
        f"{editor_name(run.about['editor'], interface)} · {run.about['checkpoint']}",
        _by_size(means_by_size(run, measure, choice.asked_in), choice),
        _by_size(means_of_the_first(run, measure, choice.asked_in), choice),
        by_language,
        float(last["seconds"].iloc[0]) / most if most else None,
        int(last["refused"].max()),
    )


def _by_size(found: Sequence[GroupMean], choice: EditorsChoice) -> dict[int, GroupMean]:
    return {
        int(mean.group["size"]): mean
        for mean in found
        if mean.group["probe"] == choice.probe and mean.mean is not None
    }
