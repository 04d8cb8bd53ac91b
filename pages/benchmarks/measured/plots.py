"""The pictures of Measured here: bars by probe, and the gap between the protocols.

In Okabe and Ito's colours and with patterns beside them. A bar carries the address of
the answers behind it: a click is a link. Plotly is imported when the first picture is
drawn.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pages.benchmarks.measured.tables import Gaps
from pages.benchmarks.shared import measure_name, probe_name, protocol_name
from pages.benchmarks.sources import (
    MeasuredChoice,
    MeasuredSource,
    cases_address,
    means_of,
)
from pages.shell.plots import COLOURS, GREY, PATTERNS, bar_marker, layout, plain, title
from pages.shell.strings import Interface, tr
from xkde.evaluation.results.rows import GENERATED, TEACHER_FORCED
from xkde.evaluation.results.summary import GroupMean
from xkde.types import PROBES

if TYPE_CHECKING:
    import plotly.graph_objects as go

BAR_COLOURS = [
    COLOURS[name] for name in ("grey", "sky", "blue", "green", "orange", "purple")
]
HEIGHT = 380


def intervals(
    means: Sequence[GroupMean], colour: str, width: float
) -> dict[str, object]:
    """Return the error bars of means, as Plotly takes them."""
    ends = [(m.mean or 0.0, m.low or 0.0, m.high or 0.0) for m in means]
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - mean) for mean, _, high in ends],
        "arrayminus": [max(0.0, mean - low) for mean, low, _ in ends],
        "color": colour,
        "thickness": width,
        "width": 3,
    }


def bars(
    shown: Sequence[MeasuredSource], choice: MeasuredChoice, interface: Interface
) -> "go.Figure | None":
    """Return bars by probe; None where nothing is measured."""
    import plotly.graph_objects as go

    traces = []
    for number, source in enumerate(shown):
        by_probe = {
            mean.group["probe"]: mean
            for mean in means_of(source, choice, ["probe"], protocol=choice.protocol)
            if mean.mean is not None
        }
        probes = [probe for probe in PROBES if probe in by_probe]
        means = [by_probe[probe] for probe in probes]
        if not means:
            continue
        traces.append(
            go.Bar(
                name=plain(source.name),
                x=[probe_name(probe, interface) for probe in probes],
                y=[mean.mean for mean in means],
                error_y=intervals(means, GREY, 1.4),
                customdata=[cases_address(source, choice, probe=p) for p in probes],
                text=[f"n {mean.n:,}" for mean in means],
                textposition="none",
                marker=bar_marker(
                    BAR_COLOURS[number % len(BAR_COLOURS)],
                    PATTERNS[number % len(PATTERNS)],
                ),
                hovertemplate="%{x}: %{y:.3f} (%{text})<extra>%{fullData.name}</extra>",
            )
        )
    if not traces:
        return None
    measure = measure_name(choice.measure, choice.protocol, interface)
    return go.Figure(traces, _by_probe(measure, barmode="group", bargap=0.2))


def _by_probe(words: str, **more: object) -> dict[str, object]:
    return layout(
        height=HEIGHT,
        x={"type": "category", "showgrid": False},
        y={**title(words), "range": [0, 1.02]},
        legend=-0.14,
        margin={"l": 48, "r": 6, "t": 10, "b": 40},
        **more,
    )


def gap_marks(found: Gaps, interface: Interface) -> "go.Figure | None":
    """Return, by probe, where teacher forcing and generation put each run."""
    import plotly.graph_objects as go

    traces = []
    for number, (source, lines) in enumerate(found):
        by_probe = {its.group["probe"]: its.difference for its in lines}
        probes = [probe for probe in PROBES if probe in by_probe]
        gaps = [by_probe[probe].value for probe in probes]
        colour = BAR_COLOURS[number % len(BAR_COLOURS)]
        line = {  # from the generated mark to the other one
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, gap) for gap in gaps],
            "arrayminus": [max(0.0, -gap) for gap in gaps],
            "color": colour,
            "thickness": 2,
            "width": 0,
        }
        same = {
            "x": [probe_name(probe, interface) for probe in probes],
            "mode": "markers",
            "name": source.name,
            "legendgroup": source.key,
            "offsetgroup": str(number),
            "hovertemplate": "%{x}: %{y:.3f}<extra>%{fullData.name}</extra>",
        }
        generated = [by_probe[probe].second for probe in probes]
        forced = [by_probe[probe].first for probe in probes]
        traces += [
            go.Scatter(y=generated, marker=_mark(colour), error_y=line, **same),
            go.Scatter(
                y=forced, marker=_mark(colour, is_open=True), showlegend=False, **same
            ),
        ]
    if not traces:
        return None
    for protocol in (TEACHER_FORCED, GENERATED):
        marker = _mark(GREY, is_open=protocol == TEACHER_FORCED)
        name = protocol_name(protocol, interface)
        traces.append(
            go.Scatter(x=[None], y=[None], mode="markers", name=name, marker=marker)
        )
    axes = _by_probe(tr("measured_gap_axis", interface), scattermode="group")
    return go.Figure(traces, axes)


def _mark(colour: str, is_open: bool = False) -> dict[str, object]:
    symbol = "circle-open" if is_open else "circle"
    return {"color": colour, "size": 11, "symbol": symbol, "line": {"width": 2}}
