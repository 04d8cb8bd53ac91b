"""Numbers of editors as tables and curves: one edit at a time, and after many edits.

Single edits are evaluations of Atlas, one for each editor and checkpoint; many edits
are experiments. Every number is text with its interval and its n; nothing is
distinguished by colour alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from pages.benchmarks.measured.plots import intervals
from pages.benchmarks.measured.tables import SIGNIFICANT, LinkedNumber
from pages.benchmarks.shared import (
    language_name,
    method_name,
    note,
    probe_name,
    protocol_name,
)
from pages.benchmarks.sources import (
    MeasuredChoice,
    MeasuredSource,
    cases_address,
    mean_seconds,
    sources,
)
from pages.shell.plots import COLOURS, layout, plain, title
from pages.shell.strings import Interface, tr
from pages.shell.templates import render
from xkde.editors.registry import EDITORS
from xkde.evaluation.results.compared import Comparison, each_pair
from xkde.evaluation.results.experiments import (
    ASKED_ABOUT,
    ASKED_IN,
    KINDS,
    UNTOUCHED,
    AskedIn,
    Experiment,
    means_by_size,
    means_of_the_first,
)
from xkde.evaluation.results.local_runs import LocalRun
from xkde.evaluation.results.rows import GENERATED, PROTOCOLS, SCORES, Mask, where
from xkde.evaluation.results.summary import GroupMean, means
from xkde.evaluation.run.questions import ATLAS
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import PROBES

SOURCES = ("en", "zh")  # languages of edits in the paper's tables
KEPT = 16  # choices whose tests are kept
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


def _seconds(rows: pd.DataFrame, edits: int) -> float | None:
    """Return the seconds of each of so many edits; None where nobody measured them."""
    measured = rows["seconds"].dropna()
    return float(measured.iloc[0]) / edits if edits and len(measured) else None


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
        f"{method_name(run.about, interface)} · {run.about['checkpoint']}",
        _by_size(means_by_size(run, measure, choice.asked_in), choice),
        _by_size(means_of_the_first(run, measure, choice.asked_in), choice),
        by_language,
        _seconds(last, most),
        int(last["refused"].max()),
    )


def _by_size(found: Sequence[GroupMean], choice: EditorsChoice) -> dict[int, GroupMean]:
    return {
        int(mean.group["size"]): mean
        for mean in found
        if mean.group["probe"] == choice.probe and mean.mean is not None
    }


LINE_COLOURS = [
    COLOURS[name] for name in
    ("blue", "orange", "green", "purple", "sky", "vermilion", "grey")
]  # fmt: skip
DASHES = ("solid", "dash", "dot", "dashdot")
MARKS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")
HEIGHT = 430


def asked_about(probe: str, interface: Interface) -> str:
    """Return what is asked: a probe, or facts that no edit is about."""
    if probe == UNTOUCHED:
        return tr("all_editors_untouched", interface)
    return probe_name(probe, interface)


def seconds_words(seconds: float | None, interface: Interface) -> str:
    """Return how long an edit took; nothing where nothing is computed."""
    if not seconds:
        return ""
    return tr("all_editors_seconds", interface, seconds=f"{seconds:.2f}")


def single_html(
    found: Sequence[SingleEdits], choice: EditorsChoice, interface: Interface
) -> str:
    """Return a table: a row for each editor and checkpoint, a column for each probe."""
    if not found:
        return note(tr("all_editors_no_single", interface), "caution")
    measured = MeasuredChoice(source=choice.source, protocol=choice.protocol)
    rows = []
    for each in found:
        about = each.source.about
        small = (str(about["checkpoint"]), seconds_words(each.seconds, interface))
        numbers = [
            LinkedNumber(
                each.means.get(probe),
                cases_address(each.source, measured, probe=probe),
                f"{each.source.name}, {probe_name(probe, interface)}",
            )
            for probe in PROBES
        ]
        name = method_name(about, interface)
        rows.append((name, " · ".join(filter(None, small)), numbers))
    heads = [(probe_name(probe, interface), "") for probe in PROBES]
    return _table(tr("all_editors_single_table", interface), heads, rows, interface)


def pairs_html(
    found: Sequence[SingleEdits], choice: EditorsChoice, interface: Interface
) -> str:
    """Return, for each row of the table, the rows that it is surely better than.

    Reliability on the questions that both asked, by edit; Holm for all pairs.
    """
    pairs = _pairs(found, choice)
    if not pairs:
        return ""
    better: dict[int, list[int]] = {place: [] for place in range(len(found))}
    for (one, other), its in pairs.items():
        if its.corrected < SIGNIFICANT:
            above, below = (one, other) if its.difference.value > 0 else (other, one)
            better[above].append(below)
    names = [method_name(each.source.about, interface) for each in found]
    names = [
        f"{name} ({each.source.about['checkpoint']})" if names.count(name) > 1 else name
        for name, each in zip(names, found, strict=True)
    ]
    gap = tr("list_gap", interface)
    lines = [
        ("", "", names[place],
         tr("all_editors_above", interface, names=gap.join(names[n] for n in below))
         if below else tr("all_editors_above_none", interface))
        for place, below in better.items()
    ]  # fmt: skip
    words = tr(
        "all_editors_pairs",
        interface,
        probe=probe_name(PROBES[0], interface),
        n=len(pairs),
    )
    return note(words, "caption") + render(
        "benchmarks/provenance.html", interface, lines=lines
    )


_tested: dict[tuple[object, ...], dict[tuple[int, int], Comparison]] = {}


def _pairs(
    found: Sequence[SingleEdits], choice: EditorsChoice
) -> dict[tuple[int, int], Comparison]:
    """Return every two editors compared; kept, since a second goes by."""
    shown = tuple((its.source.key, its.source.count) for its in found)
    key = (shown, choice.source, choice.protocol, choice.asked_in)
    if key not in _tested:
        frames = [
            its.source.rows[_mask(its.source, choice)]
            for its in found
            if its.source.rows is not None
        ]
        while len(_tested) >= KEPT:
            _tested.pop(next(iter(_tested)), None)
        _tested[key] = each_pair(frames, PROBES[0])
    return _tested[key]


def sizes_html(
    found: Sequence[ManyEditsCurve], choice: EditorsChoice, interface: Interface
) -> str:
    """Return a table: a row for each editor, a column for each number of edits."""
    probe = asked_about(choice.probe, interface)
    caption = tr("all_editors_sizes_table", interface, probe=probe)
    return _of_sizes([(each, each.by_size) for each in found], caption, interface)


def first_html(
    found: Sequence[ManyEditsCurve], choice: EditorsChoice, interface: Interface
) -> str:
    """Return the same of the first edits, asked again after each size."""
    lines = [(each, each.first) for each in found if each.first]
    if not lines or choice.probe == UNTOUCHED:
        return note(tr("all_editors_no_first", interface))
    counts = {str(each.run.about["again"]) for each, _ in lines}
    caption = tr(
        "all_editors_first_table",
        interface,
        n="/".join(sorted(counts)),
        probe=asked_about(choice.probe, interface),
    )
    return _of_sizes(lines, caption, interface)


def _of_sizes(
    lines: Sequence[tuple[ManyEditsCurve, Mapping[int, GroupMean]]],
    caption: str,
    interface: Interface,
) -> str:
    sizes = sorted({size for _, by_size in lines for size in by_size})
    if not sizes:
        return note(tr("all_editors_no_numbers", interface))
    rows = [
        (
            each.name,
            seconds_words(each.seconds, interface),
            [LinkedNumber(by_size.get(size), "", "") for size in sizes],
        )
        for each, by_size in lines
    ]
    return _table(caption, [(f"{size:,}", "") for size in sizes], rows, interface)


def languages_html(
    found: Sequence[ManyEditsCurve], choice: EditorsChoice, interface: Interface
) -> str:
    """Return, by query language, what is left after the most edits."""
    curves = [each for each in found if each.by_language]
    if not curves:
        return note(tr("all_editors_no_numbers", interface))
    codes = {code for each in curves for code in each.by_language}
    rows = [
        (
            language_name(code, interface),
            "",
            [LinkedNumber(each.by_language.get(code), "", "") for each in curves],
        )
        for code in ATLAS_LANGUAGES
        if code in codes
    ]
    heads = [
        (each.name, tr("all_editors_edits", interface, n=f"{max(each.by_size):,}"))
        for each in curves
    ]
    probe = asked_about(choice.probe, interface)
    caption = tr("all_editors_languages_table", interface, probe=probe)
    return _table(caption, heads, rows, interface, is_shaded=True)


def _table(
    caption: str,
    heads: Sequence[tuple[str, str]],
    rows: Sequence[tuple[str, str, Sequence[LinkedNumber]]],
    interface: Interface,
    is_shaded: bool = False,
) -> str:
    return render(
        "benchmarks/editors/table.html",
        interface,
        caption=caption,
        heads=heads,
        rows=rows,
        is_shaded=is_shaded,
    )


def caption_html(choice: EditorsChoice, interface: Interface) -> str:
    """Return what all numbers of the view are of, in a sentence or two."""
    words = tr(
        "all_editors_caption",
        interface,
        name=language_name(choice.source, interface),
        protocol=protocol_name(choice.protocol, interface),
        asked_in=tr(f"all_editors_asked_{choice.asked_in}", interface),
    )
    return note(words, "caption")


def basis_html(
    single: Sequence[SingleEdits],
    many: Sequence[ManyEditsCurve],
    broken: Sequence[str],
    interface: Interface,
) -> str:
    """Return what the numbers rest on, a line for each run; broken ones at the end."""
    lines = [
        (
            "",
            "",
            source.name,
            tr(
                "all_editors_basis_single",
                interface,
                revision=source.about["revision"],
                date=source.about["date"],
                n=f"{source.count:,}",
                key=source.key,
            ),
        )
        for source in (each.source for each in single)
    ]
    lines += [("", "", each.name, _basis_of(each, interface)) for each in many]
    lines += [("broken", "△", "", words) for words in broken]
    return render("benchmarks/provenance.html", interface, lines=lines)


def _basis_of(each: ManyEditsCurve, interface: Interface) -> str:
    about = each.run.about
    words = [
        tr(
            "all_editors_basis_many",
            interface,
            revision=about["revision"],
            seed=about["seed"],
            date=about["date"] or tr("measured_no_date", interface),
            tested=about["tested"],
            n=f"{len(each.run.rows):,}",
            key=each.run.key,
        )
    ]
    if each.refused:
        words.append(tr("all_editors_refused", interface, n=each.refused))
    if not each.run.is_whole:
        words.append(tr("measured_state_under_way", interface))
    return " · ".join(words)


def curves(
    found: Sequence[ManyEditsCurve], choice: EditorsChoice, interface: Interface
) -> object:
    """Return a line for each editor over the number of edits; None without numbers.

    Plotly is imported when the first picture is drawn.
    """
    import plotly.graph_objects as go

    sizes = sorted({size for each in found for size in each.by_size})
    if not sizes:
        return None
    traces = []
    for number, each in enumerate(found):
        points = sorted(each.by_size.items())
        if not points:
            continue
        colour = LINE_COLOURS[number % len(LINE_COLOURS)]
        dash, mark = DASHES[number % len(DASHES)], MARKS[number % len(MARKS)]
        traces.append(
            go.Scatter(
                name=plain(each.name),
                x=[f"{size:,}" for size, _ in points],
                y=[mean.mean for _, mean in points],
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": dash},
                marker={"symbol": mark, "size": 9, "color": colour},
                error_y=intervals([mean for _, mean in points], colour, 1.2),
                text=[f"n {mean.n:,}" for _, mean in points],
                hovertemplate="%{x}: %{y:.3f} (%{text})<extra>%{fullData.name}</extra>",
            )
        )
    axes = layout(
        height=HEIGHT,
        x={
            **title(tr("all_editors_axis", interface)),
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [f"{size:,}" for size in sizes],
        },
        y={**title(asked_about(choice.probe, interface)), "range": [-0.02, 1.04]},
        legend=-0.2,
        margin={"l": 48, "r": 6, "t": 10, "b": 40},
    )
    return go.Figure(traces, axes)
