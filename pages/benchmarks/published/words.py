"""What things are called in a figure of published numbers, and the sentence over it.

The headline says who is ahead, by how much, what is lost, and who is behind, of the
very numbers that the figure shows. Pure.
"""

import math
from collections.abc import Sequence

from pages.benchmarks.published.numbers import (
    CASES,
    MethodBar,
    MetricPanel,
    PublishedView,
    chosen,
    lead,
    star,
)
from pages.benchmarks.shared import language_name
from pages.shell.strings import Interface, strings, tr
from xkde.evaluation.published import (
    Coincidence,
    PaperAverage,
    PaperCell,
    PaperNumbers,
    PaperTable,
    measurement,
)

BENCHMARKS = {"bizsre": "Bi-ZsRE", "mzsre": "MzsRE"}
NAMED = 3  # exceptions in a sentence


def metric_words(metric: str, interface: Interface) -> str:
    """Return a metric's name; a general task's is its own."""
    return strings()[interface].get(f"published_metric_{metric}", metric)


def method_words(method: str, interface: Interface) -> str:
    """Return a row's name; an editor's is its own."""
    key = f"published_method_{method.replace(' ', '_')}"
    return strings()[interface].get(key, method)


def direction_words(edit: str, target: str) -> str:
    """Return "en→zh", or what there is of it."""
    return f"{edit}→{target}" if edit and target else edit or target


def table_words(table: PaperTable, interface: Interface) -> str:
    """Return "PaperTable 9 · MzsRE, edit in English · Llama-2-7b-chat"."""
    name = tr(f"published_table_{table.number}", interface)
    parts = [tr("published_table", interface, n=table.number), name, table.backbone]
    return " · ".join(filter(None, parts))


def asked_words(
    numbers: PaperNumbers, view: PublishedView, interface: Interface
) -> str:
    """Return the language asked in, or how many other ones."""
    if view.asked:
        return language_name(view.asked, interface)
    others = [code for code in numbers.texts(view.table, "target") if code != view.edit]
    if len(others) == 1:
        return language_name(others[0], interface)
    return tr("published_others", interface, n=len(others)) if others else ""


def where_words(
    numbers: PaperNumbers, view: PublishedView, interface: Interface
) -> str:
    """Return "Edited in English, asked in Chinese"."""
    edit = language_name(view.edit, interface)
    asked = asked_words(numbers, view, interface)
    if not view.edit:
        return tr("published_trained", interface)
    if not asked:
        return tr("published_edited", interface, edit=edit)
    return tr("published_where", interface, edit=edit, asked=asked)


def panel_words(
    panel: MetricPanel, shown: Sequence[MetricPanel], interface: Interface
) -> str:
    """Return what tells a panel from the others: its metric, or its language."""
    if len({other.metric for other in shown}) > 1 or not panel.target:
        return metric_words(panel.metric, interface)
    return language_name(panel.target, interface)


def provenance(
    numbers: PaperNumbers, view: PublishedView, cells: int, interface: Interface
) -> str:
    """Return where a figure's numbers are from: published, table, n, protocol."""
    table = numbers.tables[view.table]
    n = CASES.get(table.benchmark)
    parts = [
        tr("published_not_measured", interface, n=table.number),
        tr("published_n", interface, n=f"{n:,}", benchmark=BENCHMARKS[table.benchmark])
        if n
        else tr("published_n_unknown", interface),
        table.backbone or tr("published_backbone_unknown", interface),
        tr("published_protocol", interface, protocol=table.protocol),
    ]
    if cells > 1:
        parts.append(tr("published_mean", interface, n=cells))
    return tr("published_comma", interface).join(parts) + tr("full_stop", interface)


def average_words(average: PaperAverage, interface: Interface) -> str:
    """Return a printed average that its cells do not give, in words."""
    return tr(
        "published_wrong",
        interface,
        table=average.table,
        edit=language_name(average.edit, interface),
        method=method_words(average.method, interface),
        printed=f"{average.printed:.2f}",
        recomputed=f"{average.recomputed:.2f}",
        cells=average.cells,
    )


def same_words(pair: Coincidence, interface: Interface) -> str:
    """Return two measurements that are the same and should not be, in words."""
    first, second = pair.first, pair.second
    return tr(
        "published_same", interface,
        first=_measurement_words(first, interface),
        second=_measurement_words(second, interface),
        direction=direction_words(first.edit, first.target),
        metrics=tr("published_comma", interface).join(
            metric_words(metric, interface) for metric in pair.metrics
        ),
    )  # fmt: skip


def _measurement_words(cell: PaperCell, interface: Interface) -> str:
    return f"{method_words(cell.method, interface)} · {BENCHMARKS[cell.benchmark]}"


def doubts(
    numbers: PaperNumbers, view: PublishedView, interface: Interface
) -> list[str]:
    """Return what was found wrong in the very numbers that a view shows."""
    cells = set(chosen(numbers, view))
    wrong = [
        average_words(average, interface)
        for average in numbers.averages
        if average.differs
        and (average.table, average.edit) == (view.table, view.edit)
        and (view.methods is None or average.method in view.methods)
    ]
    shown = {measurement(cell) for cell in cells & numbers.flagged}
    same = [
        same_words(pair, interface)
        for pair in numbers.repeated
        if measurement(pair.second) in shown
    ]
    return wrong + same


def number(value: float, digits: int = 2) -> str:
    """Return a percentage, or a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def headline(
    numbers: PaperNumbers,
    view: PublishedView,
    shown: Sequence[MetricPanel],
    interface: Interface,
) -> tuple[str, str]:
    """Return what a figure shows in one sentence, and what else must be said of it."""
    panel, name = lead(numbers, view), star(view.table)
    own = panel.bar(name)
    rest = sorted(
        (bar for bar in panel.bars if bar is not own), key=lambda bar: -bar.value
    )
    where = where_words(numbers, view, interface)
    if own is None or not rest:
        values = _values(panel.best, panel, interface)
        return tr("published_head_alone", interface, where=where, **values), ""
    if not view.edit:
        return _tasks(shown, name, where, interface)
    return (
        _first(own, rest[0], panel, where, interface),
        tr("published_gap", interface).join(
            part
            for part in (
                _lost(own, rest[0], panel, view, interface),
                _ahead(shown, name, interface),
            )
            if part
        ),
    )


def _values(bar: MethodBar, panel: MetricPanel, interface: Interface) -> dict[str, str]:
    return {
        "best": method_words(bar.method, interface),
        "metric": metric_words(panel.metric, interface),
        "value": f"{bar.value:.2f}",
    }


def _first(
    own: MethodBar,
    other: MethodBar,
    panel: MetricPanel,
    where: str,
    interface: Interface,
) -> str:
    """Return how far the method that a table is about is ahead, or behind."""
    gap, name = (
        f"{abs(own.value - other.value):.2f}",
        method_words(own.method, interface),
    )
    if other.value > own.value:
        return tr(
            "published_head_behind", interface, where=where, star=name, gap=gap,
            own=f"{own.value:.2f}", **_values(other, panel, interface),
        )  # fmt: skip
    key = "published_head_average" if panel.metric == "average" else "published_head"
    return tr(
        key, interface, where=where, star=name, gap=gap,
        next=_quoted(other.method, interface), **_values(own, panel, interface),
    )  # fmt: skip


def _quoted(method: str, interface: Interface) -> str:
    """Return a method's words, in quotation marks where they are several."""
    words = method_words(method, interface)
    return words if words == method and " " not in words else f"“{words}”"


def _lost(
    own: MethodBar,
    other: MethodBar,
    panel: MetricPanel,
    view: PublishedView,
    interface: Interface,
) -> str:
    """Return what both lose outside the edit's own language, if both do."""
    if not (own.lost > 0 and other.lost > 0):
        return ""
    return tr(
        "published_lost", interface, edit=language_name(view.edit, interface),
        metric=metric_words(panel.metric, interface),
        star=method_words(own.method, interface), lost=f"{own.lost:.2f}",
        next=_quoted(other.method, interface), more=f"{other.lost:.2f}",
    )  # fmt: skip


def _tasks(
    shown: Sequence[MetricPanel], name: str, where: str, interface: Interface
) -> tuple[str, str]:
    """Return in how many tasks a trained model is ahead, and where it is not."""
    behind = _behind(shown, name, interface)
    values = {"star": name, "n": len(shown) - len(behind), "of": len(shown)}
    words = tr("published_comma", interface).join(behind)
    return (
        tr("published_head_tasks", interface, where=where, **values),
        tr("published_behind", interface, behind=words) if behind else "",
    )


def _ahead(shown: Sequence[MetricPanel], name: str, interface: Interface) -> str:
    """Return in how many panels a method is the best, and where it is not."""
    if len(shown) < 2:
        return ""
    behind = _behind(shown, name, interface)
    values = {"star": method_words(name, interface), "of": len(shown)}
    if not behind:
        return tr("published_ahead_all", interface, **values)
    if len(behind) == len(shown):
        return tr("published_ahead_none", interface, **values)
    dots = ["…"] if len(behind) > NAMED else []
    return tr(
        "published_ahead", interface, **values, n=len(shown) - len(behind),
        behind=tr("published_comma", interface).join([*behind[:NAMED], *dots]),
    )  # fmt: skip


def _behind(shown: Sequence[MetricPanel], name: str, interface: Interface) -> list[str]:
    """Return the panels in which another method is ahead, each in words."""
    found = []
    for panel in shown:
        own, best = panel.bar(name), panel.best
        if own is not None and best.value > own.value:
            title, method = (
                panel_words(panel, shown, interface),
                method_words(best.method, interface),
            )
            found.append(f"{title} ({method} {best.value:.2f} › {own.value:.2f})")
    return found
