"""The paper's cells as a figure needs them: what is chosen, panels of bars, ranks.

Pure: from ``xkde.evaluation.published`` and a ``PublishedView`` to numbers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from xkde.evaluation.published import ALL, PaperAverage, PaperCell, PaperNumbers
from xkde.evaluation.scoring.answers import mean

# The method that a table is about, where it is not X-KDE
STARS = {4: "both stages", 6: "ORPO"}
# Cases of each test set; the paper itself prints no n.
CASES = {"bizsre": 1037, "mzsre": 743}

Direction = tuple[str, str]  # edit, target
APART = ","  # between methods in the address


@dataclass(frozen=True)
class PublishedView:
    """What is shown. The first one is the paper's claim at a glance."""

    table: int = 1
    edit: str = "en"
    asked: str = ""  # "": in the languages other than the edit's
    metric: str = ""  # "": all of them
    methods: tuple[str, ...] | None = None  # None: all of them

    def to_query(self) -> dict[str, str]:
        """Return the parameters of its address: what is not as in the first view."""
        parameters = {
            "table": str(self.table),
            "edit": self.edit,
            "asked": self.asked,
            "metric": self.metric,
        }
        first = PublishedView()
        usual = {name: str(getattr(first, name)) for name in parameters}
        query = {n: value for n, value in parameters.items() if value != usual[n]}
        if self.methods is not None:
            query["methods"] = APART.join(self.methods)
        return query

    @property
    def address(self) -> str:
        """The query string that reopens it."""
        about = {"tab": "benchmarks", "view": "published"}
        return urlencode({**about, **self.to_query()})


def from_query(query: Mapping[str, str]) -> PublishedView:
    """Return the view that an address names; what it holds is yet to be settled."""
    number = query.get("table", "")
    methods = query.get("methods")
    first = PublishedView()
    return PublishedView(
        int(number) if number.isdecimal() else (0 if number else first.table),
        query.get("edit", first.edit),
        query.get("asked", first.asked),
        query.get("metric", first.metric),
        None if methods is None else tuple(m for m in methods.split(APART) if m),
    )


@dataclass(frozen=True)
class MethodBar:
    """One method in one panel; ``own`` is what it reaches in the edit's language."""

    method: str
    value: float
    own: float  # NaN where the paper has none, or the value is that
    repeated: bool  # the cell equals one of another measurement

    @property
    def lost(self) -> float:
        """How many points less than in the edit's own language."""
        return self.own - self.value


@dataclass(frozen=True)
class MetricPanel:
    """The bars of one metric; ``target`` "" is the mean over other languages."""

    metric: str
    target: str
    cells: int  # that a bar is the mean of
    bars: tuple[MethodBar, ...]

    def bar(self, method: str) -> MethodBar | None:
        """Return a method's bar."""
        return next((bar for bar in self.bars if bar.method == method), None)

    @property
    def best(self) -> MethodBar:
        """The bar with the highest value."""
        return max(self.bars, key=lambda bar: bar.value)


def unique(values: Sequence[str]) -> tuple[str, ...]:
    """Return each value once, in order, without the empty one."""
    return tuple(dict.fromkeys(value for value in values if value))


def star(table: int) -> str:
    """Return the method that a table is about."""
    return STARS.get(table, "X-KDE")


def chosen(numbers: PaperNumbers, view: PublishedView) -> list[PaperCell]:
    """Return the cells that a view shows: of its edit, metric and methods."""
    return [
        cell
        for cell in numbers.of(view.table)
        if cell.edit == view.edit
        and view.metric in ("", cell.metric)
        and (view.methods is None or cell.method in view.methods)
    ]


def panels(numbers: PaperNumbers, view: PublishedView) -> list[MetricPanel]:
    """Return a panel for each metric; of a single one, for each language asked in.

    Methods stand in one order in all panels: by their value in the first one.
    """
    cells = chosen(numbers, view)
    if not cells:
        return []
    names = unique([cell.metric for cell in cells])
    wanted = [(name, view.asked) for name in names]
    if len(names) == 1 and not view.asked:
        wanted = [(names[0], to) for to in unique([c.target for c in cells])]
    wanted = wanted or [(names[0], "")]  # no language: only averages are printed
    found = [_panel(numbers, cells, metric, target) for metric, target in wanted]
    found = [panel for panel in found if panel.bars]
    if not found:
        return []
    first = sorted(found[0].bars, key=lambda bar: -bar.value)
    order = {bar.method: at for at, bar in enumerate(first)}
    return [
        MetricPanel(
            panel.metric,
            panel.target,
            panel.cells,
            tuple(sorted(panel.bars, key=lambda b: order.get(b.method, len(order)))),
        )
        for panel in found
    ]


def lead(numbers: PaperNumbers, view: PublishedView) -> MetricPanel:
    """Return the panel that a headline is about; the view must show some cells."""
    cells = chosen(numbers, view)
    metric = next(c.metric for c in cells if view.asked in ("", c.target))
    return _panel(numbers, cells, metric, view.asked)


def _panel(
    numbers: PaperNumbers, cells: Sequence[PaperCell], metric: str, target: str
) -> MetricPanel:
    bars, counts = [], [0]
    for method in unique([cell.method for cell in cells]):
        own = [c for c in cells if c.method == method and c.metric == metric]
        shown = [
            c for c in own if (c.target == target if target else c.target != c.edit)
        ]
        if not shown:
            continue
        there = [c.value for c in own if c.edit and c.target == c.edit]
        same = bool(target) and target == shown[0].edit
        bars.append(
            MethodBar(
                method,
                mean([cell.value for cell in shown]),
                math.nan if same else mean(there),
                len(shown) == 1 and shown[0] in numbers.flagged,
            )
        )
        counts.append(len(shown))
    return MetricPanel(metric, target, max(counts), tuple(bars))


def directions(numbers: PaperNumbers, table: int) -> list[Direction]:
    """Return a table's directions, in the paper's order."""
    return list(dict.fromkeys((c.edit, c.target) for c in numbers.of(table)))


def ranks(panel: MetricPanel) -> dict[str, int]:
    """Return each method's rank in a panel, 1 the best; equals share the better one."""
    return {
        bar.method: 1 + sum(other.value > bar.value for other in panel.bars)
        for bar in panel.bars
    }


def wins(numbers: PaperNumbers, view: PublishedView) -> tuple[dict[str, int], int]:
    """Return in how many single cells each method is the best, and of how many.

    Counted are cells in the language asked, else all but the edit's own.
    """
    by_place: dict[tuple[str, str], list[PaperCell]] = {}
    for cell in chosen(numbers, view):
        if cell.target == view.asked if view.asked else cell.target != cell.edit:
            by_place.setdefault((cell.target, cell.metric), []).append(cell)
    found = dict.fromkeys((c.method for c in chosen(numbers, view)), 0)
    for cells in by_place.values():
        best = max(cell.value for cell in cells)
        for cell in cells:
            found[cell.method] += cell.value == best
    return found, len(by_place)


def averages(numbers: PaperNumbers, view: PublishedView) -> list[PaperAverage]:
    """Return the printed averages that belong to what a view shows."""
    return [
        average
        for average in numbers.averages
        if average.table == view.table
        and average.edit == view.edit
        and (not view.metric or average.metric in (view.metric, ALL))
        and (view.methods is None or average.method in view.methods)
    ]
