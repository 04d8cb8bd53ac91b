"""Answers of a run as HTML: a page of a list, and one of them with all that is known.

Pure: what a file says is escaped, and nothing is told by colour alone.

Run its tests: ``python -m pytest tests/pages/benchmarks/cases/test_page.py``
"""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pages.benchmarks.measured.html import language_name, probe_name
from pages.benchmarks.measured.sources import protocol_words
from pages.shell.links import Form, write_link
from pages.shell.pool import BASE, EDITED
from pages.shell.strings import Interface, tr
from xkde.checkpoints import CATALOGUE
from xkde.evaluation.results.case_view import RIGHT
from xkde.evaluation.results.rows import HERE
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.types import PROBES, QUESTION_TYPES

Row = Mapping[str, Any]
SHORT = 120  # characters of a text in the list
LONG = 40  # characters from which on an answer is set smaller
# What ends a question within “question answer”, which is how rows tell an edit
QUESTION = re.compile(r"^(.*[?？؟])\s+(\S.*)$", re.DOTALL)
SHARES = ("f1", "token_accuracy", "unchanged", "unchanged_from_base")
SCORES = (
    "exact", "alias", "lenient", "f1", "contains", "judged", "token_accuracy",
    "unchanged", "unchanged_from_base", "in_target", "in_source", "copied",
)  # fmt: skip
PROMPTED = ("x-kde", "prompt")  # editors that Edit & Ask's third pane shows


def lang(code: str) -> str:
    """Return a language as attributes, where it is one."""
    return f' lang="{code}" dir="auto"' if code in LANGUAGES else ' dir="auto"'


def _short(text: str | None) -> str:
    told = text or ""
    return told if len(told) <= SHORT else told[:SHORT] + "…"


def mark(row: Row) -> tuple[str, str]:
    """Return a sign and the class of an answer: right, in part, wrong, not measured."""
    if row["rule"] in RIGHT:
        return "✓", "new"
    if row["rule"] == "unmeasured":
        return "–", "waiting"
    return ("✕", "warning") if row["rule"] in ("none", "no_token") else ("△", "warning")


def list_html(rows: Sequence[Row], first: int, say: Interface) -> str:
    """Return a page of answers; ``first`` is the place of its first, from 0."""
    items = "".join(_item(row, first + at, say) for at, row in enumerate(rows))
    return f'<ol class="pairs cases" start="{first + 1}">{items}</ol>'


def _item(row: Row, at: int, say: Interface) -> str:
    sign, kind = mark(row)
    told = tr(f"rule_of_{row['rule']}", say)
    about = f"{row['source']}→{row['target']} · {probe_name(row['probe'], say)}"
    target = lang(row["target"])
    answer = row["answer"] if row["answer"] is not None else tr("not_measured", say)
    return (
        f'<li><button type="button" data-at="{at}"><span class="top">'
        f"<span>{escape(about)}</span>"
        f'<span class="rule {kind}"><span aria-hidden="true">{sign}</span> '
        f'{escape(told)}</span></span><span class="query"{target}>'
        f'{escape(_short(row["query"]))}</span><span class="both">'
        f"<b{target}>{escape(_short(answer))}</b> "
        f"<small>{escape(tr('cases_gold_short', say))}</small> "
        f'<span class="less"{target}>{escape(_short(row["gold"]))}</span></span>'
        "</button></li>"
    )


def parted(edit: str, gold: str = "") -> tuple[str, str]:
    """Return an edit's question and answer; the answer is empty where nothing tells."""
    if gold and edit.endswith(" " + gold):
        return edit.removesuffix(gold).strip(), gold
    match = QUESTION.match(edit)
    return (match[1], match[2]) if match else (edit, "")


def ask_link(row: Row) -> str:
    """Return the address that opens Edit & Ask with this case filled in."""
    is_own = row["probe"] in PROBES[:2] and row["source"] == row["target"]
    question, answer = parted(row["edit"], row["gold"] if is_own else "")
    checkpoint = row["checkpoint"]
    is_base = checkpoint in CATALOGUE and CATALOGUE[checkpoint].stage == "base"
    known = checkpoint in CATALOGUE and not is_base
    form = Form(
        language=row["source"],
        question=question,
        answer=answer,
        languages=(row["target"],),
        kind=QUESTION_TYPES[PROBES.index(row["probe"])],
        query=row["query"],
        prompted=is_base and row["editor"] in PROMPTED,
        base=CATALOGUE[checkpoint].base if known else BASE,
        edited=checkpoint if known else EDITED,
    )
    return write_link(form) + "&tab=edit"


def is_askable(row: Row) -> bool:
    """Tell whether Edit & Ask has both languages and the probe."""
    codes = {row["source"], row["target"]}
    return codes <= set(ATLAS_LANGUAGES) and row["probe"] in PROBES


def case_html(
    row: Row,
    beside: Row | None,
    twin: Row | None,
    at: int,
    total: int,
    names: tuple[str, str],
    say: Interface,
) -> str:
    """Return one answer with the other run's, its scores, and what it rests on.

    ``twin``: the same question in the other protocol; ``names``: of both runs.
    """
    question, answer = parted(row["edit"])
    place = escape(tr("cases_place", say, at=f"{at + 1:,}", n=f"{total:,}"))
    about = " · ".join(
        part for part in (
            row["case"], probe_name(row["probe"], say), row["relation"],
            protocol_words(row["protocol"], say),
        ) if part
    )  # fmt: skip
    target = lang(row["target"])
    gold = escape(tr("cases_gold", say))
    return (
        f'<h2 class="place"><b>{place}</b> <span>{escape(about)}</span></h2>'
        f'<p class="stated"><span>{escape(tr("cases_edit", say))} '
        f"({escape(language_name(row['source'], say))})</span> "
        f"<q{lang(row['source'])}>{escape(question)} <b>{escape(answer)}</b></q></p>"
        f'<p class="asked"{target}>{escape(row["query"])}</p>'
        f'<p class="gold"><span>{gold} ({escape(language_name(row["target"], say))})'
        f"</span> <b{target}>{escape(row['gold'])}</b></p>"
        f'<div class="panes">{_other_pane(beside, names[1], row, say)}'
        f"{_pane(row, names[0], 'edited', row, say)}</div>"
        f"{_before(row, say)}{_link(row, say)}{_facts(row, beside, twin, say)}"
        f"{_basis(row, say)}"
    )


def _other_pane(beside: Row | None, name: str, row: Row, say: Interface) -> str:
    """Return the other run's answer, else what the row itself says of its base."""
    if beside is None and row["base_answer"] is not None:
        words = tr("cases_base", say, name=row["base"])
        return (
            f'<article class="pane base"><h3>{escape(words)}</h3>'
            f'<p class="answer{_size(row["base_answer"])}"{lang(row["target"])}>'
            f"{escape(row['base_answer'])}</p></article>"
        )
    return _pane(beside, name, "base", row, say)


def _size(answer: str) -> str:
    return " long" if len(answer) > LONG else ""


def _pane(shown: Row | None, name: str, kind: str, row: Row, say: Interface) -> str:
    title = escape(name or tr("cases_nobody", say))
    if shown is None or shown["answer"] is None:
        words = tr("cases_no_beside" if shown is None else "cases_unasked", say)
        return (
            f'<article class="pane {kind}"><h3>{title}</h3>'
            f'<p class="answer nothing">{escape(words)}</p></article>'
        )
    sign, look = mark(shown)
    size = _size(shown["answer"])
    said = escape(shown["answer"]) or f"<i>{escape(tr('said_nothing', say))}</i>"
    return (
        f'<article class="pane {kind}"><h3>{title}</h3>'
        f'<p class="answer{size}"{lang(row["target"])}>{said}</p>'
        f'<p class="verdict {look}"><span aria-hidden="true">{sign}</span>'
        f"<span>{escape(rule_words(shown, say))}</span></p></article>"
    )


def rule_words(row: Row, say: Interface) -> str:
    """Return the rule that decided, in a sentence."""
    words = tr(f"rule_why_{row['rule']}", say)
    if row["rule"] == "some_tokens":
        words += f" ({100 * row['token_accuracy']:.0f} %)"
    return words


def _before(row: Row, say: Interface) -> str:
    if row["before"] is None:
        return ""
    return (
        f'<p class="stated"><span>{escape(tr("cases_before", say))}</span> '
        f"<q{lang(row['target'])}>{escape(row['before'])}</q></p>"
    )


def _link(row: Row, say: Interface) -> str:
    if not is_askable(row):
        return ""
    words = escape(tr("cases_open", say))
    return (
        f'<p class="opens"><a href="{escape(ask_link(row))}" target="_self">{words} '
        '<span aria-hidden="true">→</span></a></p>'
    )


def value_words(row: Row | None, name: str, say: Interface) -> str:
    """Return one score in words: yes, no, a number, or that it cannot be told."""
    value = None if row is None else row[name]
    if value is None:
        told = name in ("in_target", "in_source")  # by letters alone, often nothing is
        return tr("cases_untold", say) if told else "–"
    if name in SHARES:
        return f"{value:.3f}"
    return tr("cases_yes" if value else "cases_no", say)


def _facts(row: Row, beside: Row | None, twin: Row | None, say: Interface) -> str:
    sides = [row, *([beside] if beside else [])]
    # The scores of both protocols stand in one table: what one lacks the other has.
    other = {name: twin[name] for name in SCORES} if twin else {}
    lines = []
    for name in SCORES:
        told = [value_words(side, name, say) for side in sides]
        if row[name] is None and other.get(name) is not None:
            words = value_words(other, name, say)
            protocol = protocol_words(twin["protocol"], say) if twin else ""
            told[0] = f"{words} ({protocol})"
        if any(side[name] is not None for side in sides) or other.get(name) is not None:
            cells = "".join(f"<td>{escape(value)}</td>" for value in told)
            measure = escape(tr(f"measure_{name}", say))
            lines.append(f'<tr><th scope="row">{measure}</th>{cells}</tr>')
    titles = ["cases_this", *(["cases_other"] if beside else [])]
    head = "".join(f'<th scope="col">{escape(tr(t, say))}</th>' for t in titles)
    caption = escape(tr("cases_scores", say))
    return (
        f'<table class="facts"><caption>{caption}</caption><thead><tr><td></td>{head}'
        f"</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _basis(row: Row, say: Interface) -> str:
    defects = [tr(f"defect_{kind}", say) for kind in row["defects"].split(",") if kind]
    doubts = ""
    if defects:
        items = "".join(
            f'<li><span aria-hidden="true">△</span> {escape(words)}</li>'
            for words in defects
        )
        doubts = f'<ul class="flags">{items}</ul>'
    provenance = row["provenance"]
    if provenance == HERE:
        provenance = tr("measured_here", say)
    told = tr(
        "cases_basis", say, run=row["run"], checkpoint=row["checkpoint"],
        revision=row["revision"], wrapper=row["wrapper"], engine=row["engine"],
        editor=row["editor"], date=row["date"], provenance=provenance,
    )  # fmt: skip
    prompt = ""
    if row["prompt"]:
        prompt = (
            f"<details><summary>{escape(tr('cases_prompt', say))}</summary>"
            f'<pre class="prompt" tabindex="0">{escape(row["prompt"])}</pre></details>'
        )
    return f'{doubts}{prompt}<p class="meta">{escape(told)}</p>'
