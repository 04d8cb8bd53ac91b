"""The same over many edits: tables and a figure of what was measured and shipped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.inside.panes import PaneShown
from pages.inside.plots import plane_layout
from pages.shell.plots import COLOURS, GREY, SIGNED_SCALE, layout, title
from pages.shell.strings import Interface, strings, tr
from pages.shell.templates import render
from xkde.inside.files import Cell, InsideReport, Row, shipped

if TYPE_CHECKING:
    import plotly.graph_objects as go

# look -> which measurement stands beneath it
MEASURED = {
    "lens": "lens",
    "map": "lens",
    "attribution": "attribution",
    "trace": "trace",
    "languages": "geometry",
}
ROLES = ("subject_first", "subject_middle", "subject_last", "next", "further", "last")
# What is compared -> its colour and mark
COMPARED = {
    "other wording": ("green", "diamond"),
    "same fact": ("blue", "circle"),
    "other fact": ("vermilion", "x"),
}
CLOUD_AND_COSINES = 820  # height of two pictures
MARKERS = ("circle", "diamond", "square", "x", "cross", "triangle-up")


@dataclass(frozen=True)
class MeasuredTable:
    """One table in words: its title, its columns' names, its rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def measured_of(look: str, interface: Interface) -> PaneShown:
    """Return what was measured of a look, in all shipped reports."""
    reports = shipped(MEASURED.get(look, ""))
    figure = _figure(reports, interface) if reports else None
    html = render(
        "inside/measured.html",
        interface,
        reports=[(_about(report, interface), _tables(report, interface))
                 for report in reports],
    )  # fmt: skip
    return PaneShown(html, figure)


def _about(report: InsideReport, interface: Interface) -> str:
    about = report.about
    return tr(
        "inside_measured_about",
        interface,
        checkpoint=about["checkpoint"],
        revision=about["revision"],
        benchmark=about["benchmark"],
        facts=about["facts"],
        languages=about["languages"],
        seed=about["seed"],
        editor=str(about["editor"]).upper() or "–",
    )


def _tables(report: InsideReport, interface: Interface) -> list[MeasuredTable]:
    """Return a report's tables in words; points of a map are for the figure alone."""
    return [
        table
        for name, rows in report.tables.items()
        if name in COLUMNS and (table := _table(name, rows, interface))
    ]


def _mean(row: Row) -> str:
    mean, low, high = (_number(float(row[key])) for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]" if "-" in low else f"{mean} [{low}–{high}]"


def _number(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"  # never “-0.000”


# table -> the fields that name a row, and what is shown of it
COLUMNS: Mapping[str, tuple[tuple[str, ...], Callable[[Row], str] | None]] = {
    "layers": (("model", "asked", "measure"), _mean),
    "shares": (("probe", "asked", "measure", "part"), _mean),
    "cosines": (("one", "other", "compared", "part", "layer"), _mean),
    "norms": (("language", "layer"), _mean),
    "additivity": (("edited", "asked", "probe"), _mean),
    "together": (
        ("one", "other", "layer", "facts", "cosine", "cosine_other_facts",
         "sum_cosine", "relative_error"),
        None,
    ),
}  # fmt: skip


def _table(name: str, rows: Sequence[Row], interface: Interface) -> MeasuredTable:
    fields, value = COLUMNS[name]
    columns = [tr(f"inside_column_{field}", interface) for field in fields]
    cells = [[_word(field, row[field], interface) for field in fields] for row in rows]
    if value is not None:
        columns += [tr("inside_column_mean", interface), "n"]
        for line, row in zip(cells, rows, strict=True):
            line += [value(row), str(row["n"])]
    return MeasuredTable(
        tr(f"inside_table_{name}", interface), tuple(columns), tuple(map(tuple, cells))
    )


def _word(field: str, value: Cell, interface: Interface) -> str:
    """Return a cell in words: a value with a key of its own, else as it stands."""
    if isinstance(value, float):
        return _number(value)
    key = f"inside_{field}_{value}".replace(" ", "_")
    return strings()[interface].get(key, str(value))


def _figure(
    reports: Sequence[InsideReport], interface: Interface
) -> "go.Figure | None":
    """Return the figure of reports of one kind, in which the first has the most."""
    tables = reports[0].tables
    if "effects" in tables:
        return trace_figure(tables["effects"], interface)
    if tables.get("map"):
        return geometry_figure(reports, interface)
    return None


def trace_figure(rows: Sequence[Row], interface: Interface) -> "go.Figure":
    """Return the mean indirect effect by language, role and layer."""
    import plotly.graph_objects as go

    effects = [row for row in rows if row["role"] in ROLES]
    languages = list(dict.fromkeys(str(row["language"]) for row in effects))
    layers = sorted({int(row["layer"]) for row in effects})
    at = {(row["language"], row["role"], row["layer"]): row for row in effects}
    lines = [(code, role) for code in languages for role in ROLES
             if (code, role, layers[0]) in at]  # fmt: skip
    cells = [[at[code, role, layer] for layer in layers] for code, role in lines]
    largest = max(abs(float(row["mean"])) for line in cells for row in line)
    heat = go.Heatmap(
        x=layers,
        y=[f"{code} · {tr(f'inside_role_{role}', interface)}" for code, role in lines],
        z=[[row["mean"] for row in line] for line in cells],
        customdata=[[f"{_mean(row)}, n {row['n']}" for row in line] for line in cells],
        colorscale=SIGNED_SCALE,
        zmin=-largest,
        zmax=largest,
        hovertemplate="%{y}, %{x}: %{customdata}<extra></extra>",
        colorbar={"thickness": 10, "tickfont": {"color": GREY}, "outlinewidth": 0},
        xgap=1,
        ygap=1,
    )
    axes = layout(
        height=110 + 22 * len(lines),
        x={**title(tr("inside_layer", interface)), "showgrid": False, "dtick": 1},
        y={"autorange": "reversed", "showgrid": False},
        margin={"l": 170, "r": 4, "t": 8, "b": 44},
    )
    return go.Figure([heat], axes)


def geometry_figure(
    reports: Sequence[InsideReport], interface: Interface
) -> "go.Figure":
    """Return the cosines of whole updates, above the first report's map of updates."""
    import plotly.graph_objects as go

    rows = [
        (f"{str(report.about['editor']).upper()} · {row['layer']}", row)
        for report in reports
        for row in report.tables["cosines"]
        if row["part"] == "update"
    ]
    traces = []
    for compared, (colour, symbol) in COMPARED.items():
        own = [(group, row) for group, row in rows if row["compared"] == compared]
        traces.append(
            go.Scatter(
                name=_word("compared", compared, interface),
                x=[
                    [group for group, _ in own],
                    [f"{row['one']}–{row['other']}" for _, row in own],
                ],
                y=[row["mean"] for _, row in own],
                error_y={
                    "array": [float(r["high"]) - float(r["mean"]) for _, r in own],
                    "arrayminus": [float(r["mean"]) - float(r["low"]) for _, r in own],
                    "width": 0,
                },
                customdata=[f"{_mean(row)}, n {row['n']}" for _, row in own],
                mode="markers",
                marker={"color": COLOURS[colour], "symbol": symbol, "size": 8},
                hovertemplate="%{x}: %{customdata}<extra>%{fullData.name}</extra>",
            )
        )
    points = reports[0].tables["map"]
    plane = plane_layout(_shares(points), interface)
    axes = layout(
        height=CLOUD_AND_COSINES,
        y={**title(tr("inside_cosine", interface)), "domain": [0.6, 1]},
        legend=-0.08,
        xaxis2={**plane["xaxis"], "anchor": "y2"},
        yaxis2={**plane["yaxis"], "anchor": "x2", "domain": [0, 0.36]},
    )
    return go.Figure([*traces, *_points(points, interface)], axes)


def _shares(rows: Sequence[Row]) -> tuple[float, float]:
    return float(rows[0]["share_x"]), float(rows[0]["share_y"])


def _points(rows: Sequence[Row], interface: Interface) -> list["go.Scatter"]:
    """Return every update as a point, one trace for each language."""
    import plotly.graph_objects as go

    colours = list(COLOURS.values())
    codes = list(dict.fromkeys(str(row["language"]) for row in rows))
    traces = []
    for number, code in enumerate(codes):
        own = [row for row in rows if row["language"] == code]
        traces.append(
            go.Scatter(
                name=tr(f"language_{code}", interface),
                x=[row["x"] for row in own],
                y=[row["y"] for row in own],
                customdata=[row["fact"] for row in own],
                xaxis="x2",
                yaxis="y2",
                mode="markers",
                marker={
                    "color": colours[number % len(colours)],
                    "symbol": MARKERS[number % len(MARKERS)],
                    "size": 7,
                },
                hovertemplate=tr("inside_fact_hover", interface)
                + "<extra>%{fullData.name}</extra>",
            )
        )
    return traces
