"""Answers of a run as HTML: a page of a list, and one of them with all that is known.

Nothing is distinguished by colour alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pages.benchmarks.shared import (
    language_name,
    probe_name,
    protocol_name,
)
from pages.shell.links import Form, write_link
from pages.shell.pool import BASE, EDITED
from pages.shell.strings import Interface, in_words, tr, words_for
from pages.shell.templates import render
from xkde.checkpoints import CATALOGUE
from xkde.evaluation.analysis.of_runs import found_of
from xkde.evaluation.results.rows import HERE, RIGHT
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.text import normalise, same
from xkde.types import PROBES, QUESTION_TYPES

AnswerRow = Mapping[str, Any]  # a row of results with its ``rule``
SHORT = 120  # characters of a text in the list
LONG = 40  # characters from which on an answer is set smaller
# What ends a question within “question answer”, which is how rows hold an edit
QUESTION = re.compile(r"^(.*[?？؟])\s+(\S.*)$", re.DOTALL)
SHARES = ("f1", "token_accuracy", "unchanged", "unchanged_from_base")
SCORED = (
    "exact", "alias", "lenient", "f1", "contains", "judged", "token_accuracy",
    "unchanged", "unchanged_from_base", "in_target", "in_source", "copied",
)  # fmt: skip
PROMPTED = ("x-kde", "prompt")  # editors that Edit & Ask's third pane shows


def mark(row: AnswerRow) -> tuple[str, str]:
    """Return a sign and the class of an answer: right, in part, wrong, not measured."""
    if row["rule"] in RIGHT:
        return "✓", "new"
    if row["rule"] == "unmeasured":
        return "–", "waiting"
    return ("✕", "warning") if row["rule"] in ("none", "no_token") else ("△", "warning")


def rule_of(row: AnswerRow) -> str:
    """Return the rule that decided; "old" for a wrong answer that keeps the old fact.

    Of locality that says nothing: there the base's answer is what should stay.
    """
    if row["rule"] in ("none", "part") and row["probe"] != "locality":
        before = row["base_answer"] or ""
        is_as_before = bool(normalise(before)) and same(row["answer"], before)
        if is_as_before or row.get("kind") == "old_fact":
            return "old"
    return str(row["rule"])


def _shortened(text: str) -> str:
    return text if len(text) <= SHORT else text[:SHORT] + "…"


def list_html(rows: Sequence[AnswerRow], first: int, interface: Interface) -> str:
    """Return a page of answers; ``first`` is the place of its first, from 0."""
    return render(
        "benchmarks/cases/list.html",
        interface,
        rows=rows,
        first=first,
        mark=mark,
        known=LANGUAGES,
        shortened=_shortened,
        probe_name=lambda probe: probe_name(probe, interface),
    )


def parted(edit: str, gold: str = "") -> tuple[str, str]:
    """Return an edit's question and answer; the answer is empty where nothing tells."""
    if gold and edit.endswith(" " + gold):
        return edit.removesuffix(gold).strip(), gold
    match = QUESTION.match(edit)
    return (match[1], match[2]) if match else (edit, "")


def ask_link(row: AnswerRow) -> str:
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
        follows="no" if row["probe"] == "locality" else "yes",
    )
    return write_link(form) + "&tab=edit"


def is_askable(row: AnswerRow) -> bool:
    """Tell whether Edit & Ask has both languages and the probe."""
    codes = {row["source"], row["target"]}
    return codes <= set(ATLAS_LANGUAGES) and row["probe"] in PROBES


@dataclass(frozen=True)
class AnswerPane:
    """One answer under a title; without a verdict where only its text is known."""

    kind: str  # "base" or "edited"
    title: str
    answer: str | None  # None: there is none, and ``words`` say why
    words: str = ""
    sign: str = ""
    look: str = ""

    @property
    def is_long(self) -> bool:
        """Whether the answer is set smaller."""
        return self.answer is not None and len(self.answer) > LONG


def case_html(
    row: AnswerRow,
    beside: AnswerRow | None,
    twin: AnswerRow | None,
    at: int,
    total: int,
    names: tuple[str, str],
    interface: Interface,
) -> str:
    """Return one answer with the other run's, its scores, and what it rests on.

    ``twin``: the same question in the other protocol; ``names``: of both runs.
    """
    probe, protocol = row["probe"], row["protocol"]
    about = (row["case"], probe_name(probe, interface), row["relation"],
             protocol_name(protocol, interface))  # fmt: skip
    return render(
        "benchmarks/cases/case.html",
        interface,
        row=row,
        at=f"{at + 1:,}",
        total=f"{total:,}",
        about=" · ".join(filter(None, about)),
        edit=parted(row["edit"]),
        languages={code: language_name(code, interface)
                   for code in (row["source"], row["target"])},
        known=LANGUAGES,
        panes=[
            _other_pane(beside, names[1], row, interface),
            _pane(row, names[0], "edited", interface),
        ],
        link=ask_link(row) if is_askable(row) else "",
        has_beside=bool(beside),
        kind=row["kind"] or "",
        evidence=_evidence(row, interface),
        scores=_scores(row, beside, twin, interface),
        defects=[words_for("defect_", kind, interface)
                 for kind in row["defects"].split(",") if kind],
        basis=_basis(row, interface),
    )  # fmt: skip


def _evidence(row: AnswerRow, interface: Interface) -> str:
    """Return what shows the kind of an answer, in words."""
    if not row["kind"] or not row["evidence"]:
        return ""
    return in_words(found_of(row["kind"], row["evidence"]).evidence, interface)


def _other_pane(
    beside: AnswerRow | None, name: str, row: AnswerRow, interface: Interface
) -> AnswerPane:
    """Return the other run's answer, else what the row itself says of its base."""
    if beside is None and row["base_answer"] is not None:
        title = tr("cases_base", interface, name=row["base"])
        return AnswerPane("base", title, row["base_answer"])
    return _pane(beside, name, "base", interface)


def _pane(
    shown: AnswerRow | None, name: str, kind: str, interface: Interface
) -> AnswerPane:
    title = name or tr("cases_nobody", interface)
    if shown is None or shown["answer"] is None:
        key = "cases_no_beside" if shown is None else "cases_unasked"
        return AnswerPane(kind, title, None, tr(key, interface))
    words = rule_words(shown, interface)
    return AnswerPane(kind, title, shown["answer"], words, *mark(shown))


def rule_words(row: AnswerRow, interface: Interface) -> str:
    """Return the rule that decided, in a sentence."""
    words = tr(f"rule_why_{rule_of(row)}", interface)
    if row["rule"] == "some_tokens":
        words += f" ({100 * row['token_accuracy']:.0f} %)"
    return words


def value_words(row: AnswerRow | None, name: str, interface: Interface) -> str:
    """Return one score in words: yes, no, a number, or that it cannot be known."""
    value = None if row is None else row[name]
    if value is None:
        # By letters alone a language often cannot be known.
        is_language = name in ("in_target", "in_source")
        return tr("cases_untold", interface) if is_language else "–"
    if name in SHARES:
        return f"{value:.3f}"
    return tr("cases_yes" if value else "cases_no", interface)


def _scores(
    row: AnswerRow,
    beside: AnswerRow | None,
    twin: AnswerRow | None,
    interface: Interface,
) -> list[tuple[str, list[str]]]:
    """Return (measure, values) of both runs.

    The scores of both protocols stand in one table: what one lacks the other has.
    """
    sides = [row, *([beside] if beside else [])]
    scores = []
    for name in SCORED:
        words = [value_words(side, name, interface) for side in sides]
        of_twin = twin is not None and twin[name] is not None
        if row[name] is None and twin is not None and of_twin:
            protocol = protocol_name(twin["protocol"], interface)
            words[0] = f"{value_words(twin, name, interface)} ({protocol})"
        if of_twin or any(side[name] is not None for side in sides):
            scores.append((tr(f"measure_{name}", interface), words))
    return scores


def _basis(row: AnswerRow, interface: Interface) -> str:
    is_here = row["provenance"] == HERE
    names = ("run", "checkpoint", "revision", "wrapper", "engine", "editor", "date")
    return tr(
        "cases_basis",
        interface,
        **{name: row[name] for name in names},
        provenance=tr("measured_here", interface) if is_here else row["provenance"],
    )
