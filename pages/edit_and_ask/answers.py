"""The answer area: two large panes for one language, postcards for several.

Answers become plain records in words, which ``templates/answers.html`` shows. Verdicts
are a mark and words, never colour alone.
"""

from dataclasses import dataclass, replace
from functools import partial

from pages.edit_and_ask.answering import is_one_text, plan, verdict
from pages.edit_and_ask.form import FIRST, example
from pages.edit_and_ask.gloss import gloss
from pages.edit_and_ask.models import editor_name
from pages.shell.links import EDITOR
from pages.shell.prefill import understand
from pages.shell.strings import Interface, in_words, tr
from pages.shell.templates import in_both, render
from xkde.asking.recorded import read_recorded
from xkde.asking.session import PANES, AskState, Pane, PaneAnswers
from xkde.editors.registry import entry_of
from xkde.evaluation.scoring.verdict import RIGHT, Kind, Verdict
from xkde.languages import ATLAS_LANGUAGES
from xkde.text import fits_script

MARKS: dict[Kind, str] = {
    **dict.fromkeys(RIGHT, "✓"),
    "old": "○",
    "repeats": "?",
    "unaided": "–",
    "leaked": "✕",
    "changed": "✕",
    "altered": "✕",
}
OPEN: tuple[Kind, ...] = ("repeats", "unaided")  # neither right nor wrong
NAMED: tuple[Kind, ...] = (*RIGHT, "old", "repeats", "leaked")  # they say which
LONG = 40  # characters of an answer that is set smaller
SHORTEST = 0.005  # seconds of an edit that are worth a word


@dataclass(frozen=True)
class Badge:
    """A verdict as it is shown."""

    kind: str  # the style sheet's class
    mark: str
    words: str
    side: str = ""  # "right" or "wrong", where that is known


@dataclass(frozen=True)
class AnswerView:
    """One pane's answer to one query as it is shown."""

    pane: Pane
    text: str
    size: str  # the style sheet's class: "", "long", "arriving", "nothing"
    badge: Badge | None
    meta: str
    recalled: str
    gloss: str  # how it sounds, and the name in the interface's language


def resting_html() -> str:
    """Return the area before anything was asked: the recorded answers, if there are."""
    form, _ = example(FIRST)
    found = read_recorded(form.base, form.edited)
    state = plan(form, understand(form))
    if found is None or found.queries != state.queries:
        return answers_html(None)
    state = replace(state, answers=found.answers)
    return in_both(partial(answers_html, state, recorded=found.day))


def answers_html(
    state: AskState | None, interface: Interface = "en", *, recorded: str = ""
) -> str:
    """Return the whole answer area; where nothing was asked, in both languages.

    ``recorded`` is the day of answers that are not live.
    """
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
        recorded=recorded,
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


def verdict_words(found: Verdict, interface: Interface, pane: Pane = "edited") -> str:
    """Return a verdict in words: what it is, its language, the rule if it is soft."""
    is_of_base = found.kind == "old" and pane == "base"
    words = [tr(f"verdict_{found.kind}{'_base' * is_of_base}", interface)]
    if found.language_ok and found.kind in NAMED:
        words.append(tr("right_language", interface))
    if found.language_ok is False and found.kind != "empty":
        words.append(tr("wrong_language", interface))
    if found.rule in ("contains", "sound", "both_named"):
        words.append(tr(f"rule_{found.rule}", interface))
    return " · ".join(words)


def verdict_badge(found: Verdict, interface: Interface, pane: Pane = "edited") -> Badge:
    """Return a verdict as it is shown; a wrong language is a warning."""
    words = verdict_words(found, interface, pane)
    side = "right" if found.is_right else "" if found.kind in OPEN else "wrong"
    if found.language_ok is False:
        return Badge("warning", "△", words, side)
    return Badge(found.kind, MARKS.get(found.kind, "△"), words, side)


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
        key = "verdict_stopped" if is_there else "verdict_not_begun"
        return Badge("stopped", "□", tr(key, interface))
    if finish is None:
        key = "answering" if is_there else "waiting"
        return Badge("waiting", "…", tr(key, interface))
    found = verdict(state, pane, index)
    if found is None:
        return None
    badge = verdict_badge(found, interface, pane)
    if finish != "length":
        return badge
    return replace(badge, words=f"{badge.words} · {tr('cut_off', interface)}")


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
        sizes += [badge.side] if badge and badge.side else []
        if not text and generation.finish:
            sizes = ["nothing"]
    meta = " · ".join(part for part in (costs, took, state.models[pane]) if part)
    code = state.queries[index].language
    sounds = "" if "arriving" in sizes else gloss(text, code, interface)
    if "\ufffd" in text and "arriving" not in sizes:
        sounds = tr("half_character", interface)
    return AnswerView(pane, text, " ".join(sizes), badge, meta, recalled, sounds)


def _panes(state: AskState) -> list[Pane]:
    return [pane for pane in PANES if pane in state.models]


def counts(state: AskState, pane: Pane) -> tuple[int, int]:
    """Return how many answers are as they should be, of how many languages.

    That is the new answer in the right language, or what should stay as it is; where
    nobody knows which of them, those that repeat the new answer.
    """
    found = verdicts(state, pane)
    return sum(v.is_right or v.kind == "repeats" for v in found), len(state.queries)


def verdicts(state: AskState, pane: Pane) -> list[Verdict]:
    """Return the verdicts of a pane's answers that are finished."""
    every = [verdict(state, pane, index) for index in range(len(state.queries))]
    return [each for each in every if each is not None]


def summary(state: AskState, interface: Interface) -> str:
    """Return the outcome in one sentence, for the status line."""
    if len(state.queries) > 1:
        return _count_words(state, interface)
    words = []
    panes: tuple[Pane, ...] = ("edited", "base")
    for pane in panes:
        found = verdict(state, pane, 0)
        if found:
            outcome = verdict_words(found, interface, pane)
            words.append(f"{pane_name(state, pane, interface)}: {outcome}")
    return tr("sentence_gap", interface).join(words)


def _count_words(state: AskState, interface: Interface) -> str:
    """Return the outcome of several languages, by what is known of the question.

    The same text sent several times is one question, and is not counted as many.
    """
    decided = [each.decided(state.follows, "") for each in state.expected]
    should = {e.is_affected for e in decided if e.golds() or e.is_affected is not None}
    if not should:
        return ""
    name = pane_name(state, "edited", interface)
    (edited, n), (base, _) = counts(state, "edited"), counts(state, "base")
    key = "tally" if True in should else "tally_unrelated"
    if None in should:
        key = "tally_undecided"
    elif any(each.is_base for each in decided):
        key = "tally_unchanged"
    if is_one_text(state):
        key = f"{key}_typed"
    asked_in = tr(f"language_{_language_typed(state)}", interface)
    words = tr(
        key, interface, name=name, edited=edited, base=base, n=n, language=asked_in
    )
    found = verdicts(state, "edited")
    beside = {
        "sound": sum(each.is_right and each.rule == "sound" for each in found),
        "missed": sum(each.kind == "missed" for each in found),
        "leaked": sum(each.kind == "leaked" for each in found),
    }
    parts = [tr(f"tally_{key}", interface, n=k) for key, k in beside.items() if k]
    return tr("sentence_gap", interface).join([words, *parts])


def _language_typed(state: AskState) -> str:
    """Return the language that a text was probably typed in: the edit's, if it fits."""
    text = state.queries[0].text
    likely = (state.edit.language, *ATLAS_LANGUAGES)
    fitting = [code for code in likely if fits_script(text, code) is not False]
    return fitting[0] if fitting else state.edit.language


def _tally(state: AskState, interface: Interface) -> str:
    panes = _panes(state)
    if all(state.answers.get(pane, PaneAnswers()).is_done for pane in panes):
        return summary(state, interface)
    arrived = sum(bool(g.finish) for a in state.answers.values() for g in a.generations)
    return tr("arriving", interface, done=arrived, n=len(panes) * len(state.queries))
