"""Published numbers as pictures in HTML: bars by panel, a heat map, ranks.

Every picture is a table that a screen reader reads as one: bars and shades are drawn by
the style sheet from the number beside them, so that they follow light, dark and width,
and need no plotting library. One accent, for the method that a table is about; every
bar is named, so nothing is told by colour alone. Pure; all text is escaped.

Run its tests: ``python -m pytest tests/pages/benchmarks/published/test_page.py``
"""

import math
from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

from pages.benchmarks.published.numbers import (
    Bar,
    Direction,
    Panel,
    directions,
    metrics,
    ranks,
    star,
    wins,
)
from pages.benchmarks.published.reading import Numbers
from pages.benchmarks.published.view import View
from pages.benchmarks.published.words import (
    direction_words,
    language_words,
    method_words,
    metric_words,
    panel_words,
)
from pages.shell.strings import Interface, strings, tr
from xkde.evaluation.published.tables import Cell

MARK = "<sup>△</sup>"  # beside a number that is doubted below
FEW = 4  # panels with room for long bars, directions beside each other
RANKED = 5  # panels that do


def go_html(words: str, title: str, **told: str) -> str:
    """Return a button that changes the view by some parameters of its address."""
    return (
        f'<button type="button" data-go="{escape(urlencode(told))}" '
        f'title="{escape(title)}">{escape(words)}</button>'
    )


def bars_html(shown: Sequence[Panel], view: View, say: Interface) -> str:
    """Return the panels of bars, and what their tick means."""
    panels = "".join(_panel(panel, shown, view, say) for panel in shown)
    own = any(not math.isnan(bar.own) for panel in shown for bar in panel.bars)
    key = ""
    if own:
        words = tr("published_tick", say, edit=language_words(view.edit, say))
        key = f'<p class="legend"><i aria-hidden="true"></i> {escape(words)}</p>'
    kind = "panels many" if len(shown) > FEW else "panels"
    return f'{key}<div class="{kind}">{panels}</div>'


def _panel(panel: Panel, shown: Sequence[Panel], view: View, say: Interface) -> str:
    title = panel_words(panel, shown, say)
    by_language = title != metric_words(panel.metric, say)
    if len(shown) == 1:
        head = escape(title)
    elif by_language:
        hint = tr("published_only_asked", say, name=title)
        head = go_html(title, hint, asked=panel.target)
    else:
        hint = tr("published_only_metric", say, name=title)
        head = go_html(title, hint, metric=panel.metric)
    if by_language:
        note = tr("published_own", say) if panel.target == view.edit else ""
    else:
        note = strings()[say].get(f"published_about_{panel.metric}", "")
    name = star(view.table)
    rows = "".join(_bar(bar, bar.method == name, say) for bar in panel.bars)
    heads = _heads([tr("published_method", say), tr("published_percent", say)])
    return (
        f'<table class="bars"><caption><b>{head}</b> <small>{escape(note)}</small>'
        f"</caption>{heads}<tbody>{rows}</tbody></table>"
    )


def _heads(words: Sequence[str]) -> str:
    cells = "".join(f'<th scope="col">{escape(word)}</th>' for word in words)
    return f'<thead class="unseen"><tr>{cells}</tr></thead>'


def _bar(bar: Bar, starred: bool, say: Interface) -> str:
    own = "" if math.isnan(bar.own) else f";--own:{bar.own:.2f}"
    kinds = ["star"] if starred else []
    kinds += ["ticked"] if own else []
    less = f"{-bar.lost:+.2f}".replace("-", "−") if own else ""
    mark = MARK if bar.repeated else ""
    return (
        f'<tr class="{" ".join(kinds)}">'
        f'<th scope="row">{escape(method_words(bar.method, say))}</th>'
        f'<td><span class="line"><i style="--value:{bar.value:.2f}{own}" '
        f'aria-hidden="true"></i><b>{bar.value:.2f}{mark}</b>'
        f"<small>{less}</small></span></td></tr>"
    )


def heat_html(
    numbers: Numbers, view: View, order: Sequence[str], say: Interface
) -> str:
    """Return a heat map for each metric shown: directions against methods.

    Many directions become rows, so that a phone has room; ``order`` is the methods'.
    Nothing where a table has but one direction.
    """
    found = directions(numbers, view.table)
    if len(found) > FEW:
        found = [direction for direction in found if direction[0] == view.edit]
    names = [m for m in metrics(numbers, view.table) if view.metric in ("", m)]
    there = {
        (cell.edit, cell.target, cell.method, cell.metric): cell
        for cell in numbers.of(view.table)
        if cell.method in order and cell.metric in names
    }
    every = len(found) * len(order) * len(names)
    if len(found) < 2 or len(there) < every:
        return ""
    low = 10 * math.floor(min(cell.value for cell in there.values()) / 10)
    maps = []
    for metric in names:
        by_place = {
            (edit, target, method): there[edit, target, method, metric]
            for edit, target in found
            for method in order
        }
        title = metric_words(metric, say)
        table = _heat(numbers, view, found, order, by_place, low, say)
        maps.append(
            f'<table class="shades"><caption><b>{escape(title)}</b></caption>'
            f"{table}</table>"
        )
    words = tr("published_heat_key", say, low=low)
    return (
        f'<h2>{escape(tr("published_heat", say))}</h2><p class="legend">'
        f'<i class="scale" aria-hidden="true"></i> {escape(words)}</p>'
        f'<div class="maps">{"".join(maps)}</div>'
    )


def _heat(
    numbers: Numbers,
    view: View,
    found: Sequence[Direction],
    order: Sequence[str],
    there: dict[tuple[str, str, str], Cell],
    low: int,
    say: Interface,
) -> str:
    """Return head and body: languages × methods, or methods × a few directions."""
    if len(found) <= FEW:
        heads = [escape(direction_words(*direction)) for direction in found]
        lines = [
            (
                escape(method_words(method, say)),
                method == star(view.table),
                [there[*direction, method] for direction in found],
            )
            for method in order
        ]
        best = {
            direction: max(there[*direction, m].value for m in order)
            for direction in found
        }
    else:
        heads = [escape(method_words(method, say)) for method in order]
        lines = [
            (_language(to, view, say), False, [there[edit, to, m] for m in order])
            for edit, to in found
        ]
        best = {d: max(there[*d, m].value for m in order) for d in found}
    columns = "".join(f'<th scope="col">{head}</th>' for head in heads)
    rows = "".join(
        f'<tr class="{"star" if starred else ""}"><th scope="row">{head}</th>'
        + "".join(
            _shade(cell, best[cell.edit, cell.target], low, cell in numbers.flagged)
            for cell in cells
        )
        + "</tr>"
        for head, starred, cells in lines
    )
    return f"<thead><tr><td></td>{columns}</tr></thead><tbody>{rows}</tbody>"


def _language(code: str, view: View, say: Interface) -> str:
    name = language_words(code, say)
    if code == view.edit:
        return f"{escape(name)} <small>{escape(tr('published_own', say))}</small>"
    return go_html(name, tr("published_only_asked", say, name=name), asked=code)


def _shade(cell: Cell, best: float, low: int, flagged: bool) -> str:
    share = (cell.value - low) / max(1, 100 - low)
    mark = MARK if flagged else ""
    words = f"<b>{cell.value:.1f}</b>" if cell.value == best else f"{cell.value:.1f}"
    return f'<td style="--share:{share:.3f}">{words}{mark}</td>'


def ranks_html(
    numbers: Numbers, view: View, shown: Sequence[Panel], say: Interface
) -> str:
    """Return each method's ranks, their mean, and how often it is first."""
    order = [bar.method for bar in shown[0].bars]
    if len(order) < 2:
        return ""
    of = [ranks(panel) for panel in shown]
    first, cells = wins(numbers, view)
    mean = {
        method: sum(rank[method] for rank in of if method in rank)
        / sum(method in rank for rank in of)
        for method in order
    }
    told = shown if 1 < len(shown) <= RANKED else []
    heads = [tr("published_method", say)]
    heads += [panel_words(panel, shown, say) for panel in told]
    heads += [tr("published_mean_rank", say), tr("published_first", say)]
    rows = []
    for method in sorted(order, key=lambda name: mean[name]):
        each = [f'<td data-rank="{r[method]}">{r[method]}</td>' for r in of]
        kind = ' class="star"' if method == star(view.table) else ""
        won = tr("published_of", say, n=first[method], of=cells)
        rows.append(
            f'<tr{kind}><th scope="row">{escape(method_words(method, say))}</th>'
            f"{''.join(each) if told else ''}<td>{mean[method]:.1f}</td>"
            f"<td>{escape(won)}</td></tr>"
        )
    columns = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    hint, title = (
        tr("published_ranks_hint", say, n=len(order)),
        tr("published_ranks", say),
    )
    return (
        f"<h2>{escape(title)}</h2>"
        f'<p class="caption">{escape(hint)}</p>'
        f'<div class="frame" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="ranks"><thead><tr>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
