"""Kinds of failure as Benchmarks shows them: small stacked bars, and their legend.

A bar's parts are words for screen readers and in its title; colour alone says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pages.shell.strings import Interface, tr
from pages.shell.templates import render
from xkde.evaluation.analysis.kinds import Kind
from xkde.evaluation.results.rows import Mask

NAMED = 4  # kinds in a bar's title
KindCounts = dict[Kind, int]


@dataclass(frozen=True)
class KindBar:
    """How many answers behind a number are of each kind, right ones first."""

    parts: tuple[tuple[Kind, float], ...]  # percent
    words: str


def kind_counts(
    rows: pd.DataFrame, mask: Mask, by: Sequence[str]
) -> dict[tuple[str, ...], KindCounts]:
    """Return how many answers of each group are of each kind."""
    sizes = rows[mask].groupby([*by, "kind"], observed=True).size()
    found: dict[tuple[str, ...], KindCounts] = {}
    for (*key, kind), count in sizes.items():
        found.setdefault(tuple(map(str, key)), {})[Kind(kind)] = int(count)
    return found


def kind_bar(counts: KindCounts | None, interface: Interface) -> KindBar | None:
    """Return the bar of some answers; None where no kind is known."""
    total = sum(counts.values()) if counts else 0
    if not counts or not total:
        return None
    shares = [(kind, 100 * counts[kind] / total) for kind in Kind if kind in counts]
    most = sorted(shares, key=lambda part: -part[1])[:NAMED]
    named = [f"{tr(f'kind_{kind}', interface)} {share:.0f} %" for kind, share in most]
    return KindBar(tuple(shares), " · ".join(named))


def kinds_legend(bars: Sequence[KindBar | None], interface: Interface) -> str:
    """Return what the parts of bars are, those that some bar has."""
    there = {kind for bar in bars if bar is not None for kind, _ in bar.parts}
    kinds = [kind for kind in Kind if kind in there]
    return render("benchmarks/kinds.html", interface, kinds=kinds) if kinds else ""
