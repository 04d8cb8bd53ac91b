"""Pictures of a whole file of pairs, and what a click on a bar means.

Four bar charts in Okabe and Ito's colours; text takes the page's own colour by the
style sheet, so that one figure serves light and dark. Every bar carries, as its custom
data, the parameters of a view's address that it stands for: a click is a link. Plotly
is imported when the first picture is drawn.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from pages.preferences.html import language_words
from pages.preferences.sources import Loaded
from pages.shell.strings import Interface, tr
from xkde.data.preferences.flags import FLAGS
from xkde.data.preferences.statistics import Numbers, pair_statistics
from xkde.data.preferences.view import Table, View

BLUE, GREEN = "#0072B2", "#009E73"
COLOURS = ("#D55E00", "#56B4E9", "#E69F00", "#0072B2", "#009E73", "#CC79A7")
PATTERNS = ("", "/", "", ".", "\\", "x")  # beside the colours
BINS = 30
MOST_BARS = 12  # directions or languages, those with the most pairs
OUTSIDE = 0.005  # share of the lengths beyond each end that goes into the last bar
HEIGHT = 300
LINE = 20  # of a legend


def figures(found: Loaded, say: Interface) -> list[tuple[Any, str]]:
    """Return four figures, each with a sentence; None where there is nothing to draw.

    In their order: reward against correctness, margins, lengths, flags.
    """
    told = pair_statistics(found.table)
    drawn = (against, margin, length, flags_by_language)
    return [draw(found.table, told, say) for draw in drawn]


def against(table: Table, told: Numbers, say: Interface) -> tuple[Any, str]:
    """Draw how often the wrong one of two answers scores higher, by direction."""
    share = told["reward_against_correctness"]
    if not share["n"]:
        return None, tr("plot_against_unknown", say)
    by_direction = sorted(share["by_direction"].items(), key=lambda v: -v[1]["n"])
    names, shares = zip(*by_direction[:MOST_BARS], strict=True)
    flag = {"flags": "reward_against_correctness"}
    bars = _bar(
        [name or "?" for name in names],
        [100 * each["share"] for each in shares],
        [urlencode({"direction": n.replace("→", "-"), **flag}) for n in names],
        color=COLOURS[0],
        text=[f"{each['hits']}/{each['n']}" for each in shares],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x}: %{y:.1f} % (%{text})<extra></extra>",
    )
    words = tr("plot_against", say, **_in_words(share))
    figure = _figure([bars], "", tr("plot_against_y", say), category=True)
    return figure, words


def margin(table: Table, told: Numbers, say: Interface) -> tuple[Any, str]:
    """Draw how many pairs have which margin."""
    values = table.numbers["margin"]
    values = values[~np.isnan(values)]
    if not len(values):
        return None, tr("plot_margin_unknown", say)
    edges = round_edges(float(values.min()), float(values.max()))
    counts, _ = np.histogram(values, bins=edges)
    links = [
        urlencode({"margin_from": repr(float(a)), "margin_to": repr(float(b))})
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    bars = _bins(counts, edges, links, BLUE)
    ends = {name: f"{told['margin'][name]:.2f}" for name in ("low", "median", "high")}
    words = tr("plot_margin", say, n=f"{len(values):,}", **ends)
    return _figure([bars], tr("plot_margin_x", say), tr("plot_pairs", say)), words


def round_edges(low: float, high: float) -> Any:
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


def length(table: Table, told: Numbers, say: Interface) -> tuple[Any, str]:
    """Draw by how much the chosen answer is longer."""
    values = table.numbers["length_gap"]
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
    bars = _bins(counts, edges, links, GREEN)
    bars.text = [f"{a or '…'} – {b or '…'}" for a, b in ends]
    words = tr(
        "plot_length", say,
        longer=_percent(told["length"]["chosen_longer"]),
        shorter=_percent(told["length"]["rejected_longer"]),
        mean=f"{told['length']['mean_gap']:+.1f}",
    )  # fmt: skip
    return _figure([bars], tr("plot_length_x", say), tr("plot_pairs", say)), words


def flags_by_language(table: Table, told: Numbers, say: Interface) -> tuple[Any, str]:
    """Draw how often each flag is raised, by the chosen answer's language."""
    codes = table.codes["chosen_language"]
    names = table.values["chosen_language"].to_pylist()
    there = np.bincount(codes, minlength=len(names))
    shown = [int(i) for i in np.argsort(-there, kind="stable")[:MOST_BARS]]
    bars = []
    for number, name in enumerate(FLAGS):
        if not told["flags"][name]:
            continue
        counts = np.bincount(codes[table.flags[name]], minlength=len(names))
        bars.append(
            _bar(
                [_plain(language_words(names[i], say)) for i in shown],
                [int(counts[i]) for i in shown],
                [
                    urlencode({"chosen_language": names[i], "flags": name})
                    for i in shown
                ],
                color=COLOURS[number],
                pattern=PATTERNS[number],
                name=tr(f"flag_short_{name}", say),
                hovertemplate="%{x}: %{y} · %{fullData.name}<extra></extra>",
            )
        )
    if not bars:
        return None, tr("plot_flags_none", say)
    flagged = int(np.any(list(table.flags.values()), axis=0).sum())
    words = tr("plot_flags", say, n=f"{flagged:,}", of=f"{told['pairs']:,}")
    figure = _figure(bars, "", tr("plot_pairs", say), category=True)
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


def _bins(counts: Any, edges: Any, links: Sequence[str], color: str) -> Any:
    centres = (edges[:-1] + edges[1:]) / 2
    bars = _bar(
        [float(centre) for centre in centres],
        [int(count) for count in counts],
        links,
        color=color,
        text=[f"{a:.3g} – {b:.3g}" for a, b in zip(edges, edges[1:], strict=False)],
        textposition="none",
        hovertemplate="%{text}: %{y}<extra></extra>",
    )
    bars.width = float(edges[1] - edges[0]) * 0.94
    return bars


def _bar(x: Any, y: Any, links: Sequence[str], **options: Any) -> Any:
    import plotly.graph_objects as go

    color, pattern = options.pop("color"), options.pop("pattern", "")
    return go.Bar(
        x=x,
        y=y,
        customdata=links,
        marker={
            "color": color,
            "line": {"width": 0},
            "pattern": {
                "shape": pattern,
                "fillmode": "overlay",
                "fgcolor": "#ffffff",
                "size": 6,
            },
        },
        **options,
    )


def _figure(bars: Sequence[Any], x: str, y: str, *, category: bool = False) -> Any:
    import plotly.graph_objects as go

    axis = {"gridcolor": "rgba(138,148,166,.25)", "zeroline": False, "fixedrange": True}
    figure = go.Figure(list(bars))
    figure.update_layout(
        height=HEIGHT,
        barmode="stack",
        bargap=0.25,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#7c8798", "size": 13},
        margin={"l": 50, "r": 10, "t": 20, "b": 50},
        xaxis={**axis, "title": {"text": x}},
        yaxis={**axis, "title": {"text": y}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=len(bars) > 1,
        dragmode=False,
    )
    if category:
        figure.update_xaxes(type="category")
    return figure


def clicked(view: View, link: str) -> View:
    """Return the view that a click on a bar asks for: a filter beside those there."""
    told = dict(parse_qsl(link, keep_blank_values=True))  # an open end takes one away
    return View.from_query({**view.to_query(), **told, "page": "1"})
