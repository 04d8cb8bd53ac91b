"""What things are called in a figure of published numbers, and where they are from.

Pure: a view and its numbers in, words in the interface's language out.

Run its tests: ``python -m pytest tests/pages/benchmarks/published/test_page.py``
"""

import math
from collections.abc import Sequence

from pages.benchmarks.published.numbers import (
    CASES,
    Panel,
    chosen,
    targets,
)
from pages.benchmarks.published.reading import Numbers, measurement
from pages.benchmarks.published.view import View
from pages.shell.strings import Interface, strings, tr
from xkde.evaluation.published.tables import Average, Coincidence, Table

BENCHMARKS = {"bizsre": "Bi-ZsRE", "mzsre": "MzsRE"}


def language_words(code: str, say: Interface) -> str:
    """Return a language's name."""
    return strings()[say].get(f"language_{code}", code)


def metric_words(metric: str, say: Interface) -> str:
    """Return a metric's name; a general task's is its own."""
    return strings()[say].get(f"published_metric_{metric}", metric)


def method_words(method: str, say: Interface) -> str:
    """Return a row's name; an editor's is its own."""
    key = f"published_method_{method.replace(' ', '_')}"
    return strings()[say].get(key, method)


def direction_words(edit: str, target: str) -> str:
    """Return "en→zh", or what there is of it."""
    return f"{edit}→{target}" if edit and target else edit or target


def table_words(table: Table, say: Interface) -> str:
    """Return "Table 9 · MzsRE, edit in English · Llama-2-7b-chat"."""
    name = tr(f"published_table_{table.number}", say)
    told = [tr("published_table", say, n=table.number), name, table.backbone]
    return " · ".join(part for part in told if part)


def asked_words(numbers: Numbers, view: View, say: Interface) -> str:
    """Return the language asked in, or how many other ones."""
    if view.asked:
        return language_words(view.asked, say)
    others = [code for code in targets(numbers, view.table) if code != view.edit]
    if len(others) == 1:
        return language_words(others[0], say)
    return tr("published_others", say, n=len(others)) if others else ""


def where_words(numbers: Numbers, view: View, say: Interface) -> str:
    """Return "Edited in English, asked in Chinese"."""
    edit = language_words(view.edit, say)
    asked = asked_words(numbers, view, say)
    if not view.edit:
        return tr("published_trained", say)
    if not asked:
        return tr("published_edited", say, edit=edit)
    return tr("published_where", say, edit=edit, asked=asked)


def panel_words(panel: Panel, shown: Sequence[Panel], say: Interface) -> str:
    """Return what tells a panel from the others: its metric, or its language."""
    if len({other.metric for other in shown}) > 1 or not panel.target:
        return metric_words(panel.metric, say)
    return language_words(panel.target, say)


def provenance(numbers: Numbers, view: View, cells: int, say: Interface) -> str:
    """Return where a figure's numbers are from: published, table, n, protocol."""
    table = numbers.tables[view.table]
    n = CASES.get(table.benchmark)
    told = [
        tr("published_not_measured", say, n=table.number),
        tr("published_n", say, n=f"{n:,}", benchmark=BENCHMARKS[table.benchmark])
        if n
        else tr("published_n_unknown", say),
        table.backbone or tr("published_backbone_unknown", say),
        tr("published_protocol", say, protocol=table.protocol),
    ]
    if cells > 1:
        told.append(tr("published_mean", say, n=cells))
    return tr("published_comma", say).join(told) + tr("full_stop", say)


def average_words(average: Average, say: Interface) -> str:
    """Return a printed average that its cells do not give, in words."""
    return tr(
        "published_wrong", say, table=average.table,
        edit=language_words(average.edit, say),
        method=method_words(average.method, say), printed=f"{average.printed:.2f}",
        recomputed=f"{average.recomputed:.2f}", cells=average.cells,
    )  # fmt: skip


def same_words(pair: Coincidence, say: Interface) -> str:
    """Return two measurements that are the same and should not be, in words."""
    first, second = pair.first, pair.second
    return tr(
        "published_same", say,
        first=f"{method_words(first.method, say)} · {BENCHMARKS[first.benchmark]}",
        second=f"{method_words(second.method, say)} · {BENCHMARKS[second.benchmark]}",
        direction=direction_words(first.edit, first.target),
        metrics=tr("published_comma", say).join(
            metric_words(metric, say) for metric in pair.metrics
        ),
    )  # fmt: skip


def doubts(numbers: Numbers, view: View, say: Interface) -> list[str]:
    """Return what was found wrong in the very numbers that a view shows."""
    cells = set(chosen(numbers, view))
    wrong = [
        average_words(average, say)
        for average in numbers.averages
        if average.differs
        and (average.table, average.edit) == (view.table, view.edit)
        and (view.methods is None or average.method in view.methods)
    ]
    shown = {measurement(cell) for cell in cells & numbers.flagged}
    same = [
        same_words(pair, say)
        for pair in numbers.repeated
        if measurement(pair.second) in shown
    ]
    return wrong + same


def number(value: float, digits: int = 2) -> str:
    """Return a percentage, or a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
