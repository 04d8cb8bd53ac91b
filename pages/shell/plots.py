"""What all Plotly figures share: no paper, quiet grid, colours that everybody tells.

A figure is ``go.Figure(traces, layout(...))``. Text takes the page's own colour by the
style sheet, so that one figure serves light and dark. A page imports Plotly when it
draws its first figure, not before.
"""

from collections.abc import Mapping

from xkde.text import Json

GREY = "#7c8798"  # of axes and intervals, readable on both backgrounds
GRID = "rgba(138,148,166,.25)"
CLEAR = "rgba(0,0,0,0)"
# Okabe and Ito's colours, without those too faint for text and lines
COLOURS = {
    "blue": "#0072B2",
    "sky": "#56B4E9",
    "green": "#009E73",
    "orange": "#E69F00",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#7F8C9A",
}
# From one side of nothing to the other; nothing itself is the page's own ground
SIGNED_SCALE: list[list[float | str]] = [
    [0.0, COLOURS["vermilion"]],
    [0.5, CLEAR],
    [1.0, COLOURS["blue"]],
]
PATTERNS = ("", "/", "", ".", "\\", "x")  # of bars, beside their colours


def plain(text: str) -> str:
    """Return a text of somebody else's, such as a file's name, as a figure shows it.

    Plotly takes tags such as <a href=…> and <b> in its texts for what they say.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def layout(
    *,
    height: int,
    x: Mapping[str, object] | None = None,
    y: Mapping[str, object] | None = None,
    legend: float | None = None,
    **others: object,
) -> Json:
    """Return a figure's layout.

    ``x`` and ``y`` are what their axes have beside the common grid; ``legend`` is where
    its edge lies, in the plot's height: above 1 over the plot, below 0 beneath it, None
    for no legend. ``others`` are Plotly's own names and replace what is here.
    """
    axis = {"gridcolor": GRID, "zeroline": False, "fixedrange": True}
    where = legend or 0.0
    return {
        "height": height,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": GREY, "size": 13},
        "margin": {"l": 48, "r": 8, "t": 12, "b": 44},
        "xaxis": {**axis, **(x or {})},
        "yaxis": {**axis, **(y or {})},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": where,
            "yanchor": "bottom" if where > 0 else "top",
        },
        "showlegend": legend is not None,
        "dragmode": False,
        **others,
    }


def share_scale(colour: str) -> list[list[float | str]]:
    """Return a colour scale from nothing to a colour."""
    return [[0.0, CLEAR], [1.0, colour]]


def bar_marker(colour: str, pattern: str = "") -> dict[str, object]:
    """Return the marker of bars: a colour, and a white pattern over it."""
    return {
        "color": colour,
        "line": {"width": 0},
        "pattern": {
            "shape": pattern,
            "fillmode": "overlay",
            "fgcolor": "#ffffff",
            "size": 6,
        },
    }


def title(words: str) -> dict[str, object]:
    """Return the part of an axis that names it."""
    return {"title": {"text": words}}
