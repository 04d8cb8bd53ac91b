"""Published numbers as tables: printed against recomputed, all cells, CSV, context.

Pure; all text is escaped.

Run its tests: ``python -m pytest tests/pages/benchmarks/published/test_page.py``
"""

import csv
import io
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from pages.benchmarks.published.html import go_html
from pages.benchmarks.published.numbers import averages, chosen, unique
from pages.benchmarks.published.reading import Numbers
from pages.benchmarks.published.view import View
from pages.benchmarks.published.words import (
    average_words,
    direction_words,
    method_words,
    metric_words,
    number,
    same_words,
)
from pages.shell.strings import Interface, tr
from xkde.evaluation.published.tables import ALL, Average

COLUMNS = (
    "kind", "table", "benchmark", "backbone", "protocol", "edit", "target", "metric",
    "method", "percent", "equals_another_measurement", "source",
)  # fmt: skip

PAPER = "arXiv:2502.14645"


def printed_html(numbers: Numbers, view: View, say: Interface) -> str:
    """Return what is printed against what recomputes: of the paper, then of a view."""
    wrong = [average for average in numbers.averages if average.differs]
    words = tr(
        "published_checked", say, n=len(numbers.averages),
        good=len(numbers.averages) - len(wrong), wrong=len(wrong),
    )  # fmt: skip
    lines = [_found(average_words(a, say), a.table, a.edit, "", say) for a in wrong] + [
        _found(same_words(p, say), p.second.table, p.second.edit, p.second.target, say)
        for p in numbers.repeated
    ]
    own = averages(numbers, view)
    if not own:
        table = tr("published_no_average", say, n=view.table)
        rest = f'<p class="caption">{escape(table)}</p>'
    else:
        about = tr("published_average_is", say, n=view.table)
        over = numbers.tables[view.table].average
        rest = (
            f'<p class="caption">{escape(about)} <span lang="en">{escape(over)}</span>'
            f"{escape(tr('full_stop', say))}</p>{_printed(own, say)}"
        )
    return f'<p>{escape(words)}</p><ul class="found">{"".join(lines)}</ul>{rest}'


def _found(words: str, table: int, edit: str, asked: str, say: Interface) -> str:
    title = tr("published_show", say)
    button = go_html(
        title, words, table=str(table), edit=edit, asked=asked, metric="", methods="*"
    )
    return f'<li><span aria-hidden="true">△</span> {escape(words)} {button}</li>'


def _printed(own: Sequence[Average], say: Interface) -> str:
    """Return the averages of a view; each flagged in words where it differs."""
    by_metric = any(average.metric != ALL for average in own)
    heads = ["published_method", *(["published_metric"] if by_metric else [])]
    heads += [
        "published_printed", "published_recomputed", "published_difference",
        "published_elsewhere", "published_cells",
    ]  # fmt: skip
    rows = []
    for average in own:
        gap = average.printed - average.recomputed
        told = f"△ {gap:+.2f} {tr('published_differs', say)}"
        cells = [
            f"{average.printed:.2f}",
            f"{average.recomputed:.2f}",
            told.replace("-", "−") if average.differs else tr("published_agrees", say),
            number(average.cross),
            str(average.cells),
        ]
        metric = f"<td>{escape(metric_words(average.metric, say))}</td>"
        kind = ' class="differs"' if average.differs else ""
        rows.append(
            f"<tr{kind}>"
            f'<th scope="row">{escape(method_words(average.method, say))}</th>'
            f"{metric if by_metric else ''}"
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            + "</tr>"
        )
    return _table("printed", [tr(head, say) for head in heads], rows, say)


def _table(kind: str, heads: Iterable[str], rows: Iterable[str], say: Interface) -> str:
    """Return a table in a frame that scrolls by itself where a phone is too narrow."""
    columns = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    name = escape(tr(f"published_{kind}_title", say))
    return (
        f'<div class="frame" tabindex="0" role="region" aria-label="{name}">'
        f'<table class="{kind}"><thead><tr>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def data_html(numbers: Numbers, view: View, say: Interface) -> str:
    """Return all cells of a view as a table, and as a file to take along."""
    cells = chosen(numbers, view)
    by_place = {(c.target, c.metric, c.method): c.value for c in cells}
    methods = unique([cell.method for cell in cells])
    heads = [tr("published_direction", say), tr("published_metric", say)]
    heads += [method_words(method, say) for method in methods]
    rows = []
    for target, metric in dict.fromkeys((c.target, c.metric) for c in cells):
        values = "".join(
            f"<td>{number(by_place[target, metric, method])}</td>"
            if (target, metric, method) in by_place
            else "<td></td>"
            for method in methods
        )
        rows.append(
            f'<tr><th scope="row">{escape(direction_words(view.edit, target))}</th>'
            f"<td>{escape(metric_words(metric, say))}</td>{values}</tr>"
        )
    name = f"x-kde-published-table-{view.table}.csv"
    words = tr("published_download", say, n=len(cells))
    file = f"data:text/csv;charset=utf-8,{quote(csv_text(numbers, view), safe=',/:()')}"
    return (
        f'<p class="take"><a download="{name}" href="{file}">{escape(words)}</a></p>'
        f"{_table('cells', heads, rows, say)}"
    )


def csv_text(numbers: Numbers, view: View) -> str:
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


def context_html(numbers: Numbers, say: Interface) -> str:
    """Return what other works report, each with its own protocol."""
    works = []
    for work in numbers.context:
        figures = "".join(
            f"<div><dt>{escape(what)}</dt><dd>{value:g}</dd></div>"
            for what, value in work.figures
        )
        works.append(
            f'<article lang="en"><h3>{escape(work.name)} '
            f"<small>{escape(work.source)}</small></h3>"
            f"<p>{escape(work.setting)}</p>"
            f'<p class="caption"><span class="protocol">{escape(work.protocol)}</span>'
            f"</p><dl>{figures}</dl></article>"
        )
    return (
        f'<p class="caution"><span aria-hidden="true">△</span> '
        f"{escape(tr('published_context_hint', say))}</p>"
        f'<div class="works">{"".join(works)}</div>'
    )
