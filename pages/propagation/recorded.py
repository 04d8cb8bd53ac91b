"""The same over many edits: shares by direction of a run, or of one less another."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pages.shell.links import EDITOR
from pages.shell.strings import Interface, in_words, tr
from pages.shell.templates import render
from xkde.asking.propagation import Cell, Order, ordered, shares_of
from xkde.errors import XkdeError
from xkde.evaluation.analysis.directions import (
    DISTANCES,
    DirectionChange,
    asymmetries,
    changes,
    direction_means,
    distance_means,
    of_probe,
    runs_in_all_directions,
)
from xkde.evaluation.results.local_runs import LocalRun, opened, run_of
from xkde.evaluation.results.rows import RIGHT, records_of
from xkde.evaluation.results.summary import GroupMean
from xkde.languages import language
from xkde.types import PROBES, Probe

NONE = ""  # no second run
SHOWN = 6  # pairs of languages, wrong answers
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class RecordedChoice:
    """What is shown: a run, or its difference from a second; of which probe."""

    first: str
    second: str
    probe: Probe
    order: Order


@dataclass(frozen=True)
class ShareCell:
    """One direction: its number, how strongly it is coloured, its title in words."""

    key: str
    value: str
    small: str
    shade: float  # -1 to 1
    title: str


def choices_of() -> list[tuple[str, str]]:
    """Return (name, key) of every run that has all directions; ours come first."""
    runs = sorted(runs_in_all_directions(), key=lambda r: r.about["editor"] != EDITOR)
    return [(run_name(run), run.key) for run in runs]


def run_name(run: LocalRun) -> str:
    """Return what a run is called: checkpoint, editor, benchmark."""
    about = run.about
    return f"{about['checkpoint']} · {about['editor']} · {about['benchmark']}"


def recorded_html(choice: RecordedChoice, interface: Interface) -> str:
    """Return the heat map with what it says in sentences; words where there is none."""
    if not choice.first:
        return render("propagation/none.html", interface)
    try:
        return (
            _compared(choice, interface) if choice.second else _one(choice, interface)
        )
    except XkdeError as error:
        return render(
            "propagation/words.html", interface, words=in_words(error, interface)
        )


def _one(choice: RecordedChoice, interface: Interface) -> str:
    run = run_of(choice.first)
    rows = opened(run)
    mask = of_probe(rows, choice.probe)
    found = direction_means(rows, mask)
    shares = {cell: its.mean for cell, its in found.items() if its.mean is not None}
    if not shares:
        return render(
            "propagation/words.html", interface, words=_lacks(choice, interface)
        )
    cells = {cell: _share_cell(cell, its, interface) for cell, its in found.items()}
    far = distance_means(rows, mask)
    distances = [
        tr("propagation_distance", interface,
           what=tr(f"propagation_{name}", interface), mean=far[name].words,
           n=far[name].n, edits=far[name].edits)
        for name in DISTANCES
        if name in far
    ]  # fmt: skip
    pairs = [
        tr("propagation_asymmetry", interface,
           one=tr(f"language_{its.one}", interface),
           other=tr(f"language_{its.other}", interface),
           there=f"{its.difference.first:.2f}", back=f"{its.difference.second:.2f}",
           low=f"{its.difference.low:+.2f}", high=f"{its.difference.high:+.2f}",
           p=_p(its.corrected), edits=its.difference.edits)
        for its in asymmetries(rows, mask)[:SHOWN]
        if its.difference.value > 0
    ]  # fmt: skip
    edits = [its.edits for its in found.values()]
    return render(
        "propagation/recorded.html",
        interface,
        about=_about(run, choice, edits, interface),
        **_grid(cells, shares, choice.order),
        groups=[("propagation_by_distance", distances),
                ("propagation_asymmetries", pairs)],
    )  # fmt: skip


def _compared(choice: RecordedChoice, interface: Interface) -> str:
    first, second = run_of(choice.first), run_of(choice.second)
    rows = opened(first)
    found = changes(rows, opened(second), of_probe(rows, choice.probe))
    if not found:
        return render(
            "propagation/words.html", interface, words=_lacks(choice, interface)
        )
    values = {cell: its.difference.value for cell, its in found.items()}
    cells = {cell: _change_cell(cell, its, interface) for cell, its in found.items()}
    sure = sum(its.corrected < SIGNIFICANT for its in found.values())
    words = tr(
        "propagation_changes", interface, n=len(found), sure=sure,
        first=run_name(first), second=run_name(second),
    )  # fmt: skip
    edits = [its.difference.edits for its in found.values()]
    return render(
        "propagation/recorded.html",
        interface,
        about=_about(first, choice, edits, interface),
        **_grid(cells, values, choice.order),
        groups=[("propagation_difference", [words])],
    )


def _lacks(choice: RecordedChoice, interface: Interface) -> str:
    probe = tr(f"probe_{choice.probe}", interface)
    return tr("propagation_lacks", interface, probe=probe)


def _about(
    run: LocalRun, choice: RecordedChoice, edits: Sequence[int], interface: Interface
) -> str:
    about = run.about
    n = f"{min(edits)}" if min(edits) == max(edits) else f"{min(edits)}–{max(edits)}"
    return tr(
        "propagation_about",
        interface,
        run=run_name(run),
        revision=about["revision"],
        wrapper=about["wrapper"],
        seed=about["seed"],
        date=about["date"],
        probe=tr(f"probe_{choice.probe}", interface),
        edits=n,
    )


def _grid(
    cells: dict[Cell, ShareCell], values: dict[Cell, float], order: Order
) -> dict[str, object]:
    of_rows, of_columns = shares_of(values)
    rows = ordered(list(of_rows), order, of_rows)
    columns = ordered(list(of_columns), order, of_columns)
    return {
        "heads": [language(code) for code in columns],
        "rows": [
            (language(source), [cells.get((source, target)) for target in columns])
            for source in rows
        ],
    }


def _share_cell(cell: Cell, its: GroupMean, interface: Interface) -> ShareCell:
    title = tr(
        "propagation_share_title",
        interface,
        source=tr(f"language_{cell[0]}", interface),
        target=tr(f"language_{cell[1]}", interface),
        mean=its.words,
        edits=its.edits,
    )
    if its.mean is None:
        return ShareCell("-".join(cell), "–", "", 0.0, title)
    small = f"{its.low:.2f}–{its.high:.2f}"
    return ShareCell("-".join(cell), f"{its.mean:.2f}", small, its.mean, title)


def _change_cell(cell: Cell, its: DirectionChange, interface: Interface) -> ShareCell:
    found = its.difference
    title = tr(
        "propagation_change_title",
        interface,
        source=tr(f"language_{cell[0]}", interface),
        target=tr(f"language_{cell[1]}", interface),
        first=f"{found.first:.2f}",
        second=f"{found.second:.2f}",
        low=f"{found.low:+.2f}",
        high=f"{found.high:+.2f}",
        p=_p(its.corrected),
        edits=found.edits,
    )
    star = "*" if its.corrected < SIGNIFICANT else ""
    small = f"{found.low:+.2f} – {found.high:+.2f}"
    return ShareCell(
        "-".join(cell), f"{found.value:+.2f}{star}", small, found.value, title
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def answers_html(choice: RecordedChoice, key: str, interface: Interface) -> str:
    """Return some wrong answers of a direction, with their edits and prompts."""
    source, _, target = key.partition("-")
    if not choice.first:
        return ""
    try:
        rows = opened(run_of(choice.first))
    except XkdeError as error:
        return render(
            "propagation/words.html", interface, words=in_words(error, interface)
        )
    mask = of_probe(rows, choice.probe)
    mask &= ((rows["source"] == source) & (rows["target"] == target)).to_numpy()
    its: pd.DataFrame = rows[mask]
    wrong = its[~its["rule"].isin(RIGHT)]
    return render(
        "propagation/answers.html",
        interface,
        title=tr("propagation_wrong", interface, wrong=len(wrong), n=len(its),
                 source=tr(f"language_{source}", interface),
                 target=tr(f"language_{target}", interface)),
        source=source,
        target=target,
        rows=records_of(wrong[["edit", "query", "gold", "answer", "prompt"]][:SHOWN]),
    )  # fmt: skip


def probe_of(text: str | None) -> Probe:
    """Return the probe that is chosen; reliability where it is none."""
    return next((probe for probe in PROBES if probe == text), "reliability")
