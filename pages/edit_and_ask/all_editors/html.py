"""The table of all editors on one edit, as HTML: a row each, a column per language.

Pure: everything that a person or a model wrote is escaped here. On a phone every row
becomes a card, whose cells name their column themselves.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/all_editors/test_page.py``
"""

from dataclasses import dataclass, replace
from html import escape

from pages.edit_and_ask.answering import expectation
from pages.edit_and_ask.answers import MARKS, text_in, verdict_words
from pages.shell.errors import in_words
from pages.shell.strings import Interface, tr
from xkde.asking.all_editors.tasks import ENDED, Task, Tried
from xkde.editors.registry import entry_of
from xkde.evaluation.scoring.verdict import judge
from xkde.languages import language as language_of
from xkde.types import Edit, Generation, Query

PHASE_MARKS = {"unmet": "○", "failed": "△", "stopped": "□"}
LONG = 30  # characters of an answer that may take more than its lines
TRAIN = "python -m xkde train-editor {editor} --settings atlas-{editor}-laptop"


@dataclass(frozen=True)
class Compared:
    """What was asked of all editors, and how far each is."""

    task: Task
    rows: tuple[Tried, ...]

    def told(self, row: Tried) -> "Compared":
        """Return it with one row as it is now."""
        rows = [row if row.editor == each.editor else each for each in self.rows]
        return replace(self, rows=tuple(rows))

    def stopped(self) -> "Compared":
        """Return it with all that has not ended as stopped."""
        return replace(
            self,
            rows=tuple(
                row if row.phase in ENDED else replace(row, phase="stopped")
                for row in self.rows
            ),
        )

    @property
    def ended(self) -> int:
        """How many editors have ended."""
        return sum(row.phase in ENDED for row in self.rows)


def words_of(compared: Compared, say: Interface) -> str:
    """Return how far all is, in one sentence, for the status line."""
    n, of = compared.ended, len(compared.rows)
    for row in compared.rows:
        label = _name(row.editor, say)
        if row.phase == "reading":
            done, total = row.read
            share = f"{100 * done / max(1, total):.0f}"
            return tr("editors_reading", say, model=row.model, share=share, n=n, of=of)
        if row.phase == "running":
            return tr("editors_running", say, editor=label, n=n, of=of)
    return tr("editors_begin", say, n=n, of=of)


def outcome(compared: Compared, say: Interface) -> str:
    """Return what came of it in one sentence."""
    done = [row for row in compared.rows if row.phase == "done"]
    if not all(row.is_reverted for row in compared.rows):
        return tr("editors_not_reverted", say)
    if any(row.phase == "stopped" for row in compared.rows):
        return tr("editors_stopped", say, n=len(done), of=len(compared.rows))
    return tr("editors_done", say, n=len(done), of=len(compared.rows))


def table_html(compared: Compared, say: Interface) -> str:
    """Return the table, and what must stay as it is."""
    task = compared.task
    names = [language_of(query.language).own_name for query in task.queries]
    numbers = [tr(f"editors_{key}", say) for key in ("seconds", "memory", "else")]
    columns = [tr("editors_editor", say), *names, *numbers]
    head = "".join(
        f'<th role="columnheader" scope="col">{escape(column)}</th>'
        for column in columns
    )
    body = "".join(_row(row, task, columns, say) for row in compared.rows)
    caption = tr(
        "editors_caption",
        say,
        question=task.edit.question,
        answer=task.edit.answer,
        n=len(task.neighbours),
    )
    title = escape(tr("editors_title", say))
    return (
        f'<div class="tried scrolled" tabindex="0" role="region" aria-label="{title}">'
        f'<table role="table" class="numbers editors-table"><caption>{escape(caption)}'
        f'</caption><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table></div>{_asked(task, say)}'
    )


def _name(editor: str, say: Interface) -> str:
    """Return an editor's name; methods keep theirs in every language."""
    if editor in ("none", "prompt"):
        return tr(f"editor_name_{editor}", say)
    return entry_of(editor).label


def _asked(task: Task, say: Interface) -> str:
    """Return the questions that must stay as they are, folded away."""
    items = "".join(
        f"<li>{text_in(query.text, query.language)}</li>" for query in task.neighbours
    )
    words = escape(tr("editors_neighbours", say, n=len(task.neighbours)))
    return (
        f'<details class="small"><summary>{words}</summary><ul>{items}</ul></details>'
    )


def _row(row: Tried, task: Task, columns: list[str], say: Interface) -> str:
    kind = tr(f"editor_kind_{entry_of(row.editor).kind}", say)
    beneath = row.model if row.editor == "none" else f"{kind} · {row.model}"
    head = (
        f'<th role="rowheader" scope="row"><b>{escape(_name(row.editor, say))}</b>'
        f"<small>{escape(beneath)}</small></th>"
    )
    if row.phase != "done":
        mark = PHASE_MARKS.get(row.phase, "…")
        words = f'<span aria-hidden="true">{mark}</span> {escape(_why(row, say))}'
        cells = (
            f'<td role="cell" class="told {row.phase}" colspan="{len(columns) - 1}">'
            f"{words}</td>"
        )
        return f'<tr role="row" class="{row.phase}">{head}{cells}</tr>'
    pairs = zip(columns[1:], [*_answers(row, task, say), *_numbers(row, say)],
                strict=True)  # fmt: skip
    cells = "".join(
        f'<td role="cell" data-column="{escape(column)}">{cell}</td>'
        for column, cell in pairs
    )
    broken = "" if row.is_reverted else _not_reverted(say)
    return f'<tr role="row" class="done">{head}{cells}</tr>{broken}'


def _not_reverted(say: Interface) -> str:
    words = escape(tr("editors_not_reverted", say))
    return (
        '<tr role="row"><td role="cell" colspan="99" class="told failed">'
        f'<span aria-hidden="true">△</span> {words}</td></tr>'
    )


def _why(row: Tried, say: Interface) -> str:
    """Return in words why a row has no answers (yet)."""
    if row.phase == "unmet" and row.unmet == "trained part":
        return tr("editors_no_part", say, command=TRAIN.format(editor=row.editor))
    if row.phase == "unmet":
        return tr("editors_no_subject", say)
    if row.phase == "failed":
        broken = "" if row.is_reverted else " " + tr("editors_not_reverted", say)
        return in_words(row.words, say) + broken
    return tr(f"editors_phase_{row.phase}", say)


def _answers(row: Tried, task: Task, say: Interface) -> list[str]:
    return [
        _answer(task.edit, query, answer, say)
        for query, answer in zip(task.queries, row.answers, strict=True)
    ]


def _answer(edit: Edit, query: Query, answer: Generation, say: Interface) -> str:
    """Return one answer with its verdict: a mark, words, and the answer itself."""
    plain = replace(edit, subject="")  # as the panes above ask, so that it is kept once
    golds = expectation(plain, query)
    found = judge(
        answer.text,
        golds.new,
        golds.old,
        query.language,
        golds.new_names,
        golds.old_names,
    )
    is_amiss = found.language_ok is False
    kind = "warning" if is_amiss else found.kind
    mark = "△" if is_amiss else MARKS[found.kind]
    words = verdict_words(found, say, is_affected=golds.is_affected)
    said = text_in(answer.text, query.language, "span", "said") if answer.text else ""
    if len(answer.text) > LONG:  # it scrolls, so that the keyboard must reach it
        said = said.replace("<span ", '<span tabindex="0" ', 1)
    return (
        f'{said}<small class="verdict {kind}"><span class="mark" aria-hidden="true">'
        f"{mark}</span><span>{escape(words)}</span></small>"
    )


def _numbers(row: Tried, say: Interface) -> list[str]:
    stays = entry_of(row.editor).kind == "prompt"
    seconds = "–" if stays else f"{row.seconds:.2f} s"
    memory = "–" if stays else f"{row.peak_bytes / 2**20:.0f} MiB"
    changed = tr("editors_changed", say, n=row.changed, of=row.asked)
    return [seconds, memory, escape(changed)]
