"""Measured numbers as HTML: by probe, by language, one protocol beside the other.

Pure: every number is text in a button that leads to the answers behind it, with its
interval and its n; nothing is told by colour alone. What a file says is escaped.

Run its tests: ``python -m pytest tests/pages/benchmarks/measured/test_page.py``
"""

from collections.abc import Sequence
from html import escape

from pages.benchmarks.measured.sources import (
    Choice,
    Source,
    cases_address,
    measure_words,
    protocol_words,
    shares,
)
from pages.shell.strings import Interface, strings, tr
from xkde.evaluation.results.compared import Line
from xkde.evaluation.results.local_runs import LocalRun
from xkde.evaluation.results.rows import PROTOCOLS, Share
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.types import PROBES

MARKS = {"finished": "●", "under_way": "◌", "broken": "△", "table": "●"}
Cells = dict[tuple[str, ...], Share]


def language_name(code: str, say: Interface) -> str:
    """Return a language's name in the interface's language."""
    name = LANGUAGES[code].name if code in LANGUAGES else code
    return strings()[say].get(f"language_{code}", name)


def probe_name(probe: str, say: Interface) -> str:
    """Return a probe's name."""
    return tr(f"probe_{probe}", say) if probe in PROBES else probe


def note_html(words: str, kind: str = "hint") -> str:
    """Return words of ours where numbers would be."""
    return f'<p class="{kind}" role="status">{escape(words)}</p>'


def signed(value: float) -> str:
    """Return a difference with its sign; one that rounds to nothing has a plus."""
    return f"{round(value, 3) + 0.0:+.3f}"


def number_html(share: Share | None, address: str, say: Interface, named: str) -> str:
    """Return a number; a button, named for readers, where answers are behind it."""
    if share is None or share.mean is None or share.low is None or share.high is None:
        return f'<small class="absent">{escape(tr("not_measured", say))}</small>'
    value = f"{share.mean:.3f}"
    low, high = max(0.0, share.low), min(1.0, share.high)
    if address:
        label = escape(tr("measured_to_cases", say, what=named, value=value))
        value = (
            f'<button type="button" data-cases="{escape(address)}" '
            f'aria-label="{label}">{value}</button>'
        )
    else:
        value = f"<b>{value}</b>"
    # Only on a phone may a line break within the interval.
    return (
        f"{value}<small><span>{low:.3f}–<wbr>{high:.3f}</span> "
        f"<span>n {share.n:,}</span></small>"
    )


def _cells(source: Source, choice: Choice, by: Sequence[str], **more: str) -> Cells:
    return {
        tuple(share.group[name] for name in by): share
        for share in shares(source, choice, by, **more)
    }


def probes_html(shown: Sequence[Source], choice: Choice, say: Interface) -> str:
    """Return a table: both protocols of each run, by probe."""
    head = "".join(f'<th scope="col">{escape(probe_name(p, say))}</th>' for p in PROBES)
    body = "".join(_probes_of(source, choice, say) for source in shown)
    caption = escape(tr("measured_table", say))
    return (
        f'<div class="scrolled"><table class="numbers"><caption>{caption}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead>{body}</table></div>"
    )


def _probes_of(source: Source, choice: Choice, say: Interface) -> str:
    cells = _cells(source, choice, ["protocol", "probe"])
    lines = []
    for protocol in PROTOCOLS:
        if not any(key[0] == protocol for key in cells):
            continue
        values = "".join(
            "<td>"
            + number_html(
                cells.get((protocol, probe)),
                cases_address(source, choice, protocol=protocol, probe=probe),
                say,
                f"{source.name}, {probe_name(probe, say)}",
            )
            + "</td>"
            for probe in PROBES
        )
        words = f"{protocol_words(protocol, say)}"
        small = measure_words(choice, protocol, say)
        lines.append(
            f'<tr><th scope="row">{escape(words)}<small>{escape(small)}</small></th>'
            f"{values}</tr>"
        )
    if not lines:
        absent = escape(tr("not_measured", say))
        lines.append(f'<tr><td colspan="{len(PROBES) + 1}">{absent}</td></tr>')
    return (
        f'<tbody><tr class="of"><th scope="rowgroup" colspan="{len(PROBES) + 1}">'
        f"{escape(source.name)}</th></tr>{''.join(lines)}</tbody>"
    )


def languages_html(shown: Sequence[Source], choice: Choice, say: Interface) -> str:
    """Return a heat map as a table: a row for each query language, a column a run."""
    wanted = {"protocol": choice.protocol, "probe": choice.probe}
    columns = [
        (source, code, cells)
        for source in shown
        for cells in [_cells(source, choice, ["source", "target"], **wanted)]
        for code in sorted({key[0] for key in cells}, key=_order)
    ]
    if not columns:
        return note_html(tr("measured_none", say))
    targets = sorted({key[1] for _, _, cells in columns for key in cells}, key=_order)
    head = "".join(_column_head(source, code, say) for source, code, _ in columns)
    body = "".join(_language_row(code, columns, choice, say) for code in targets)
    return (
        '<div class="scrolled" tabindex="0" role="region" '
        f'aria-label="{escape(tr("measured_languages", say))}">'
        f'<table class="numbers heat"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _column_head(source: Source, code: str, say: Interface) -> str:
    stated = "" if source.is_plain else tr("measured_edit_in", say, name=code)
    return f'<th scope="col">{escape(source.name)}<small>{escape(stated)}</small></th>'


def _order(code: str) -> tuple[int, str]:
    known = code in ATLAS_LANGUAGES
    return (ATLAS_LANGUAGES.index(code) if known else len(ATLAS_LANGUAGES), code)


def _language_row(
    target: str,
    columns: Sequence[tuple[Source, str, Cells]],
    choice: Choice,
    say: Interface,
) -> str:
    values = []
    for source, code, cells in columns:
        share = cells.get((code, target))
        wanted = {"probe": choice.probe, "target": target, "source": code}
        address = cases_address(source, choice, **wanted)
        named = f"{source.name}, {code} → {target}"
        mean = 0.0 if share is None or share.mean is None else share.mean
        values.append(
            f'<td style="--v:{100 * mean:.0f}%">'
            f"{number_html(share, address, say, named)}</td>"
        )
    name = escape(language_name(target, say))
    return (
        f'<tr><th scope="row">{name}<small>{escape(target)}</small></th>'
        f"{''.join(values)}</tr>"
    )


def gaps_html(gaps: Sequence[tuple[Source, Sequence[Line]]], say: Interface) -> str:
    """Return, by probe, where teacher forcing and generation put each run."""
    told = {
        (its.key, line.group["probe"]): line for its, lines in gaps for line in lines
    }
    if not told:
        return note_html(tr("measured_no_gap", say))
    parts = []
    for probe in PROBES:
        rows = [
            _gap_row(source.name, told[source.key, probe], say)
            for source, _ in gaps
            if (source.key, probe) in told
        ]
        if rows:
            name = escape(probe_name(probe, say))
            parts.append(f"<section><h3>{name}</h3>{''.join(rows)}</section>")
    key = (
        f'<p class="key"><span><i class="mark forced"></i> '
        f"{escape(protocol_words(PROTOCOLS[0], say))}</span> "
        f'<span><i class="mark"></i> {escape(protocol_words(PROTOCOLS[1], say))}'
        "</span></p>"
    )
    return f'{key}<div class="dumbbells">{"".join(parts)}</div>'


def _gap_row(name: str, line: Line, say: Interface) -> str:
    low, high = sorted((line.first, line.second))
    words = escape(
        tr(
            "measured_gap", say, forced=f"{line.first:.3f}",
            generated=f"{line.second:.3f}", gap=signed(line.value),
            low=signed(line.low), high=signed(line.high), n=f"{line.n:,}",
        )
    )  # fmt: skip
    return (
        f'<div class="dumbbell"><span class="name">{escape(name)}</span>'
        f'<span class="track" aria-hidden="true" style="--low:{100 * low:.1f}%;'
        f"--high:{100 * high:.1f}%;--forced:{100 * line.first:.1f}%;"
        f'--told:{100 * line.second:.1f}%"><i class="line"></i>'
        '<i class="mark forced"></i><i class="mark"></i></span>'
        f'<span class="said">{words}</span></div>'
    )


def provenance_html(shown: Sequence[Source], say: Interface) -> str:
    """Return what the numbers rest on, a line for each run."""
    lines = []
    for source in shown:
        about = source.about
        told = tr(
            "measured_provenance", say, revision=about["revision"],
            wrapper=about["wrapper"], engine=about["engine"],
            date=about["date"] or tr("measured_no_date", say), n=f"{source.count:,}",
        )  # fmt: skip
        more = [tr("measured_parity", say)] if about["parity"] else []
        more += [tr(f"measured_state_{source.state}", say)]
        words = " · ".join([told, *more])
        lines.append(f"<li><b>{escape(source.name)}</b> {escape(words)}</li>")
    return f'<ul class="provenance">{"".join(lines)}</ul>'


def runs_html(runs: Sequence[LocalRun], say: Interface) -> str:
    """Return every run that was found, broken ones with the reason."""
    if not runs:
        return note_html(tr("measured_no_runs", say))
    items = []
    for run in runs:
        words = run.words or tr(
            "measured_run", say, benchmark=run.about["benchmark"],
            checkpoint=run.about["checkpoint"], n=f"{run.rows:,}",
            state=tr(f"measured_state_{run.state}", say),
        )  # fmt: skip
        mark = f'<span aria-hidden="true">{MARKS[run.state]}</span>'
        items.append(
            f'<li class="{run.state}">{mark} <b>{escape(run.key)}</b> '
            f"{escape(words)}</li>"
        )
    return f'<ul class="provenance">{"".join(items)}</ul>'
