"""The picture of the view Editors: a line for each editor over the number of edits.

In Okabe and Ito's colours, with dashes and marks beside them; text takes the page's own
colour by the style sheet. Plotly is imported when the first picture is drawn.

Run its tests: ``python -m pytest tests/pages/benchmarks/editors/test_page.py``
"""

from collections.abc import Sequence
from typing import Any

from pages.benchmarks.editors.html import asked_words
from pages.benchmarks.editors.numbers import Choice, Many
from pages.shell.strings import Interface, tr

COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7F8C9A",
)  # fmt: skip
DASHES = ("solid", "dash", "dot", "dashdot")
MARKS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")
HEIGHT = 430


def figure(found: Sequence[Many], choice: Choice, say: Interface) -> Any:
    """Return a line for each editor; None where nothing is measured."""
    import plotly.graph_objects as go

    sizes = sorted({size for each in found for size in each.by_size})
    if not sizes:
        return None
    axis = {"gridcolor": "rgba(138,148,166,.25)", "zeroline": False, "fixedrange": True}
    drawn = go.Figure(
        [_line(each, number) for number, each in enumerate(found) if each.by_size]
    )
    drawn.update_layout(
        height=HEIGHT,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#7c8798", "size": 13},
        margin={"l": 48, "r": 6, "t": 10, "b": 40},
        xaxis={
            **axis,
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [_words(size) for size in sizes],
            "title": {"text": tr("all_editors_axis", say)},
        },
        yaxis={
            **axis,
            "title": {"text": asked_words(choice.probe, say)},
            "range": [-0.02, 1.04],
        },
        legend={"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0},
        showlegend=True,
        dragmode=False,
    )
    return drawn


def _line(each: Many, number: int) -> Any:
    import plotly.graph_objects as go

    told = sorted(each.by_size.items())
    colour = COLOURS[number % len(COLOURS)]
    means = [share.mean for _, share in told]
    return go.Scatter(
        name=each.name,
        x=[_words(size) for size, _ in told],
        y=means,
        mode="lines+markers",
        line={"color": colour, "width": 2, "dash": DASHES[number % len(DASHES)]},
        marker={"symbol": MARKS[number % len(MARKS)], "size": 9, "color": colour},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, s.high - s.mean) for _, s in told],  # type: ignore[operator]
            "arrayminus": [max(0.0, s.mean - s.low) for _, s in told],  # type: ignore[operator]
            "color": colour,
            "thickness": 1.2,
            "width": 3,
        },
        text=[f"n {share.n:,}" for _, share in told],
        hovertemplate="%{x}: %{y:.3f} (%{text})<extra>%{fullData.name}</extra>",
    )


def _words(size: int) -> str:
    return f"{size:,}"
