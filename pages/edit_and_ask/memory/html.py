"""A memory as HTML: its table, what disagrees, what a file left out, what was recalled.

Pure: everything that a person wrote is escaped here. On a phone every row becomes a
card, as in the table of all editors.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/memory/test_page.py``
"""

from html import escape

from pages.edit_and_ask.answers import text_in
from pages.edit_and_ask.memory.session import Desk
from pages.shell.strings import Interface, tr
from xkde.asking.session import Asked
from xkde.languages import LANGUAGES, language
from xkde.memory.edits import Stored, remarks
from xkde.memory.files import BadRow
from xkde.memory.retrieval import Recalled, Retrieved

FEW = 12  # conflicts or bad rows that are listed; the others are counted
SAID = ("long_answer", "same_as_old")  # remarks that are worth a word in the table

# Tells Python which button of the table was pressed.
SCRIPT = """
element.addEventListener("click", (event) => {
  const pressed = event.target.closest("button[data-deed]");
  if (pressed)
    trigger("pressed", { deed: pressed.dataset.deed, at: Number(pressed.dataset.at) });
});
"""


def table_html(desk: Desk, say: Interface) -> str:
    """Return the memory's table with its pages and its conflicts."""
    if not desk.memory.entries:
        return f'<p class="hint">{escape(tr("memory_empty", say))}</p>'
    columns = [tr(f"memory_{key}", say) for key in ("number", "language", "fact")]
    columns += [tr("new_answer", say), tr("memory_old", say), ""]
    head = "".join(
        f'<th role="columnheader" scope="col">{escape(each)}</th>' if each
        else f'<td role="columnheader"><span class="spoken">'
        f"{escape(tr('memory_deeds', say))}</span></td>"
        for each in columns
    )  # fmt: skip
    body = "".join(_row(each, desk, columns, say) for each in desk.shown)
    title = escape(tr("memory_title", say))
    return (
        f'<div class="scrolled" tabindex="0" role="region" aria-label="{title}">'
        '<table role="table" class="numbers editors-table memory-table">'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table></div>'
        f"{_pages(desk, say)}{_conflicts(desk, say)}"
    )


def _row(stored: Stored, desk: Desk, columns: list[str], say: Interface) -> str:
    edit = stored.edit
    notes = "".join(
        f"<small>{escape(tr(f'remark_{key}', say))}</small>"
        for key in remarks(edit)
        if key in SAID
    )
    cells = [
        escape(_own_name(edit.language)),
        _text(edit.question, edit.language),
        f"<b>{_text(edit.answer, edit.language)}</b>{notes}",
        _text(edit.old_answer, edit.language) if edit.old_answer else "–",
        _deed("change", stored.number, say) + _deed("drop", stored.number, say),
    ]
    pairs = zip(columns[1:], cells, strict=True)
    row = "".join(
        f'<td role="cell" data-column="{escape(column)}">{cell}</td>'
        for column, cell in pairs
    )
    kind = "changing" if stored.number == desk.changing else ""
    return (
        f'<tr role="row" class="{kind}"><th role="rowheader" scope="row">'
        f"{stored.number}</th>{row}</tr>"
    )


def _own_name(code: str) -> str:
    return language(code).own_name if code in LANGUAGES else code


def _text(text: str, code: str) -> str:
    return text_in(text, code) if code in LANGUAGES else escape(text)


def _deed(deed: str, at: int, say: Interface, words: str = "") -> str:
    name = words or tr(f"memory_{deed}", say)
    told = escape(name if words else f"{name} {at}")
    return (
        f'<button type="button" class="deed" data-deed="{deed}" data-at="{at}" '
        f'aria-label="{told}">{escape(name)}</button>'
    )


def _pages(desk: Desk, say: Interface) -> str:
    if desk.pages == 1:
        return ""
    before = _deed("page", desk.page - 1, say, tr("cases_previous", say))
    after = _deed("page", desk.page + 1, say, tr("cases_next", say))
    words = escape(tr("memory_page", say, n=desk.page, of=desk.pages))
    return f'<p class="memory-pages">{before}<span>{words}</span>{after}</p>'


def _conflicts(desk: Desk, say: Interface) -> str:
    found = desk.conflicts
    if not found:
        return ""
    items = [
        tr(f"conflict_{each.kind}", say, first=each.first.number,
           second=each.second.number, question=each.second.edit.question)
        for each in found[:FEW]
    ]  # fmt: skip
    return _listed(tr("memory_conflicts", say, n=len(found)), items, len(found), say)


def _listed(title: str, items: list[str], count: int, say: Interface) -> str:
    """Return a list of a few words, and how many more there are."""
    rows = "".join(f"<li>{escape(item)}</li>" for item in items)
    if count > len(items):
        rows += f"<li>{escape(tr('memory_more', say, n=count - len(items)))}</li>"
    return (
        '<div class="memory-noted"><p><span aria-hidden="true">△</span> '
        f"{escape(title)}</p><ul>{rows}</ul></div>"
    )


def bad_html(bad: tuple[BadRow, ...], say: Interface) -> str:
    """Return which rows of a file were left out, and why."""
    if not bad:
        return ""
    items = [
        tr("memory_bad_row", say, line=row.line, why=_why(row, say), row=row.content)
        for row in bad[:FEW]
    ]
    return _listed(tr("memory_bad", say, n=len(bad)), items, len(bad), say)


def _why(row: BadRow, say: Interface) -> str:
    """Return the reason and what to do; an edit's own fault is said as it was."""
    if row.reason == "unusable":
        return f"{row.why}. {row.remedy}".strip()
    return tr(f"bad_{row.reason}", say)


def found_html(asked: Asked | None, say: Interface) -> str:
    """Return which edits the memory found for each query, and which were stated."""
    if asked is None or not asked.recalled:
        return ""
    blocks = "".join(
        f'<div class="recall"><p class="question"><span class="tongue">'
        f"{escape(_own_name(query.language))}</span> "
        f"{_text(query.text, query.language)}</p>{_nearest(each, say)}</div>"
        for query, each in zip(asked.queries, asked.recalled, strict=True)
    )
    title = escape(tr("recalled_title", say))
    return f'<section class="recalls"><h3>{title}</h3>{blocks}</section>'


def _nearest(found: Recalled, say: Interface) -> str:
    items = "".join(_one(each, found, say) for each in found.nearest if each.score > 0)
    none = "" if found.passed else _none(say)
    return f'{none}<ol class="nearest">{items}</ol>' if items else none


def _none(say: Interface) -> str:
    return f'<p class="hint">{escape(tr("recalled_none", say))}</p>'


def _one(each: Retrieved, found: Recalled, say: Interface) -> str:
    is_stated = each in found.passed
    reaches = each.score >= found.threshold
    key = "stated" if is_stated else "too_many" if reaches else "below"
    words = tr(
        f"recalled_{key}",
        say,
        score=f"{each.score:.2f}",
        dense=f"{each.dense:.2f}",
        names=f"{each.lexical:.2f}",
    )
    fact = f"{each.edit.question} → {each.edit.answer}"
    mark = "✓" if is_stated else "○"
    return (
        f'<li class="{"passed" if is_stated else ""}"><span aria-hidden="true">{mark}'
        f"</span> {_text(fact, each.edit.language)} <small>{escape(words)}</small></li>"
    )
