"""The grid of answers as HTML: cells with words, rows in sentences, an opened cell."""

from dataclasses import dataclass
from typing import Literal

from pages.shell.strings import Interface, tr
from pages.shell.templates import render
from xkde.asking.propagation import (
    BASE,
    Cell,
    Order,
    PropagationState,
    RowSummary,
    ordered,
    row_summaries,
    shares_of,
)
from xkde.evaluation.scoring.verdict import Verdict
from xkde.languages import language

Side = Literal["right", "old", "wrong", "open", "arriving", "waiting"]
MARKS: dict[Side, str] = {
    "right": "✓",
    "old": "○",
    "wrong": "✕",
    "open": "–",
    "arriving": "…",
    "waiting": "",
}


@dataclass(frozen=True)
class CellShown:
    """One cell: its mark, the answer, and its title in words."""

    key: str
    language: str
    side: Side
    text: str
    title: str

    @property
    def mark(self) -> str:
        """The sign beside the answer."""
        return MARKS[self.side]


@dataclass(frozen=True)
class GridRow:
    """One row: whose answers they are, how many are right, the cells."""

    name: str
    language: str
    share: str
    cells: tuple[CellShown, ...]


def live_html(
    state: PropagationState | None, order: Order, interface: Interface
) -> str:
    """Return the grid so far with a sentence for each row; nothing before it begins."""
    if state is None:
        return ""
    rows, columns = _orders(state, order)
    base = _row(state, BASE, columns, interface)
    return render(
        "propagation/grid.html",
        interface,
        heads=[language(code) for code in columns],
        rows=[base, *(_row(state, code, columns, interface) for code in rows)],
        sentences=[
            row_words(summary, interface)
            for summary in row_summaries(state.verdicts)
            if summary.asked == len(columns)
        ],
        left_out=[
            tr("propagation_left_out", interface,
               language=_name(each.query.language, interface),
               why=tr(f"propagation_problem_{each.problem}", interface))
            for each in state.task.statements
            if each.problem
        ],
        statements=state.task.asked,
        source=tr(
            "propagation_by_model"
            if state.task.is_translated
            else "propagation_by_atlas",
            interface,
        ),
    )  # fmt: skip


def _orders(state: PropagationState, order: Order) -> tuple[list[str], list[str]]:
    """Return the languages of the rows and of the columns in their order."""
    codes = [each.query.language for each in state.task.asked]
    right = {
        cell: float(verdict.is_right)
        for cell, verdict in state.verdicts.items()
        if cell[0] != BASE
    }
    of_rows, of_columns = shares_of(right)
    return ordered(codes, order, of_rows), ordered(codes, order, of_columns)


def _row(
    state: PropagationState, source: str, columns: list[str], interface: Interface
) -> GridRow:
    cells = [(source, target) for target in columns]
    known = [state.verdicts[cell] for cell in cells if cell in state.verdicts]
    is_base = source == BASE
    right = sum(verdict.is_right for verdict in known)
    return GridRow(
        tr("pane_base", interface) if is_base else language(source).own_name,
        "" if is_base else source,
        f"{right}/{len(known)}" if known and not is_base else "",
        tuple(_cell(state, cell, interface) for cell in cells),
    )


def _cell(state: PropagationState, cell: Cell, interface: Interface) -> CellShown:
    its, verdict = state.cells.get(cell), state.verdicts.get(cell)
    source, target = cell
    side = side_of(verdict) if verdict else "arriving" if its else "waiting"
    text = its.text if its else ""
    title = tr(
        "propagation_cell_base" if source == BASE else "propagation_cell",
        interface,
        source="" if source == BASE else _name(source, interface),
        target=_name(target, interface),
        answer=text or tr("verdict_empty", interface),
        verdict=verdict_words(verdict, interface) if verdict else "…",
    )
    return CellShown(f"{source}-{target}", target, side, text, title)


def side_of(verdict: Verdict) -> Side:
    """Return how a verdict is marked."""
    if verdict.is_right:
        return "right"
    if verdict.kind == "old":
        return "old"
    return "open" if verdict.kind in ("repeats", "unaided") else "wrong"


def verdict_words(verdict: Verdict, interface: Interface) -> str:
    """Return a verdict in words; a right answer in another language is wrong."""
    words = tr(f"verdict_{verdict.kind}", interface)
    if verdict.rule == "sound":
        words += " · " + tr("rule_sound", interface)
    if verdict.language_ok is False:
        words += " · " + tr("wrong_language", interface)
    return words


def row_words(summary: RowSummary, interface: Interface) -> str:
    """Return in one sentence what fails of the edit as one language states it."""
    stated = _name(summary.source, interface)
    if not summary.failures:
        return tr("propagation_row_all", interface, language=stated, n=summary.asked)
    comma = tr("propagation_comma", interface)
    parts = [
        tr(
            "propagation_row_failure",
            interface,
            what=tr(
                "wrong_language" if kind == "wrong_language" else f"verdict_{kind}",
                interface,
            ),
            languages=comma.join(_name(code, interface) for code in codes),
        )
        for kind, codes in summary.failures
    ]
    return tr(
        "propagation_row",
        interface,
        language=stated,
        right=summary.right,
        n=summary.asked,
        failures=tr("propagation_semicolon", interface).join(parts),
    )


def opened_html(state: PropagationState, key: str, interface: Interface) -> str:
    """Return both answers of a cell, what was sent, and what to expect."""
    source, _, target = key.partition("-")
    stated = {each.query.language: each for each in state.task.asked}
    if target not in stated or source not in (BASE, *stated):
        return ""
    asked = stated[target]
    panes = [_pane(state, (BASE, target), "pane_base", interface)]
    if source != BASE:
        panes.append(_pane(state, (source, target), "pane_edited", interface))
    return render(
        "propagation/opened.html",
        interface,
        title=tr(
            "propagation_opened_base" if source == BASE else "propagation_opened",
            interface,
            source="" if source == BASE else _name(source, interface),
            target=_name(target, interface),
        ),
        asked=asked,
        panes=panes,
    )


@dataclass(frozen=True)
class OpenedPane:
    """One model's answer to an opened cell, and the user turn that it was sent."""

    name: str
    pane: str
    answer: str
    side: Side
    words: str
    sent: str

    @property
    def mark(self) -> str:
        """The sign beside the words."""
        return MARKS[self.side]


def _pane(
    state: PropagationState, cell: Cell, name: str, interface: Interface
) -> OpenedPane:
    its, verdict = state.cells.get(cell), state.verdicts.get(cell)
    return OpenedPane(
        tr(name, interface),
        name.removeprefix("pane_"),
        its.text if its else "",
        side_of(verdict) if verdict else "arriving",
        verdict_words(verdict, interface) if verdict else "",
        state.sent.get(cell, ""),
    )


def right_and_asked(state: PropagationState) -> tuple[int, int]:
    """Return how many of the edited model's answers are right, of how many."""
    own = [verdict for cell, verdict in state.verdicts.items() if cell[0] != BASE]
    return sum(verdict.is_right for verdict in own), len(own)


def _name(code: str, interface: Interface) -> str:
    return tr(f"language_{code}", interface)
