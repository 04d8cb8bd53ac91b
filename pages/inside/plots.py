"""The figures of Inside: lines through the layers, heat maps, points of languages.

Colours and layout are the shell's. Every number of a figure is in its titles, too.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pages.shell.plots import COLOURS, GREY, SIGNED_SCALE, layout, share_scale, title
from pages.shell.strings import Interface, tr
from xkde.text import Json

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from xkde.inside.lens import Lens, LensMap
    from xkde.inside.states import LanguageStates
    from xkde.inside.trace import CausalTrace

TALL = 420
ROW = 22  # height of a row of a heat map
LINES = {"new": COLOURS["blue"], "old": COLOURS["vermilion"]}
HIDDEN_SPACES = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def shown(text: str) -> str:
    """Return a token's text with its blanks to be seen; half a letter as a dot."""
    seen = "".join(HIDDEN_SPACES.get(letter, letter) for letter in text)
    return seen.replace("\ufffd", "·") or "·"


def lens_plot(lens: "Lens", interface: Interface) -> "go.Figure":
    """Return each word's probability by layer, the query's language as a full line."""
    import plotly.graph_objects as go

    own = lens.words[0].language if lens.words else ""
    traces = []
    for number, word in enumerate(lens.words):
        ranks = [layer.ranks[number] + 1 for layer in lens.layers]
        best = [shown(layer.best) for layer in lens.layers]
        traces.append(
            go.Scatter(
                name=f"{tr(f'inside_{word.which}', interface)} · {word.language} · "
                f"{shown(word.token)}",
                x=list(range(len(lens.layers))),
                y=[layer.probabilities[number] for layer in lens.layers],
                customdata=list(zip(ranks, best, strict=True)),
                mode="lines+markers",
                line={
                    "color": LINES[word.which],
                    "dash": "solid" if word.language == own else "dot",
                },
                marker={"symbol": "circle" if word.language == own else "diamond-open"},
                hovertemplate=tr("inside_lens_hover", interface)
                + "<extra>%{fullData.name}</extra>",
            )
        )
    axes = layout(
        height=TALL,
        x=title(tr("inside_layer", interface)),
        y={**title(tr("inside_probability", interface)), "range": [-0.02, 1.02]},
        legend=-0.2,
        margin={"l": 52, "r": 8, "t": 12, "b": 44},
    )
    return go.Figure(traces, axes)


def map_plot(
    found: "LensMap", texts: Sequence[str], interface: Interface
) -> "go.Figure":
    """Return a token's probability at every layer and place."""
    hover = tr("inside_map_hover", interface)
    return _heat(
        found.probabilities,
        [shown(text) for text in texts],
        first_layer=0,
        titles=[[shown(text) for text in row] for row in found.best],
        hover=hover,
        scale=share_scale(COLOURS["blue"]),
        limits=(0.0, 1.0),
        interface=interface,
    )


def trace_plot(found: "CausalTrace", interface: Interface) -> "go.Figure":
    """Return the indirect effect of every layer and place."""
    effects = found.effects
    largest = max((abs(v) for row in effects for v in row), default=0.0) or 1.0
    return _heat(
        effects,
        [shown(text) for text in found.texts],
        first_layer=1,
        titles=None,
        hover=tr("inside_trace_hover", interface),
        scale=SIGNED_SCALE,
        limits=(-largest, largest),
        interface=interface,
    )


def _heat(
    rows: Sequence[Sequence[float]],
    texts: Sequence[str],
    *,
    first_layer: int,
    titles: Sequence[Sequence[str]] | None,
    hover: str,
    scale: list[list[float | str]],
    limits: tuple[float, float],
    interface: Interface,
) -> "go.Figure":
    """Return a heat map of places (downwards) by layers, in the prompt's order."""
    import plotly.graph_objects as go

    layers = list(range(first_layer, first_layer + len(rows)))
    heat = go.Heatmap(
        x=layers,
        y=list(range(len(texts))),
        z=[list(column) for column in zip(*rows, strict=True)],
        text=None
        if titles is None
        else [list(column) for column in zip(*titles, strict=True)],
        customdata=[[text] * len(layers) for text in texts],
        colorscale=scale,
        zmin=limits[0],
        zmax=limits[1],
        hovertemplate=hover + "<extra></extra>",
        colorbar={"thickness": 10, "tickfont": {"color": GREY}, "outlinewidth": 0},
        xgap=1,
        ygap=1,
    )
    axes = layout(
        height=max(TALL, 90 + ROW * len(texts)),
        x={**title(tr("inside_layer", interface)), "showgrid": False, "dtick": 1}
        if len(layers) < 12
        else {**title(tr("inside_layer", interface)), "showgrid": False},
        y={
            "tickvals": list(range(len(texts))),
            "ticktext": [text[:14] for text in texts],
            "autorange": "reversed",
            "showgrid": False,
        },
        margin={"l": 92, "r": 4, "t": 8, "b": 44},
    )
    return go.Figure([heat], axes)


def states_plot(
    found: "LanguageStates", layer: int, names: Sequence[str], interface: Interface
) -> "go.Figure":
    """Return the languages as points at one layer."""
    import plotly.graph_objects as go

    plane = found.map_of(layer)
    points = plane.points.tolist()
    marks = go.Scatter(
        x=[x for x, _ in points],
        y=[y for _, y in points],
        text=list(found.languages),
        customdata=list(names),
        mode="markers+text",
        textposition="top center",
        marker={"color": COLOURS["blue"], "size": 10},
        hovertemplate="%{customdata}<extra></extra>",
    )
    return go.Figure([marks], plane_layout(plane.shares, interface))


def plane_layout(shares: tuple[float, float], interface: Interface) -> Json:
    """Return the layout of a map, whose axes say how much of the spread they hold."""
    words = [
        tr("inside_axis", interface, n=n, share=f"{100 * share:.0f}")
        for n, share in enumerate(shares, 1)
    ]
    return layout(
        height=TALL,
        x={**title(words[0]), "showticklabels": False},
        y={**title(words[1]), "showticklabels": False},
        margin={"l": 36, "r": 8, "t": 12, "b": 40},
    )
