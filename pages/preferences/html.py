"""Pairs as HTML: what was opened and what was left out of it, a page of a list.

Pure: all that a file says is escaped here, and nothing is told by colour alone.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from pages.preferences.sources import Loaded
from pages.shell.strings import Interface, strings, tr
from xkde.data.preferences.answer_language import UNDETERMINED
from xkde.languages import LANGUAGES
from xkde.prompts import EDIT_HEADER, QUERY_HEADER

Row = Mapping[str, Any]
SHOWN = 160  # characters of a text in the list


def language_words(code: str, say: Interface) -> str:
    """Return a language's name; "und-Latn" in words, nothing as not known."""
    if not code:
        return tr("pairs_unknown", say)
    if code.startswith(UNDETERMINED):
        return tr("pairs_script", say, script=code.removeprefix(UNDETERMINED))
    name = LANGUAGES[code].name if code in LANGUAGES else code
    return strings()[say].get(f"language_{code}", name)


def source_html(found: Loaded, say: Interface) -> str:
    """Return what a source holds, and what of it was left out."""
    opened = found.opened
    words = tr(
        "pairs_source",
        say,
        n=f"{opened.pairs.num_rows:,}",
        prompts=f"{len(found.table.values['prompt']):,}",
        form=tr(f"pairs_form_{opened.form}", say),
    )
    if not found.whole:
        words += " " + tr("pairs_first_only", say)
    bad = sum(opened.left_out.values())
    return (
        f'<div class="source"><p><b>{escape(found.name)}</b> {escape(words)}</p>'
        f"{_left_out(found, bad, say) if bad else ''}</div>"
    )


def _left_out(found: Loaded, bad: int, say: Interface) -> str:
    opened = found.opened
    whole = f"{bad + opened.pairs.num_rows:,}"
    rows = "".join(
        "<li>"
        + escape(
            tr(
                "pairs_left_out_row",
                say,
                n=f"{count:,}",
                reason=tr(f"pairs_reason_{reason}", say),
                place=place_words(opened.places.get(reason, ""), say),
            )
        )
        + "</li>"
        for reason, count in opened.left_out.items()
    )
    words = escape(tr("pairs_left_out", say, n=f"{bad:,}", of=whole))
    return (
        f'<details open class="left-out"><summary><span aria-hidden="true">△</span> '
        f"{words}</summary><ul>{rows}</ul></details>"
    )


def place_words(place: str, say: Interface) -> str:
    """Return "line 3" in the interface's language."""
    word, _, count = place.partition(" ")
    return tr(f"pairs_{word}", say, n=count) if word in ("line", "row") else place


def note_html(words: str, kind: str = "hint") -> str:
    """Return words of ours in place of pairs."""
    return f'<p class="{kind}" role="status">{escape(words)}</p>'


def asked_of(prompt: str) -> tuple[str, str]:
    """Return (edit, query) of an edit prompt; any other prompt is all query."""
    before, mark, query = prompt.partition(QUERY_HEADER)
    edit = before.partition(EDIT_HEADER)[2]
    return (edit, query) if mark and edit else ("", prompt)


def list_html(rows: list[Row], first: int, say: Interface) -> str:
    """Return a page of pairs; ``first`` is the place of its first, from 0."""
    items = "".join(_item(row, first + at, say) for at, row in enumerate(rows))
    return f'<ol class="pairs" start="{first + 1}">{items}</ol>'


def _item(row: Row, at: int, say: Interface) -> str:
    edit, query = asked_of(row["prompt"])
    flags = [tr(f"flag_{name}", say) for name in row["flags"]]
    doubt = ""
    if flags:
        told = escape("; ".join(flags))
        doubt = f'<span class="doubt" title="{told}">△ {len(flags)}</span>'
    over = escape(tr("pairs_over", say))
    margin = f"{row['margin']:+.2f}" if row["margin"] is not None else ""
    return (
        f'<li><button type="button" data-at="{at}"><span class="top">'
        f"<span>{escape(row['direction'] or row['relation'])}</span>"
        f'<span class="margin">{margin}</span>{doubt}</span>'
        f'<span class="query" dir="auto"{lang(row["target"])}>'
        f"{escape(_short(query))}</span>"
        f'<span class="both"><b dir="auto"{lang(row["chosen_language"])}>'
        f"{escape(_short(row['chosen']))}</b> <small>{over}</small> "
        f'<span class="less" dir="auto"{lang(row["rejected_language"])}>'
        f"{escape(_short(row['rejected']))}</span></span></button></li>"
    )


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def lang(code: str) -> str:
    """Return a language as an attribute, where it is one."""
    return f' lang="{code}"' if code in LANGUAGES else ""
