"""The answer area: two large panes for one language, postcards for several.

Answers become plain records in words, which ``templates/answers.html`` shows. Verdicts
are a mark and words, never colour alone.
"""

from dataclasses import dataclass

from pages.edit_and_ask.answering import verdict
from pages.edit_and_ask.models import editor_name
from pages.shell.links import EDITOR
from pages.shell.strings import Interface, in_words, tr
from pages.shell.templates import render
from xkde.asking.session import PANES, AskState, Pane, PaneAnswers
from xkde.editors.registry import entry_of
from xkde.evaluation.scoring.verdict import Verdict

MARKS = {"new": "✓", "old": "○", "both_same": "✓", "neither": "△", "empty": "△"}
LONG = 40  # characters of an answer that is set smaller
SHORTEST = 0.005  # seconds of an edit that are worth a word


@dataclass(frozen=True)
class Badge:
    """A verdict as it is shown."""

    kind: str  # the style sheet's class
    mark: str
    words: str


@dataclass(frozen=True)
class AnswerView:
    """One pane's answer to one query as it is shown."""

    pane: Pane
    text: str
    size: str  # the style sheet's class: "", "long", "arriving", "nothing"
    badge: Badge | None
    meta: str
    recalled: str


def status_html(words: str, kind: str = "") -> str:
    """Return the status line."""
    return render("edit_and_ask/status.html", words=words, kind=kind)


def answers_html(state: AskState | None, interface: Interface = "en") -> str:
    """Return the whole answer area; where nothing was asked, in both languages."""
    if state is None:
        return render("edit_and_ask/answers.html", queries=[])
    panes = _panes(state)
    names = {
        form: {pane: pane_name(state, pane, interface, form) for pane in panes}
        for form in ("", "_note", "_short")
    }
    return render(
        "edit_and_ask/answers.html",
        interface,
        queries=[
            (query, [_view(state, pane, index, interface) for pane in panes])
            for index, query in enumerate(state.queries)
        ],
        names=names[""],
        notes=names["_note"],
        short_names=names["_short"],
        tally=_tally(state, interface) if len(state.queries) > 1 else "",
    )


def pane_name(state: AskState, pane: Pane, interface: Interface, form: str = "") -> str:
    """Return what a pane is called; ``form`` is "", "_note" or "_short"."""
    if form == "_note" and state.recalled and pane != "base":
        return tr("pane_note_memory", interface)
    if pane != "edited" or state.editor == EDITOR:
        return tr(f"pane_{pane}{form}", interface)
    if form == "_note":
        return tr(f"pane_note_{entry_of(state.editor).kind}", interface)
    return editor_name(state.editor, interface)


def recalled_words(state: AskState, index: int, interface: Interface) -> str:
    """Return what the memory gave for a query; empty where none is used."""
    if not state.recalled:
        return ""
    stated = state.recalled[index].stated
    facts = [f"{edit.question} → {edit.answer}" for edit in stated]
    joined = tr("recalled_gap", interface).join(facts)
    key = "recalled_one" if stated else "recalled_none"
    return tr(key, interface, facts=joined)


def verdict_words(
    found: Verdict, interface: Interface, *, is_affected: bool = True
) -> str:
    """Return a verdict in words: what it is, its language, the rule if it is soft."""
    unaffected = {"new": "both_same", "neither": "changed"}
    key = found.kind if is_affected else unaffected.get(found.kind, found.kind)
    words = [tr(f"verdict_{key}", interface)]
    names_one = found.kind not in ("neither", "empty")
    if found.language_ok and names_one:
        words.append(tr("right_language", interface))
    if found.language_ok is False and found.kind != "empty":
        words.append(tr("wrong_language", interface))
    if found.rule in ("contains", "both_named"):
        words.append(tr(f"rule_{found.rule}", interface))
    return " · ".join(words)


def verdict_badge(
    found: Verdict, interface: Interface, *, is_affected: bool = True
) -> Badge:
    """Return a verdict as it is shown; a wrong language is a warning."""
    words = verdict_words(found, interface, is_affected=is_affected)
    if found.language_ok is False:
        return Badge("warning", "△", words)
    return Badge(found.kind, MARKS[found.kind], words)


def _badge(
    state: AskState, pane: Pane, index: int, interface: Interface
) -> Badge | None:
    answers = state.answers.get(pane, PaneAnswers())
    if answers.failure:
        reason = in_words(answers.failure, interface)
        return Badge("warning", "△", tr("broke_off", interface) + " " + reason)
    is_there = index < len(answers.generations)
    finish = answers.generations[index].finish if is_there else None
    if finish == "cancelled" or (not is_there and state.is_stopped):
        return Badge("stopped", "□", tr("verdict_stopped", interface))
    if finish is None:
        key = "answering" if is_there else "waiting"
        return Badge("waiting", "…", tr(key, interface))
    found = verdict(state, pane, index)
    if found is None:
        return None
    is_affected = state.expected[index].is_affected
    badge = verdict_badge(found, interface, is_affected=is_affected)
    if finish != "length":
        return badge
    return Badge(badge.kind, badge.mark, f"{badge.words} · {tr('cut_off', interface)}")


def _view(state: AskState, pane: Pane, index: int, interface: Interface) -> AnswerView:
    answers = state.answers.get(pane, PaneAnswers())
    recalled = "" if pane == "base" else recalled_words(state, index, interface)
    badge = _badge(state, pane, index, interface)
    took = ""
    if pane == "edited" and state.seconds >= SHORTEST:
        took = tr("edit_took", interface, seconds=f"{state.seconds:.2f}")
    costs, text = "", ""
    sizes = [] if state.is_stopped else ["arriving"]
    if index < len(answers.generations):
        generation = answers.generations[index]
        text, seconds = generation.text, f"{generation.seconds:.2f}"
        count = len(generation.token_ids)
        costs = tr("meta", interface, seconds=seconds, tokens=count)
        is_arriving = generation.finish is None and not answers.failure
        sizes = ["long"] * (len(text) > LONG) + ["arriving"] * is_arriving
        if not text and generation.finish:
            sizes = ["nothing"]
    meta = " · ".join(part for part in (costs, took, state.models[pane]) if part)
    return AnswerView(pane, text, " ".join(sizes), badge, meta, recalled)


def _panes(state: AskState) -> list[Pane]:
    return [pane for pane in PANES if pane in state.models]


def counts(state: AskState, pane: Pane) -> tuple[int, int]:
    """Return how many answers are as an edit should have it, of how many languages.

    That is the new answer in the right language, or the unchanged truth.
    """
    found = [verdict(state, pane, index) for index in range(len(state.queries))]
    right = [
        v
        for v in found
        if v and v.kind in ("new", "both_same") and v.language_ok is not False
    ]
    return len(right), len(state.queries)


def summary(state: AskState, interface: Interface) -> str:
    """Return the outcome in one sentence, for the status line."""
    is_affected = all(each.is_affected for each in state.expected)
    edited_name = pane_name(state, "edited", interface)
    if len(state.queries) > 1:
        (edited, n), (base, _) = counts(state, "edited"), counts(state, "base")
        key = "tally" if is_affected else "tally_unrelated"
        return tr(key, interface, name=edited_name, edited=edited, base=base, n=n)
    words = []
    panes: tuple[Pane, ...] = ("edited", "base")
    for pane in panes:
        found = verdict(state, pane, 0)
        if found:
            outcome = verdict_words(found, interface, is_affected=is_affected)
            words.append(f"{pane_name(state, pane, interface)}: {outcome}")
    return tr("sentence_gap", interface).join(words)


def _tally(state: AskState, interface: Interface) -> str:
    panes = _panes(state)
    if all(state.answers.get(pane, PaneAnswers()).is_done for pane in panes):
        return summary(state, interface)
    arrived = sum(bool(g.finish) for a in state.answers.values() for g in a.generations)
    return tr("arriving", interface, done=arrived, n=len(panes) * len(state.queries))
