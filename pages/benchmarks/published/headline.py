"""The sentence over a figure: who is ahead, by how much, what is lost, who is behind.

Made from the very numbers that the figure shows, whatever they say. Pure.

Run its tests: ``python -m pytest tests/pages/benchmarks/published/test_page.py``
"""

from collections.abc import Sequence

from pages.benchmarks.published.numbers import Bar, Panel, lead, star
from pages.benchmarks.published.reading import Numbers
from pages.benchmarks.published.view import View
from pages.benchmarks.published.words import (
    language_words,
    method_words,
    metric_words,
    panel_words,
    where_words,
)
from pages.shell.strings import Interface, tr

NAMED = 3  # exceptions in a sentence


def headline(
    numbers: Numbers, view: View, shown: Sequence[Panel], say: Interface
) -> tuple[str, str]:
    """Return what a figure shows in one sentence, and what else must be said of it."""
    panel, name = lead(numbers, view), star(view.table)
    own = panel.bar(name)
    rest = sorted(
        (bar for bar in panel.bars if bar is not own), key=lambda bar: -bar.value
    )
    where = where_words(numbers, view, say)
    if own is None or not rest:
        told = _told(panel.best, panel, say)
        return tr("published_head_alone", say, where=where, **told), ""
    if not view.edit:
        return _tasks(shown, name, where, say)
    return (
        _first(own, rest[0], panel, where, say),
        tr("published_gap", say).join(
            part
            for part in (
                _lost(own, rest[0], panel, view, say),
                _ahead(shown, name, say),
            )
            if part
        ),
    )


def _told(bar: Bar, panel: Panel, say: Interface) -> dict[str, str]:
    return {
        "best": method_words(bar.method, say),
        "metric": metric_words(panel.metric, say),
        "value": f"{bar.value:.2f}",
    }


def _first(own: Bar, other: Bar, panel: Panel, where: str, say: Interface) -> str:
    """Return how far the method that a table is about is ahead, or behind."""
    gap, name = f"{abs(own.value - other.value):.2f}", method_words(own.method, say)
    if other.value > own.value:
        return tr(
            "published_head_behind", say, where=where, star=name, gap=gap,
            own=f"{own.value:.2f}", **_told(other, panel, say),
        )  # fmt: skip
    key = "published_head_average" if panel.metric == "average" else "published_head"
    return tr(
        key, say, where=where, star=name, gap=gap, next=_quoted(other.method, say),
        **_told(own, panel, say),
    )  # fmt: skip


def _quoted(method: str, say: Interface) -> str:
    """Return a method's words, in quotation marks where they are several."""
    words = method_words(method, say)
    return words if words == method and " " not in words else f"“{words}”"


def _lost(own: Bar, other: Bar, panel: Panel, view: View, say: Interface) -> str:
    """Return what both lose outside the edit's own language, if both do."""
    if not (own.lost > 0 and other.lost > 0):
        return ""
    return tr(
        "published_lost", say, edit=language_words(view.edit, say),
        metric=metric_words(panel.metric, say), star=method_words(own.method, say),
        lost=f"{own.lost:.2f}", next=_quoted(other.method, say),
        more=f"{other.lost:.2f}",
    )  # fmt: skip


def _tasks(
    shown: Sequence[Panel], name: str, where: str, say: Interface
) -> tuple[str, str]:
    """Return in how many tasks a trained model is ahead, and where it is not."""
    behind = _behind(shown, name, say)
    told = {"star": name, "n": len(shown) - len(behind), "of": len(shown)}
    words = tr("published_comma", say).join(behind)
    return (
        tr("published_head_tasks", say, where=where, **told),
        tr("published_behind", say, behind=words) if behind else "",
    )


def _ahead(shown: Sequence[Panel], name: str, say: Interface) -> str:
    """Return in how many panels a method is the best, and where it is not."""
    if len(shown) < 2:
        return ""
    behind = _behind(shown, name, say)
    told = {"star": method_words(name, say), "of": len(shown)}
    if not behind:
        return tr("published_ahead_all", say, **told)
    if len(behind) == len(shown):
        return tr("published_ahead_none", say, **told)
    dots = ["…"] if len(behind) > NAMED else []
    return tr(
        "published_ahead", say, **told, n=len(shown) - len(behind),
        behind=tr("published_comma", say).join([*behind[:NAMED], *dots]),
    )  # fmt: skip


def _behind(shown: Sequence[Panel], name: str, say: Interface) -> list[str]:
    """Return the panels in which another method is ahead, each in words."""
    found = []
    for panel in shown:
        own, best = panel.bar(name), panel.best
        if own is not None and best.value > own.value:
            title, method = (
                panel_words(panel, shown, say),
                method_words(best.method, say),
            )
            found.append(f"{title} ({method} {best.value:.2f} › {own.value:.2f})")
    return found
