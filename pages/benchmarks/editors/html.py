"""Numbers of editors as HTML: one edit at a time, and after many edits.

Pure: every number is text with its interval and its n; nothing is told by colour alone.
What a file says is escaped.

Run its tests: ``python -m pytest tests/pages/benchmarks/editors/test_page.py``
"""

from collections.abc import Sequence
from html import escape

from pages.benchmarks.editors.numbers import Choice, Many, Single
from pages.benchmarks.measured.html import (
    language_name,
    note_html,
    number_html,
    probe_name,
)
from pages.benchmarks.measured.sources import Choice as Measured
from pages.benchmarks.measured.sources import (
    cases_address,
    editor_name,
    protocol_words,
)
from pages.shell.strings import Interface, tr
from xkde.evaluation.experiments.files import UNTOUCHED
from xkde.evaluation.results.rows import Share
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import PROBES


def asked_words(probe: str, say: Interface) -> str:
    """Return what is asked: a probe, or facts that no edit is about."""
    return (
        tr("all_editors_untouched", say)
        if probe == UNTOUCHED
        else probe_name(probe, say)
    )


def seconds_words(seconds: float | None, say: Interface) -> str:
    """Return how long an edit took; nothing where nothing is computed."""
    if not seconds:
        return ""
    return tr("all_editors_seconds", say, seconds=f"{seconds:.2f}")


def singles_html(found: Sequence[Single], choice: Choice, say: Interface) -> str:
    """Return a table: a row for each editor and checkpoint, a column for each probe."""
    if not found:
        return note_html(tr("all_editors_no_single", say), "caution")
    head = "".join(f'<th scope="col">{escape(probe_name(p, say))}</th>' for p in PROBES)
    body = "".join(_single_row(each, choice, say) for each in found)
    return _table(tr("all_editors_single_table", say), head, body)


def _single_row(each: Single, choice: Choice, say: Interface) -> str:
    about = each.source.about
    measured = Measured(source=choice.source, protocol=choice.protocol)
    cells = "".join(
        "<td>"
        + number_html(
            each.shares.get(probe),
            cases_address(each.source, measured, probe=probe),
            say,
            f"{each.source.name}, {probe_name(probe, say)}",
        )
        + "</td>"
        for probe in PROBES
    )
    name = editor_name(str(about["editor"]), say)
    small = " · ".join(
        filter(None, (str(about["checkpoint"]), seconds_words(each.seconds, say)))
    )
    return (
        f'<tr><th scope="row">{escape(name)}<small>{escape(small)}</small></th>'
        f"{cells}</tr>"
    )


def sizes_html(found: Sequence[Many], choice: Choice, say: Interface) -> str:
    """Return a table: a row for each editor, a column for each number of edits."""
    caption = tr("all_editors_sizes_table", say, probe=asked_words(choice.probe, say))
    return _of_sizes([(each, each.by_size) for each in found], caption, say)


def first_html(found: Sequence[Many], choice: Choice, say: Interface) -> str:
    """Return the same of the first edits, asked again after each size."""
    told = [(each, each.first) for each in found if each.first]
    if not told or choice.probe == UNTOUCHED:
        return note_html(tr("all_editors_no_first", say))
    counts = {str(each.run.about["again"]) for each, _ in told}
    caption = tr(
        "all_editors_first_table", say, n="/".join(sorted(counts)),
        probe=asked_words(choice.probe, say),
    )  # fmt: skip
    return _of_sizes(told, caption, say)


def _of_sizes(told: Sequence[tuple[Many, object]], caption: str, say: Interface) -> str:
    by_size: list[tuple[Many, dict[int, Share]]] = list(told)  # type: ignore[arg-type]
    sizes = sorted({size for _, found in by_size for size in found})
    if not sizes:
        return note_html(tr("all_editors_no_numbers", say))
    head = "".join(f'<th scope="col">{size:,}</th>' for size in sizes)
    body = "".join(
        f'<tr><th scope="row">{escape(each.name)}'
        f"<small>{escape(seconds_words(each.seconds, say))}</small></th>"
        + "".join(
            f"<td>{number_html(found.get(size), '', say, '')}</td>" for size in sizes
        )
        + "</tr>"
        for each, found in by_size
    )
    return _table(caption, head, body)


def languages_html(found: Sequence[Many], choice: Choice, say: Interface) -> str:
    """Return, by query language, what is left after the most edits."""
    told = [each for each in found if each.by_language]
    if not told:
        return note_html(tr("all_editors_no_numbers", say))
    head = "".join(
        f'<th scope="col">{escape(each.name)}<small>{escape(most)}</small></th>'
        for each in told
        for most in [tr("all_editors_edits", say, n=f"{max(each.by_size):,}")]
    )
    codes = {code for each in told for code in each.by_language}
    body = "".join(
        f'<tr><th scope="row">{escape(language_name(code, say))}</th>'
        + "".join(_heat(each.by_language.get(code), say) for each in told)
        + "</tr>"
        for code in ATLAS_LANGUAGES
        if code in codes
    )
    caption = tr(
        "all_editors_languages_table", say, probe=asked_words(choice.probe, say)
    )
    return _table(caption, head, body, "numbers heat")


def _heat(share: Share | None, say: Interface) -> str:
    mean = 0.0 if share is None or share.mean is None else share.mean
    return f'<td style="--v:{100 * mean:.0f}%">{number_html(share, "", say, "")}</td>'


def caption_html(choice: Choice, say: Interface) -> str:
    """Return what all numbers of the view are of, in a sentence or two."""
    words = tr(
        "all_editors_caption", say, name=language_name(choice.source, say),
        protocol=protocol_words(choice.protocol, say),
        asked_in=tr(f"all_editors_asked_{choice.asked_in}", say),
    )  # fmt: skip
    return f'<p class="caption">{escape(words)}</p>'


def basis_html(
    one: Sequence[Single], many: Sequence[Many], broken: Sequence[str], say: Interface
) -> str:
    """Return what the numbers rest on, a line for each run; broken ones at the end."""
    lines = [
        _line(
            each.source.name,
            tr(
                "all_editors_basis_single", say, revision=each.source.about["revision"],
                date=each.source.about["date"], n=f"{each.source.count:,}",
                key=each.source.key,
            ),
        )
        for each in one
    ] + [_line(each.name, _basis_of(each, say)) for each in many]  # fmt: skip
    lines += [f'<li class="broken">△ {escape(words)}</li>' for words in broken]
    return f'<ul class="provenance">{"".join(lines)}</ul>' if lines else ""


def _line(name: str, words: str) -> str:
    return f"<li><b>{escape(name)}</b> {escape(words)}</li>"


def _basis_of(each: Many, say: Interface) -> str:
    about = each.run.about
    words = tr(
        "all_editors_basis_many", say, revision=about["revision"], seed=about["seed"],
        date=about["date"] or tr("measured_no_date", say), tested=about["tested"],
        n=f"{each.run.table.num_rows:,}", key=each.run.key,
    )  # fmt: skip
    more = [words]
    if each.refused:
        more.append(tr("all_editors_refused", say, n=each.refused))
    if not each.run.is_whole:
        more.append(tr("measured_state_under_way", say))
    return " · ".join(more)


def _table(caption: str, head: str, body: str, kind: str = "numbers") -> str:
    named = escape(caption)
    return (
        f'<div class="scrolled" tabindex="0" role="region" aria-label="{named}">'
        f'<table class="{kind}"><caption>{named}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
