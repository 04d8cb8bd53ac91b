"""What Measured here shows of a choice: fields, pictures, tables, the address.

Run by ``page``; every XkdeError becomes words where numbers would be.

Run its tests: ``python -m pytest tests/pages/benchmarks/measured/test_page.py``
"""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from pages.benchmarks.measured.compared import compared_html, gaps, pair_of
from pages.benchmarks.measured.html import (
    gaps_html,
    language_name,
    languages_html,
    note_html,
    probes_html,
    provenance_html,
    runs_html,
)
from pages.benchmarks.measured.plots import caption, figure
from pages.benchmarks.measured.sources import (
    Choice,
    Source,
    chosen,
    offered,
    sources,
)
from pages.shell.strings import Interface, tr
from xkde.evaluation.results.local_runs import LocalRun
from xkde.languages import ATLAS_LANGUAGES

# A choice's fields, in the order of their components
FIELDS = (
    "benchmark", "source", "protocol", "probe", "measure", "clean", "runs", "first",
    "second",
)  # fmt: skip
SHOWN = 9  # what ``shown`` returns
ALL = "all"


def choice_of(values: Sequence[Any]) -> Choice:
    """Return the choice that the fields' values state."""
    told = dict(zip(FIELDS, values, strict=True))
    told["runs"] = tuple(told["runs"] or ())
    return Choice(
        **{name: "" if value is None else value for name, value in told.items()}
    )


def filled(choice: Choice, say: Interface) -> list[Any]:
    """Return the fields with what there is to choose, and all that is shown."""
    runs, benchmarks = offered()
    if choice.benchmark not in benchmarks and benchmarks:
        choice = replace(choice, benchmark=benchmarks[0])
    found = sources(runs, choice.benchmark, say)
    choice = _sensible(choice, found)
    return [*_fields(choice, found, benchmarks, say), *_shown(choice, runs, found, say)]


def shown(choice: Choice, say: Interface) -> list[Any]:
    """Return what is shown of a choice."""
    runs, _ = offered()
    return _shown(choice, runs, sources(runs, choice.benchmark, say), say)


def _sensible(choice: Choice, found: Sequence[Source]) -> Choice:
    """Leave out of a choice what is not here."""
    keys = [source.key for source in found]
    languages = _languages(found)
    source = choice.source if choice.source in (*languages, ALL) else ALL
    if choice.source not in languages and "en" in languages:
        source = "en" if choice.source != ALL else ALL
    pair = pair_of(found, choice)
    ends = {"first": pair[0].key, "second": pair[1].key} if pair else {}
    runs = tuple(key for key in choice.runs if key in keys)
    return replace(choice, source=source, runs=runs, **ends)


def _languages(found: Sequence[Source]) -> list[str]:
    codes: set[str] = set()
    for source in found:
        if source.rows is not None:
            codes |= set(source.rows.choices("source"))
        codes |= {str(cell["source"]) for cell in source.cells}
    known = [code for code in ATLAS_LANGUAGES if code in codes]
    return known + sorted(codes - set(known))


def _fields(
    choice: Choice, found: Sequence[Source], benchmarks: Sequence[str], say: Interface
) -> list[Any]:
    stated = [(tr("measured_all_edits", say), ALL)]
    stated += [(language_name(code, say), code) for code in _languages(found)]
    named = [(source.name, source.key) for source in found]
    pairs = [(its.name, its.key) for its in found if its.rows is not None]
    return [
        gr.Dropdown(
            choices=list(benchmarks), value=choice.benchmark if benchmarks else None
        ),
        gr.Dropdown(choices=stated, value=choice.source),
        choice.protocol,
        choice.probe,
        choice.measure,
        choice.clean,
        gr.CheckboxGroup(
            choices=named, value=[its.key for its in chosen(found, choice)]
        ),
        gr.Dropdown(choices=pairs, value=choice.first or None),
        gr.Dropdown(choices=pairs, value=choice.second or None),
    ]


def _shown(
    choice: Choice, runs: Sequence[LocalRun], found: Sequence[Source], say: Interface
) -> list[Any]:
    """Return (status, plot, caption, probes, languages, gaps, pairs, basis, runs)."""
    mine = chosen(found, choice)
    listed = runs_html(runs, say)
    if not mine:
        empty = note_html(tr("measured_absent", say), "caution")
        return [_status(choice, empty), gr.Plot(visible=False), *[""] * 6, listed]
    drawn = figure(mine, choice, say)
    words = caption(mine, choice, say)
    pair = pair_of(found, choice)
    beside = note_html(tr("measured_one_run", say))
    if pair:
        beside = compared_html(*pair, choice, say)
    return [
        _status(choice, _broken(runs, say)),
        gr.Plot(drawn, visible=drawn is not None),
        f'<p class="caption">{escape(words)}</p>',
        probes_html(mine, choice, say),
        languages_html(mine, choice, say),
        gaps_html(gaps(mine, choice), say),
        beside,
        provenance_html(mine, say),
        listed,
    ]


def _broken(runs: Sequence[LocalRun], say: Interface) -> str:
    """Return how many runs cannot be read, if any."""
    broken = [run.key for run in runs if run.state == "broken"]
    if not broken:
        return ""
    words = tr("measured_broken", say, n=len(broken), names=", ".join(broken[:3]))
    return note_html(f"△ {words}", "caution small")


def _status(choice: Choice, words: str) -> str:
    """Return words with what the page's script reads: the address of what is shown."""
    return f'<div data-address="{escape(choice.address())}">{words}</div>'


def busy(say: Interface) -> list[Any]:
    """Return words while runs are read."""
    words = note_html(tr("measured_reading", say), "status busy")
    return [*[gr.skip()] * len(FIELDS), words, *[gr.skip()] * (SHOWN - 1)]
