"""Measured numbers as tables: by probe, by language, two runs beside each other.

Every number is text in a button that leads to the answers behind it, with its interval
and its n; nothing is distinguished by colour alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pages.benchmarks.cases.view import CaseView
from pages.benchmarks.kinds import (
    KindBar,
    KindCounts,
    kind_bar,
    kind_counts,
    kinds_legend,
)
from pages.benchmarks.shared import (
    language_name,
    language_order,
    measure_name,
    note,
    probe_name,
    protocol_name,
    signed,
)
from pages.benchmarks.sources import (
    MeasuredChoice,
    MeasuredSource,
    cases_address,
    mask_of,
    means_of,
)
from pages.shell.strings import Interface, tr
from pages.shell.templates import render
from xkde.evaluation.results.compared import (
    Comparison,
    compared,
    other_protocol,
    values_beside,
)
from xkde.evaluation.results.local_runs import LocalRun
from xkde.evaluation.results.rows import (
    PROTOCOLS,
    SCORE,
    TEACHER_FORCED,
    choices,
    values_of,
    where,
)
from xkde.evaluation.results.summary import GroupMean
from xkde.types import PROBES

SIGNIFICANT = 0.05
SMALLEST = 0.0001  # p below it are shown as one
STATE_MARKS = {"finished": "●", "under_way": "◌", "broken": "△"}
Gaps = list[tuple[MeasuredSource, list[Comparison]]]


@dataclass(frozen=True)
class LinkedNumber:
    """A number, the address of the answers behind it, and how it is read aloud."""

    mean: GroupMean | None
    address: str
    name: str
    kinds: KindBar | None = None


def probes_html(
    shown: Sequence[MeasuredSource], choice: MeasuredChoice, interface: Interface
) -> str:
    """Return a table: both protocols of each run, by probe."""
    lines = [(its.name, _lines(its, choice, interface)) for its in shown]
    bars = [its.kinds for _, of in lines for *_, numbers in of for its in numbers]
    return render(
        "benchmarks/measured/probes.html",
        interface,
        heads=[probe_name(probe, interface) for probe in PROBES],
        sources=lines,
        legend=kinds_legend(bars, interface),
    )


def _lines(
    source: MeasuredSource, choice: MeasuredChoice, interface: Interface
) -> list[tuple[str, str, list[LinkedNumber]]]:
    """Return (protocol, measure, numbers) of each protocol that a source has."""
    means = {
        (mean.group["protocol"], mean.group["probe"]): mean
        for mean in means_of(source, choice, ["protocol", "probe"])
    }
    kinds = _kinds_of(source, choice, ["protocol", "probe"])
    return [
        (
            protocol_name(protocol, interface),
            measure_name(choice.measure, protocol, interface),
            [
                LinkedNumber(
                    means.get((protocol, probe)),
                    cases_address(source, choice, protocol=protocol, probe=probe),
                    f"{source.name}, {probe_name(probe, interface)}",
                    kind_bar(kinds.get((protocol, probe)), interface),
                )
                for probe in PROBES
            ],
        )
        for protocol in PROTOCOLS
        if any(key[0] == protocol for key in means)
    ]


def _kinds_of(
    source: MeasuredSource, choice: MeasuredChoice, by: list[str], **more: str
) -> dict[tuple[str, ...], KindCounts]:
    """Return the kinds of a source's answers in groups; none of the shipped table."""
    if source.rows is None:
        return {}
    mask = mask_of(source.rows, choice, source.is_plain, **more)
    return kind_counts(source.rows, mask, by)


def languages_html(
    shown: Sequence[MeasuredSource], choice: MeasuredChoice, interface: Interface
) -> str:
    """Return a shaded table: a row for each query language, a column for a run."""
    wanted = {"protocol": choice.protocol, "probe": choice.probe}
    columns = [
        (source, code, {key[1]: mean for key, mean in means.items() if key[0] == code})
        for source in shown
        for means in [
            {
                (mean.group["source"], mean.group["target"]): mean
                for mean in means_of(source, choice, ["source", "target"], **wanted)
            }
        ]
        for code in sorted({key[0] for key in means}, key=language_order)
    ]
    if not columns:
        return note(tr("measured_none", interface))
    targets = {target for _, _, means in columns for target in means}
    kinds = {
        source.key: _kinds_of(source, choice, ["source", "target"], **wanted)
        for source in shown
    }

    def numbers(target: str) -> Iterator[LinkedNumber]:
        for source, code, means in columns:
            bar = kind_bar(kinds[source.key].get((code, target)), interface)
            address = cases_address(
                source, choice, probe=choice.probe, target=target, source=code
            )
            name = f"{source.name}, {code} → {target}"
            yield LinkedNumber(means.get(target), address, name, bar)

    rows = [
        (language_name(target, interface), target, list(numbers(target)))
        for target in sorted(targets, key=language_order)
    ]
    return render(
        "benchmarks/measured/languages.html",
        interface,
        heads=[(its.name, "" if its.is_plain else code) for its, code, _ in columns],
        rows=rows,
        legend=kinds_legend([its.kinds for *_, of in rows for its in of], interface),
    )


def gaps(shown: Sequence[MeasuredSource], choice: MeasuredChoice) -> Gaps:
    """Return teacher-forced minus generated, by probe, of each run that has both."""
    found = []
    for source in shown:
        if source.rows is None:
            continue
        rows = source.rows
        mask = mask_of(rows, choice, source.is_plain, protocol=TEACHER_FORCED)
        score, other = values_of(rows, SCORE), other_protocol(rows)
        lines = compared(rows, mask, score, other, "probe", tested=False)
        if lines:
            found.append((source, lines))
    return found


def gaps_html(found: Gaps, interface: Interface) -> str:
    """Return the gaps between the protocols as a table: a row a run, by probe."""
    if not found:
        return note(tr("measured_no_gap", interface))
    return render(
        "benchmarks/measured/gaps.html",
        interface,
        heads=[probe_name(probe, interface) for probe in PROBES],
        rows=[
            (source.name, [by_probe.get(probe) for probe in PROBES])
            for source, lines in found
            for by_probe in [{its.group["probe"]: its.difference for its in lines}]
        ],
        signed=signed,
    )


def pair_of(
    found: Sequence[MeasuredSource], choice: MeasuredChoice
) -> tuple[MeasuredSource, MeasuredSource] | None:
    """Return the two runs to compare: the chosen ones, else the last two."""
    there = [source for source in found if source.rows is not None]
    if len(there) < 2:
        return None
    by_key = {source.key: source for source in there}
    first = by_key.get(choice.first, there[-1])
    others = [source for source in there if source is not first]
    second = by_key.get(choice.second, others[-1])
    second = others[-1] if second is first else second
    # A question without its edit stands beside the same one after any edit.
    return (second, first) if first.is_plain else (first, second)


def compared_html(
    first: MeasuredSource,
    second: MeasuredSource,
    choice: MeasuredChoice,
    interface: Interface,
) -> str:
    """Return two tables: by probe, and by query language for the chosen probe."""
    if first.rows is None or second.rows is None:
        return note(tr("measured_none", interface))
    rows = first.rows
    mine = values_of(rows, choice.measure)
    beside = values_beside(rows, second.rows, choice.measure, second.is_plain)
    mask = mask_of(rows, choice, first.is_plain, protocol=choice.protocol)
    probes = compared(rows, mask, mine, beside, "probe")
    if not probes:
        return note(tr("measured_no_pairs", interface))
    mask &= where(rows, {"probe": choice.probe})
    languages = compared(rows, mask, mine, beside, "target")
    its_probe = probe_name(choice.probe, interface)
    return render(
        "benchmarks/measured/compared.html",
        interface,
        first=first.name,
        second=second.name,
        protocol=protocol_name(choice.protocol, interface),
        measure=measure_name(choice.measure, choice.protocol, interface),
        tables=[
            (
                tr("measured_by_probe", interface),
                [
                    _compared_row(its, probe_name(its.group["probe"], interface),
                                  first, second, choice)
                    for its in sorted(probes, key=_probe_order)
                ],
            ),
            (
                tr("measured_by_language", interface, probe=its_probe),
                [
                    _compared_row(its, language_name(its.group["target"], interface),
                                  first, second, choice)
                    for its in sorted(
                        languages, key=lambda its: language_order(its.group["target"])
                    )
                ],
            ),
        ],
        signed=signed,
        smallest=SMALLEST,
        significant=SIGNIFICANT,
    )  # fmt: skip


def _probe_order(line: Comparison) -> int:
    return [*PROBES, line.group["probe"]].index(line.group["probe"])


@dataclass(frozen=True)
class ComparedRow:
    """A line of a comparison, with the addresses of the questions that differ."""

    name: str
    comparison: Comparison
    only_first: str
    only_second: str


def _compared_row(
    line: Comparison,
    name: str,
    first: MeasuredSource,
    second: MeasuredSource,
    choice: MeasuredChoice,
) -> ComparedRow:
    # Cases are filtered by the main score; for another measure there is no such list.
    if choice.measure != SCORE or first.rows is None:
        return ComparedRow(name, line, "", "")
    there = choices(first.rows, "source")
    wanted = {
        "run": first.key,
        "beside": second.key,
        "protocol": choice.protocol,
        "source": choice.source if choice.source in there else "",
        "clean": "clean" if choice.clean else "",
        "probe": choice.probe,
        **line.group,
    }
    return ComparedRow(
        name,
        line,
        *(
            CaseView(**wanted, versus=versus).address() if count else ""
            for versus, count in (
                ("only_this", line.difference.only_first),
                ("only_other", line.difference.only_second),
            )
        ),
    )


def caption(
    shown: Sequence[MeasuredSource], choice: MeasuredChoice, interface: Interface
) -> str:
    """Return what the numbers are of, in a sentence or two."""
    edits = tr("measured_every_edit", interface)
    if choice.source != "all":
        name = language_name(choice.source, interface)
        edits = tr("measured_one_edit", interface, name=name)
    found = [
        mean
        for source in shown
        for mean in means_of(source, choice, ["probe"], protocol=choice.protocol)
        if mean.n
    ]
    return tr(
        "measured_caption",
        interface,
        benchmark=choice.benchmark,
        stated=edits,
        protocol=protocol_name(choice.protocol, interface),
        measure=measure_name(choice.measure, choice.protocol, interface),
        n=_from_to([mean.n for mean in found]),
        edits=_from_to([mean.edits for mean in found]),
        clean=tr(
            "measured_only_clean" if choice.clean else "measured_whole", interface
        ),
    )


def _from_to(counts: Sequence[int]) -> str:
    """Return "142–399", or one number where all are equal."""
    ends = np.unique([min(counts, default=0), max(counts, default=0)])
    return "–".join(f"{count:,}" for count in ends)


def provenance_html(shown: Sequence[MeasuredSource], interface: Interface) -> str:
    """Return what the numbers rest on, a line for each run."""
    lines = []
    for source in shown:
        about = source.about
        words = [
            tr(
                "measured_provenance",
                interface,
                revision=about["revision"],
                wrapper=about["wrapper"],
                engine=about["engine"],
                date=about["date"] or tr("measured_no_date", interface),
                n=f"{source.count:,}",
            )
        ]
        words += [tr("measured_parity", interface)] if about["parity"] else []
        words += [tr(f"measured_state_{source.state}", interface)]
        lines.append(("", "", source.name, " · ".join(words)))
    return render("benchmarks/provenance.html", interface, lines=lines)


def runs_html(runs: Sequence[LocalRun], interface: Interface) -> str:
    """Return every run that was found, broken ones with the reason."""
    if not runs:
        return note(tr("measured_no_runs", interface))
    lines = []
    for run in runs:
        words = run.words or tr(
            "measured_run",
            interface,
            benchmark=run.about["benchmark"],
            checkpoint=run.about["checkpoint"],
            n=f"{run.rows:,}",
            state=tr(f"measured_state_{run.state}", interface),
        )
        lines.append((run.state, STATE_MARKS[run.state], run.key, words))
    return render("benchmarks/provenance.html", interface, lines=lines)
