"""Pictures of a whole file of pairs, and what a click on a bar means.

Every bar carries, as its custom data, the parameters of a view's address that it stands
for: a click is a link. Plotly is imported when the first picture is drawn.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pages.preferences.pair import language_words
from pages.preferences.view import PairView
from pages.shell.plots import COLOURS, PATTERNS, bar_marker, layout, title
from pages.shell.strings import Interface, tr
from xkde.data.preferences.statistics import Numbers, pair_statistics
from xkde.data.preferences.table import FLAGS

if TYPE_CHECKING:
    import plotly.graph_objects as go

FLAG_COLOURS = ("vermilion", "sky", "orange", "blue", "green", "purple")
BINS = 30
MOST_BARS = 12  # directions or languages, those with the most pairs
OUTSIDE = 0.005  # share of the lengths beyond each end that goes into the last bar
HEIGHT = 300
LINE = 20  # of a legend


# A figure, None where there is nothing to draw; its sentence
Drawn = tuple["go.Figure | None", str]


def figures(frame: pd.DataFrame, interface: Interface) -> dict[str, Drawn]:
    """Return the figures of a frame of pairs by name, each with a sentence."""
    numbers = pair_statistics(frame)
    draw = {
        "against": against,
        "margin": margin,
        "length": length,
        "flags": flags_by_language,
    }
    return {name: each(frame, numbers, interface) for name, each in draw.items()}


def against(frame: pd.DataFrame, numbers: Numbers, interface: Interface) -> Drawn:
    """Draw how often the wrong one of two answers scores higher, by direction."""
    share = numbers["reward_against_correctness"]
    if not share["n"]:
        return None, tr("plot_against_unknown", interface)
    if not share["hits"]:  # bars of nothing
        return None, tr("plot_against", interface, **_in_words(share))
    by_direction = sorted(share["by_direction"].items(), key=lambda v: -v[1]["n"])
    names, shares = zip(*by_direction[:MOST_BARS], strict=True)
    flag = {"flags": "reward_against_correctness"}
    bars = _bar(
        [name or "?" for name in names],
        [100 * each["share"] for each in shares],
        [urlencode({"direction": n.replace("→", "-"), **flag}) for n in names],
        colour="vermilion",
        text=[f"{each['hits']}/{each['n']}" for each in shares],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x}: %{y:.1f} % (%{text})<extra></extra>",
    )
    words = tr("plot_against", interface, **_in_words(share))
    return _figure([bars], "", "plot_against_y", interface, type="category"), words


def margin(frame: pd.DataFrame, numbers: Numbers, interface: Interface) -> Drawn:
    """Draw how many pairs have which margin."""
    values = frame["margin"].dropna().to_numpy(dtype=float)
    if not len(values):
        return None, tr("plot_margin_unknown", interface)
    edges = round_edges(float(values.min()), float(values.max()))
    counts, _ = np.histogram(values, bins=edges)
    links = [
        urlencode({"margin_from": repr(float(a)), "margin_to": repr(float(b))})
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    bars = _bins(counts, edges, links, "blue")
    spread = numbers["margin"]
    ends = {name: f"{spread[name]:.2f}" for name in ("low", "median", "high")}
    words = tr("plot_margin", interface, n=f"{len(values):,}", **ends)
    return _figure([bars], "plot_margin_x", "plot_pairs", interface), words


def round_edges(low: float, high: float) -> NDArray[np.float64]:
    """Return the edges of at most ``BINS`` + 1 bins, numbers that people would choose.

    A click writes them into the fields of the filter.
    """
    spread = high - low
    width = (spread if spread > 1e-6 * max(1.0, abs(high)) else 1.0) / BINS
    ten = 10.0 ** math.floor(math.log10(width))
    step = next(n * ten for n in (1, 2, 2.5, 5, 10) if n * ten >= width)
    digits = max(0, 2 - math.floor(math.log10(step)))
    first, last = math.floor(low / step), math.ceil(high / step)
    first -= round(first * step, digits) > low  # a step more where rounding took one
    last += round(last * step, digits) < high
    return np.round(np.arange(first, max(last, first + 1) + 1) * step, digits)


def length(frame: pd.DataFrame, numbers: Numbers, interface: Interface) -> Drawn:
    """Draw by how much the chosen answer is longer."""
    values = frame["length_gap"].to_numpy(dtype=float)
    low, high = np.quantile(values, [OUTSIDE, 1 - OUTSIDE])
    low, high = np.floor(min(low, -1.0)), np.ceil(max(high, 1.0))
    step = max(1, math.ceil((high - low + 1) / BINS))
    edges = np.arange(low, high + step + 1, step) - 0.5
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    # Lengths are whole numbers, and what lies further out is in the bars at the ends.
    firsts, lasts = (
        [f"{n:.0f}" for n in each] for each in (edges[:-1] + 0.5, edges[1:] - 0.5)
    )
    ends = list(zip(["", *firsts[1:]], [*lasts[:-1], ""], strict=True))
    links = [urlencode({"gap_from": a, "gap_to": b}) for a, b in ends]
    bars = _bins(counts, edges, links, "green")
    bars.text = [f"{a or '…'} – {b or '…'}" for a, b in ends]
    words = tr(
        "plot_length", interface,
        longer=_percent(numbers["length"]["chosen_longer"]),
        shorter=_percent(numbers["length"]["rejected_longer"]),
        mean=f"{numbers['length']['mean_gap']:+.1f}",
    )  # fmt: skip
    return _figure([bars], "plot_length_x", "plot_pairs", interface), words


def flags_by_language(
    frame: pd.DataFrame, numbers: Numbers, interface: Interface
) -> Drawn:
    """Draw how often each flag is raised, by the chosen answer's language."""
    languages = frame["chosen_language"]
    names = list(languages.value_counts().index[:MOST_BARS])
    bars = []
    for number, name in enumerate(FLAGS):
        if not numbers["flags"][name]:
            continue
        counts = languages[frame[name]].value_counts()
        bars.append(
            _bar(
                [_plain(language_words(code, interface)) for code in names],
                [int(counts[code]) for code in names],
                [urlencode({"chosen_language": c, "flags": name}) for c in names],
                colour=FLAG_COLOURS[number],
                pattern=PATTERNS[number],
                name=tr(f"flag_short_{name}", interface),
                hovertemplate="%{x}: %{y} · %{fullData.name}<extra></extra>",
            )
        )
    if not bars:
        return None, tr("plot_flags_none", interface)
    flagged = int(frame[list(FLAGS)].any(axis=1).sum())
    words = tr("plot_flags", interface, n=f"{flagged:,}", of=f"{numbers['pairs']:,}")
    figure = _figure(bars, "", "plot_pairs", interface, type="category")
    # On a phone every name in the legend takes a line of its own, above the bars.
    figure.update_layout(height=HEIGHT + LINE * len(bars))
    return figure, words


def _plain(text: str) -> str:
    """Return a file's word as Plotly, which reads some markup, shows it as text."""
    return text.replace("<", "‹").replace("&", "+")[:24]


def _in_words(share: Numbers) -> dict[str, str]:
    return {
        "hits": f"{share['hits']:,}",
        "n": f"{share['n']:,}",
        "share": _percent(share),
    }


def _percent(share: Numbers) -> str:
    return f"{100 * share['share']:.1f} %"


def _bins(
    counts: NDArray[np.int64],
    edges: NDArray[np.float64],
    links: Sequence[str],
    colour: str,
) -> "go.Bar":
    centres = (edges[:-1] + edges[1:]) / 2
    bars = _bar(
        [float(centre) for centre in centres],
        [int(count) for count in counts],
        links,
        colour=colour,
        text=[f"{a:.3g} – {b:.3g}" for a, b in zip(edges, edges[1:], strict=False)],
        textposition="none",
        hovertemplate="%{text}: %{y}<extra></extra>",
    )
    bars.width = float(edges[1] - edges[0]) * 0.94
    return bars


def _bar(
    x: Sequence[object],
    y: Sequence[float],
    links: Sequence[str],
    *,
    colour: str,
    pattern: str = "",
    **options: object,
) -> "go.Bar":
    import plotly.graph_objects as go

    marker = bar_marker(COLOURS[colour], pattern)
    return go.Bar(x=x, y=y, customdata=links, marker=marker, **options)


def _figure(
    bars: Sequence["go.Bar"], x: str, y: str, interface: Interface, **axis: object
) -> "go.Figure":
    """Return a figure of bars; ``x`` and ``y`` are the keys of the axes' texts."""
    import plotly.graph_objects as go

    return go.Figure(
        list(bars),
        layout(
            height=HEIGHT,
            x={**title(tr(x, interface) if x else ""), **axis},
            y={**title(tr(y, interface)), "rangemode": "tozero"},
            legend=1.02,
            barmode="stack",
            bargap=0.25,
            margin={"l": 50, "r": 10, "t": 20, "b": 50},
            showlegend=len(bars) > 1,
        ),
    )


def clicked(view: PairView, link: str) -> PairView:
    """Return the view that a click on a bar asks for: a filter beside those there."""
    # An open end of a range is blank, and takes away the one that is there.
    parameters = dict(parse_qsl(link, keep_blank_values=True))
    return PairView.from_query({**view.to_query(), **parameters, "page": "1"})
