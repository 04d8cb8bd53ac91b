"""Numbers of editors as tables and curves: one edit at a time, and after many edits.

Every number is text with its interval and its n; nothing is distinguished by colour
alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pages.benchmarks.editors.numbers import (
    EditorsChoice,
    ManyEditsCurve,
    SingleEdits,
)
from pages.benchmarks.measured.plots import intervals
from pages.benchmarks.measured.tables import LinkedNumber
from pages.benchmarks.shared import (
    editor_name,
    language_name,
    note,
    probe_name,
    protocol_name,
)
from pages.benchmarks.sources import MeasuredChoice, cases_address
from pages.shell.plots import COLOURS, layout, title
from pages.shell.strings import Interface, tr
from pages.shell.templates import render
from xkde.evaluation.experiments.files import UNTOUCHED
from xkde.evaluation.results.summary import GroupMean
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import PROBES

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
        name = editor_name(str(about["editor"]), interface)
        rows.append((name, " · ".join(filter(None, small)), numbers))
    heads = [(probe_name(probe, interface), "") for probe in PROBES]
    return _table(tr("all_editors_single_table", interface), heads, rows, interface)


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
) -> Any:
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
                name=each.name,
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
