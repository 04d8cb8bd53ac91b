"""Two runs compared question by question, and the gap between the protocols of one.

Pure: sources in, lines and escaped HTML out.

Run its tests: ``python -m pytest tests/pages/benchmarks/measured/test_page.py``
"""

from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

from pages.benchmarks.measured.html import (
    language_name,
    note_html,
    probe_name,
    signed,
)
from pages.benchmarks.measured.sources import (
    Choice,
    Source,
    mask_of,
    measure_words,
    protocol_words,
)
from pages.shell.strings import Interface, tr
from xkde.evaluation.results.case_view import CaseView
from xkde.evaluation.results.columns import Rows, Values
from xkde.evaluation.results.compared import (
    Line,
    compared,
    other_protocol,
    values_beside,
)
from xkde.evaluation.results.rows import TEACHER_FORCED
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import PROBES

SURE = 0.05
SMALLEST = 0.0001  # p below it are not told apart


def gaps(shown: Sequence[Source], choice: Choice) -> list[tuple[Source, list[Line]]]:
    """Return teacher-forced minus generated, by probe, of each run that has both."""
    found = []
    for source in shown:
        if source.rows is None:
            continue
        rows = source.rows
        mask = mask_of(rows, choice, source.is_plain, protocol=TEACHER_FORCED)
        told = other_protocol(rows, rows.score)
        lines = compared(rows, mask, rows.score, told, ["probe"], tested=False)
        if lines:
            found.append((source, lines))
    return found


def value_of(rows: Rows, choice: Choice) -> Values:
    """Return the chosen measure of each row."""
    return rows.score if choice.measure == "score" else rows.measures[choice.measure]


def pair_of(found: Sequence[Source], choice: Choice) -> tuple[Source, Source] | None:
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


def compared_html(first: Source, second: Source, choice: Choice, say: Interface) -> str:
    """Return two tables: by probe, and by query language for the chosen probe."""
    if first.rows is None or second.rows is None:
        return note_html(tr("measured_none", say))
    mine = value_of(first.rows, choice)
    beside = values_beside(
        first.rows, second.rows, value_of(second.rows, choice), second.is_plain
    )
    mask = mask_of(first.rows, choice, first.is_plain, protocol=choice.protocol)
    probes = compared(first.rows, mask, mine, beside, ["probe"])
    if not probes:
        return note_html(tr("measured_no_pairs", say))
    mask &= first.rows.where({"probe": choice.probe})
    languages = compared(first.rows, mask, mine, beside, ["target"])
    words = tr(
        "measured_compared", say, first=first.name, second=second.name,
        protocol=protocol_words(choice.protocol, say),
        measure=measure_words(choice, choice.protocol, say),
    )  # fmt: skip
    told = (first, second, choice)
    by_language = tr("measured_by_language", say, probe=probe_name(choice.probe, say))
    return (
        f'<p class="caption">{escape(words)}</p><div class="two-tables">'
        f"{_table(tr('measured_by_probe', say), probes, *told, say)}"
        f"{_table(by_language, languages, *told, say)}</div>"
        f'<p class="caption small">{escape(tr("measured_tests", say))}</p>'
    )


def _table(
    title: str,
    lines: Sequence[Line],
    first: Source,
    second: Source,
    choice: Choice,
    say: Interface,
) -> str:
    names = ("measured_difference", "measured_only_first", "measured_only_second",
             "measured_p")  # fmt: skip
    head = "".join(f'<th scope="col">{escape(tr(name, say))}</th>' for name in names)
    body = "".join(
        _row(line, first, second, choice, say) for line in sorted(lines, key=_order)
    )
    return (
        '<div class="scrolled"><table class="numbers pairs-of">'
        f"<caption>{escape(title)}</caption><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _order(line: Line) -> tuple[int, str]:
    name = str(next(iter(line.group.values())))
    known = (*PROBES, *ATLAS_LANGUAGES)
    return (known.index(name) if name in known else len(known), name)


def _row(
    line: Line, first: Source, second: Source, choice: Choice, say: Interface
) -> str:
    ((field, value),) = line.group.items()
    name = probe_name(value, say) if field == "probe" else language_name(value, say)
    counts = "".join(
        f"<td>{_count(count, line, first, second, choice, versus, name, say)}</td>"
        for count, versus in (
            (line.only_first, "only_this"),
            (line.only_second, "only_other"),
        )
    )
    sure = line.corrected < SURE
    mark = tr("measured_sure" if sure else "measured_unsure", say)
    p = f"< {SMALLEST}" if line.corrected < SMALLEST else f"{line.corrected:.4f}"
    test = tr(f"test_{line.test}", say)
    return (
        f'<tr><th scope="row">{escape(name)}<small>n {line.n:,}</small></th>'
        f"<td><b>{signed(line.value)}</b><small><span>{signed(line.low)} … "
        f"{signed(line.high)}</span></small></td>{counts}"
        f"<td><b>{escape(p)}</b><small>{escape(mark)} · {escape(test)}</small></td>"
        "</tr>"
    )


def _count(
    count: int,
    line: Line,
    first: Source,
    second: Source,
    choice: Choice,
    versus: str,
    name: str,
    say: Interface,
) -> str:
    # Cases are told apart by the main score; for another measure there is no such list.
    if not count or choice.measure != "score":
        return f"<b>{count:,}</b>"
    there = first.rows.choices("source") if first.rows is not None else []
    source = choice.source if choice.source in there else ""
    view = CaseView(
        run=first.key, beside=second.key, protocol=choice.protocol, source=source,
        versus=versus, clean="clean" if choice.clean else "",
        **{"probe": choice.probe, **line.group},
    )  # fmt: skip
    address = urlencode({"tab": "benchmarks", "view": "cases", **view.to_query()})
    label = tr("measured_to_pairs", say, n=f"{count:,}", what=name)
    return (
        f'<button type="button" data-cases="{escape(address)}" '
        f'aria-label="{escape(label)}">{count:,}</button>'
    )
