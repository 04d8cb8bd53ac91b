"""Published numbers to look at: the figure, printed against recomputed, cells, context.

The figure is made of tables that a screen reader reads as such: the bar or the shade of
a cell is drawn by the style sheet from the number in it. One accent, for the method
that a table is about; every bar is named, so nothing is distinguished by colour alone.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from pages.benchmarks.published.numbers import (
    Direction,
    MetricPanel,
    PublishedView,
    averages,
    chosen,
    directions,
    panels,
    ranks,
    star,
    unique,
    wins,
)
from pages.benchmarks.published.words import (
    average_words,
    direction_words,
    doubts,
    headline,
    method_words,
    metric_words,
    number,
    panel_words,
    provenance,
    same_words,
)
from pages.benchmarks.shared import language_name
from pages.shell.strings import Interface, strings, tr
from pages.shell.templates import render
from xkde.evaluation.published import ALL, PaperAverage, PaperCell, PaperNumbers

ALL_METHODS = "*"  # in a button's link: whichever were chosen
FEW = 4  # panels with room for long bars, directions beside each other
RANKED = 5  # panels whose ranks have room
PAPER = "arXiv:2502.14645"
COLUMNS = (
    "kind", "table", "benchmark", "backbone", "protocol", "edit", "target", "metric",
    "method", "percent", "equals_another_measurement", "source",
)  # fmt: skip


@dataclass(frozen=True)
class ChangeButton:
    """Words; a button that changes some parameters of the view, where ``go`` is set."""

    words: str
    title: str = ""
    go: str = ""


def button(words: str, title: str, **parameters: str) -> ChangeButton:
    """Return a button that changes the view by some parameters of its address."""
    return ChangeButton(words, title, urlencode(parameters))


def figure_html(
    numbers: PaperNumbers,
    view: PublishedView,
    interface: Interface,
    noted: str = "",
) -> str:
    """Return the headline with its bars, heat maps, ranks, doubts and provenance."""
    shown = panels(numbers, view)
    if not shown:
        everything = tr("published_every", interface)
        return render(
            "benchmarks/published/nothing.html",
            interface,
            address=view.address,
            noted=noted,
            everything=button(everything, "", methods=ALL_METHODS),
        )
    claim, more = headline(numbers, view, shown, interface)
    cells = max(panel.cells for panel in shown)
    own = any(not math.isnan(bar.own) for panel in shown for bar in panel.bars)
    order = [bar.method for bar in shown[0].bars]
    table = numbers.tables[view.table]
    return render(
        "benchmarks/published/figure.html",
        interface,
        address=view.address,
        noted=noted,
        # The method's name is never cut at its hyphen.
        claim=claim.split("X-KDE"),
        more=more,
        tick=language_name(view.edit, interface) if own else "",
        is_many=len(shown) > FEW,
        panels=[_panel(panel, shown, view, interface) for panel in shown],
        about=[table.title, table.protocol_note, *table.notes, table.source],
        heats=_heats(numbers, view, order, interface),
        doubts=doubts(numbers, view, interface),
        ranks=_ranks(numbers, view, shown, interface),
        caption=provenance(numbers, view, cells, interface),
    )


def _panel(
    panel: MetricPanel,
    shown: Sequence[MetricPanel],
    view: PublishedView,
    interface: Interface,
) -> dict[str, object]:
    """Return a panel of bars: its head, its note, its rows."""
    title = panel_words(panel, shown, interface)
    by_language = title != metric_words(panel.metric, interface)
    head = ChangeButton(title)
    if len(shown) > 1 and by_language:
        hint = tr("published_only_asked", interface, name=title)
        head = button(title, hint, asked=panel.target)
    elif len(shown) > 1:
        hint = tr("published_only_metric", interface, name=title)
        head = button(title, hint, metric=panel.metric)
    if by_language:
        note = tr("published_own", interface) if panel.target == view.edit else ""
    else:
        note = strings()[interface].get(f"published_about_{panel.metric}", "")
    rows = [
        {
            "method": method_words(bar.method, interface),
            "is_star": bar.method == star(view.table),
            "value": f"{bar.value:.2f}",
            "own": "" if math.isnan(bar.own) else f"{bar.own:.2f}",
            "lost": "" if math.isnan(bar.own) else _signed(-bar.lost),
            "is_doubted": bar.repeated,
        }
        for bar in panel.bars
    ]
    return {"head": head, "note": note, "rows": rows}


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


@dataclass(frozen=True)
class HeatCell:
    """A number of a heat map; ``share`` is how dark it is."""

    words: str
    share: str
    is_best: bool
    is_doubted: bool


HeatRow = tuple[ChangeButton, str, bool, list[HeatCell]]  # head, note, is it the star


def _heats(
    numbers: PaperNumbers,
    view: PublishedView,
    order: Sequence[str],
    interface: Interface,
) -> dict[str, object] | None:
    """Return a heat map for each metric shown, as (title, heads, rows).

    Directions against methods, whose order is ``order``. Many directions become rows,
    so that a phone has room. Nothing where a table has but one direction.
    """
    found = directions(numbers, view.table)
    if len(found) > FEW:
        found = [direction for direction in found if direction[0] == view.edit]
    names = [m for m in numbers.texts(view.table, "metric") if view.metric in ("", m)]
    cells = {
        (cell.metric, cell.edit, cell.target, cell.method): cell
        for cell in numbers.of(view.table)
        if cell.method in order and cell.metric in names
    }
    if len(found) < 2 or len(cells) < len(found) * len(order) * len(names):
        return None
    low = 10 * math.floor(min(cell.value for cell in cells.values()) / 10)
    maps = []
    for metric in names:
        shades = {
            (direction, method): _shade(
                cells[metric, *direction, method],
                max(cells[metric, *direction, other].value for other in order),
                low,
                numbers,
            )
            for direction in found
            for method in order
        }
        heads, rows = _heat_rows(view, found, order, shades, interface)
        maps.append((metric_words(metric, interface), heads, rows))
    return {"low": low, "maps": maps}


def _heat_rows(
    view: PublishedView,
    found: Sequence[Direction],
    order: Sequence[str],
    shades: dict[tuple[Direction, str], HeatCell],
    interface: Interface,
) -> tuple[list[str], list[HeatRow]]:
    """Return heads and rows: languages × methods, or methods × a few directions."""
    if len(found) > FEW:
        return [method_words(method, interface) for method in order], [
            (
                *_language(direction[1], view, interface),
                False,
                [shades[direction, method] for method in order],
            )
            for direction in found
        ]
    return [direction_words(*direction) for direction in found], [
        (
            ChangeButton(method_words(method, interface)),
            "",
            method == star(view.table),
            [shades[direction, method] for direction in found],
        )
        for method in order
    ]


def _language(
    code: str, view: PublishedView, interface: Interface
) -> tuple[ChangeButton, str]:
    name = language_name(code, interface)
    if code == view.edit:
        return ChangeButton(name), tr("published_own", interface)
    return button(
        name, tr("published_only_asked", interface, name=name), asked=code
    ), ""


def _shade(cell: PaperCell, best: float, low: int, numbers: PaperNumbers) -> HeatCell:
    share = (cell.value - low) / max(1, 100 - low)
    is_doubted = cell in numbers.flagged
    return HeatCell(f"{cell.value:.1f}", f"{share:.3f}", cell.value == best, is_doubted)


def _ranks(
    numbers: PaperNumbers,
    view: PublishedView,
    shown: Sequence[MetricPanel],
    interface: Interface,
) -> dict[str, object] | None:
    """Return each method's ranks, their mean, and how often it is first."""
    order = [bar.method for bar in shown[0].bars]
    if len(order) < 2:
        return None
    of_panels = [ranks(panel) for panel in shown]
    first, cells = wins(numbers, view)
    mean = {
        method: sum(rank[method] for rank in of_panels if method in rank)
        / sum(method in rank for rank in of_panels)
        for method in order
    }
    have_room = 1 < len(shown) <= RANKED
    return {
        "n": len(order),
        "heads": [panel_words(p, shown, interface) for p in shown if have_room],
        "rows": [
            (
                method_words(method, interface),
                method == star(view.table),
                [rank[method] for rank in of_panels if have_room],
                f"{mean[method]:.1f}",
                tr("published_of", interface, n=first[method], of=cells),
            )
            for method in sorted(order, key=lambda name: mean[name])
        ],
    }


def printed_html(
    numbers: PaperNumbers, view: PublishedView, interface: Interface
) -> str:
    """Return what is printed against what recomputes: of the paper, then of a view."""
    wrong = [average for average in numbers.averages if average.differs]
    own = averages(numbers, view)
    return render(
        "benchmarks/published/printed.html",
        interface,
        checked=len(numbers.averages),
        wrong=len(wrong),
        doubts=[
            _doubt(average_words(a, interface), a.table, a.edit, "", interface)
            for a in wrong
        ]
        + [
            _doubt(
                same_words(pair, interface),
                pair.second.table,
                pair.second.edit,
                pair.second.target,
                interface,
            )
            for pair in numbers.repeated
        ],
        table=view.table,
        average=numbers.tables[view.table].average,
        by_metric=any(average.metric != ALL for average in own),
        rows=[_printed_row(average, interface) for average in own],
    )


def _doubt(
    words: str, table: int, edit: str, asked: str, interface: Interface
) -> tuple[str, ChangeButton]:
    show = tr("published_show", interface)
    target = {"table": str(table), "edit": edit, "asked": asked, "metric": ""}
    return words, button(show, words, **target, methods=ALL_METHODS)


def _printed_row(average: PaperAverage, interface: Interface) -> dict[str, object]:
    gap = _signed(average.printed - average.recomputed)
    differs = f"△ {gap} {tr('published_differs', interface)}"
    return {
        "differs": average.differs,
        "method": method_words(average.method, interface),
        "metric": metric_words(average.metric, interface),
        "values": [
            f"{average.printed:.2f}",
            f"{average.recomputed:.2f}",
            differs if average.differs else tr("published_agrees", interface),
            number(average.cross),
            str(average.cells),
        ],
    }


def cells_html(numbers: PaperNumbers, view: PublishedView, interface: Interface) -> str:
    """Return all cells of a view as a table, and as a file to download."""
    cells = chosen(numbers, view)
    by_place = {(c.target, c.metric, c.method): c.value for c in cells}
    methods = unique([cell.method for cell in cells])
    text = quote(csv_text(numbers, view), safe=",/:()")
    return render(
        "benchmarks/published/cells.html",
        interface,
        n=len(cells),
        name=f"x-kde-published-table-{view.table}.csv",
        file=f"data:text/csv;charset=utf-8,{text}",
        heads=[method_words(method, interface) for method in methods],
        rows=[
            (
                direction_words(view.edit, target),
                metric_words(metric, interface),
                [
                    number(by_place[target, metric, method])
                    if (target, metric, method) in by_place
                    else ""
                    for method in methods
                ],
            )
            for target, metric in dict.fromkeys((c.target, c.metric) for c in cells)
        ],
    )


def csv_text(numbers: PaperNumbers, view: PublishedView) -> str:
    """Return a view's cells as CSV, each row with where it is from."""
    table = numbers.tables[view.table]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cell in chosen(numbers, view):
        same = "yes" if cell in numbers.flagged else ""
        writer.writerow([
            "published", cell.table, cell.benchmark, cell.backbone, table.protocol,
            cell.edit, cell.target, cell.metric, cell.method, f"{cell.value:.2f}",
            same, f"{PAPER}, Table {table.number}",
        ])  # fmt: skip
    return out.getvalue()


def context_html(numbers: PaperNumbers, interface: Interface) -> str:
    """Return what other works report, each with its own protocol."""
    return render("benchmarks/published/context.html", interface, works=numbers.context)
