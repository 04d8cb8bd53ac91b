"""The picture of Measured here: probes, a bar for each run, with intervals.

In Okabe and Ito's colours and with patterns beside them; text takes the page's own
colour by the style sheet. A bar carries the address of the answers behind it: a click
is a link. Plotly is imported when the first picture is drawn.

Run its tests: ``python -m pytest tests/pages/benchmarks/measured/test_page.py``
"""

from collections.abc import Sequence
from typing import Any

from pages.benchmarks.measured.html import language_name, probe_name
from pages.benchmarks.measured.sources import (
    Choice,
    Source,
    cases_address,
    measure_words,
    protocol_words,
    shares,
)
from pages.shell.strings import Interface, tr
from xkde.types import PROBES

COLOURS = ("#7F8C9A", "#56B4E9", "#0072B2", "#009E73", "#E69F00", "#CC79A7")
PATTERNS = ("", "/", "", ".", "\\", "x")  # beside the colours
HEIGHT = 380


def figure(shown: Sequence[Source], choice: Choice, say: Interface) -> Any:
    """Return bars by probe; None where nothing is measured."""
    bars = [
        bar
        for number, source in enumerate(shown)
        if (bar := _bars(source, choice, number, say)) is not None
    ]
    return _figure(bars, measure_words(choice, choice.protocol, say)) if bars else None


def _bars(source: Source, choice: Choice, number: int, say: Interface) -> Any:
    import plotly.graph_objects as go

    found = {
        share.group["probe"]: share
        for share in shares(source, choice, ["probe"], protocol=choice.protocol)
        if share.mean is not None
    }
    there = [(probe, found[probe]) for probe in PROBES if probe in found]
    if not there:
        return None
    each = [share for _, share in there]
    return go.Bar(
        name=source.name,
        x=[probe_name(probe, say) for probe, _ in there],
        y=[share.mean for share in each],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, s.high - s.mean) for s in each],  # type: ignore[operator]
            "arrayminus": [max(0.0, s.mean - s.low) for s in each],  # type: ignore[operator]
            "color": "#7c8798",
            "thickness": 1.4,
            "width": 3,
        },
        customdata=[cases_address(source, choice, probe=probe) for probe, _ in there],
        text=[f"n {share.n:,}" for share in each],
        textposition="none",
        marker={
            "color": COLOURS[number % len(COLOURS)],
            "line": {"width": 0},
            "pattern": {
                "shape": PATTERNS[number % len(PATTERNS)],
                "fillmode": "overlay",
                "fgcolor": "#ffffff",
                "size": 6,
            },
        },
        hovertemplate="%{x}: %{y:.3f} (%{text})<extra>%{fullData.name}</extra>",
    )


def _figure(bars: Sequence[Any], measure: str) -> Any:
    import plotly.graph_objects as go

    axis = {"gridcolor": "rgba(138,148,166,.25)", "zeroline": False, "fixedrange": True}
    drawn = go.Figure(list(bars))
    drawn.update_layout(
        height=HEIGHT,
        barmode="group",
        bargap=0.2,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#7c8798", "size": 13},
        margin={"l": 48, "r": 6, "t": 10, "b": 40},
        xaxis={**axis, "type": "category", "showgrid": False},
        yaxis={**axis, "title": {"text": measure}, "range": [0, 1.02]},
        legend={"orientation": "h", "y": -0.14, "yanchor": "top", "x": 0},
        showlegend=True,
        dragmode=False,
    )
    return drawn


def caption(shown: Sequence[Source], choice: Choice, say: Interface) -> str:
    """Return what the numbers are of, in a sentence or two."""
    stated = tr("measured_every_edit", say)
    if choice.source != "all":
        name = language_name(choice.source, say)
        stated = tr("measured_one_edit", say, name=name)
    counts = [
        share.n
        for source in shown
        for share in shares(source, choice, ["probe"], protocol=choice.protocol)
        if share.n
    ]
    told = f"{min(counts):,}–{max(counts):,}" if counts else "0"
    if len(set(counts)) == 1:
        told = f"{counts[0]:,}"
    return tr(
        "measured_caption", say, benchmark=choice.benchmark, stated=stated,
        protocol=protocol_words(choice.protocol, say),
        measure=measure_words(choice, choice.protocol, say), n=told,
        clean=tr("measured_only_clean" if choice.clean else "measured_whole", say),
    )  # fmt: skip
