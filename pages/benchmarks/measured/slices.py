"""The slices of Measured here: a sentence each, worst first, that leads to its answers.

Slices are searched for when asked, for the probe, protocol and measure that are chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pages.benchmarks.cases.view import CaseView
from pages.benchmarks.measured.tables import pair_of
from pages.benchmarks.shared import language_name, note, probe_name, signed
from pages.benchmarks.sources import (
    MeasuredChoice,
    MeasuredSource,
    chosen_probe_mask,
)
from pages.shell.strings import Interface, in_words, strings, tr
from pages.shell.templates import render
from xkde.errors import InputError
from xkde.evaluation.analysis.slices import (
    Parts,
    Slice,
    slices_of_two,
    worst_slices,
)
from xkde.evaluation.results.compared import values_beside
from xkde.evaluation.results.rows import choices, values_of

SHOWN = 15  # slices, of those that are worse and of those that are better


@dataclass(frozen=True)
class SliceLine:
    """One slice in words, and the address of its answers."""

    words: str
    detail: str
    address: str
    is_worse: bool


def slices_html(
    found: Sequence[MeasuredSource],
    choice: MeasuredChoice,
    of_two: bool,
    interface: Interface,
) -> str:
    """Return the slices of the pair's first run, or in which the pair differs."""
    there = [source for source in found if source.rows is not None]
    pair = pair_of(found, choice) or (there[:1] if not of_two else None)
    if not pair or pair[0].rows is None:
        return note(tr("measured_one_run", interface))
    first, rows = pair[0], pair[0].rows
    mask = chosen_probe_mask(rows, choice, first.is_plain)
    value = np.where(mask, values_of(rows, choice.measure), np.nan)
    try:
        if of_two and pair[1].rows is not None:
            second = pair[1]
            beside = values_beside(rows, second.rows, choice.measure, second.is_plain)
            slices = slices_of_two(rows, value, beside)
        else:
            slices = worst_slices(rows, value)
    except InputError as error:
        return note(in_words(error, interface), "caution")
    lines = [_line(its, first, choice, of_two, interface) for its in slices.slices]
    return render(
        "benchmarks/measured/slices.html",
        interface,
        lines=[its for its in lines if its.is_worse][:SHOWN]
        + [its for its in lines if not its.is_worse][-SHOWN:],
        caption=tr(
            "slices_caption_two" if of_two else "slices_caption",
            interface,
            first=first.name,
            second=pair[1].name if of_two else "",
            probe=probe_name(choice.probe, interface),
            tested=slices.tested,
            edits=slices.edits,
        ),
    )


def _line(
    its: Slice,
    source: MeasuredSource,
    choice: MeasuredChoice,
    of_two: bool,
    interface: Interface,
) -> SliceLine:
    words = tr(
        "slices_sentence",
        interface,
        what=slice_words(its.parts, interface),
        mean=f"{its.mean:.2f}",
        rest=f"{its.rest:.2f}",
        edits=its.edits,
    )
    p = "< 0.0001" if its.p < 0.0001 else f"{its.p:.4f}"
    detail = f"{signed(its.difference)} [{signed(its.low)}, {signed(its.high)}] · p {p}"
    there = choices(source.rows, "source") if source.rows is not None else []
    view = CaseView(
        run=source.key,
        protocol=choice.protocol,
        probe=choice.probe,
        source=choice.source if choice.source in there else "",
        clean="clean" if choice.clean else "",
        slice=its.key,
    )
    return SliceLine(words, detail, view.address(), its.difference < 0)


def slice_words(parts: Parts, interface: Interface) -> str:
    """Return what questions of a slice have in common: "in Thai, about people"."""
    texts = strings()[interface]
    words = []
    for name, value in parts:
        shown = value
        if name in ("source", "target"):
            shown = language_name(value, interface)
        elif name == "probe":
            shown = probe_name(value, interface)
        own = texts.get(f"slice_{name}_{value}")
        words.append(own or tr(f"slice_{name}", interface, value=shown))
    return tr("list_gap", interface).join(words)
