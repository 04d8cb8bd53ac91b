"""Answers as HTML: two large panes for one language, postcards for several.

Pure: everything that a person or a model wrote is escaped here. Verdicts are a mark and
words, never colour alone.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/test_page.py``
"""

from html import escape

from pages.edit_and_ask.answering import expectation, verdict
from pages.edit_and_ask.panes import pane_name, recalled_words
from pages.shell.errors import in_words
from pages.shell.strings import Interface, tr
from xkde.asking.session import PANES, Asked, Pane, PaneAnswers
from xkde.evaluation.scoring.verdict import Verdict
from xkde.languages import language as language_of
from xkde.types import Query

MARKS = {"new": "✓", "old": "○", "both_same": "✓", "neither": "△", "empty": "△"}


def text_in(text: str, code: str, tag: str = "span", kind: str = "") -> str:
    """Return escaped text with its language and direction."""
    direction = language_of(code).direction
    return (
        f'<{tag} class="{kind}" lang="{code}" dir="{direction}">{escape(text)}</{tag}>'
    )


def verdict_words(found: Verdict, say: Interface, *, is_affected: bool = True) -> str:
    """Return a verdict in words: what it is, its language, the rule if it is soft."""
    key = found.kind
    if not is_affected:
        key = {"new": "both_same", "neither": "changed"}.get(key, key)  # type: ignore[assignment]
    words = [tr(f"verdict_{key}", say)]
    if found.language_ok is not None and found.kind not in ("neither", "empty"):
        words.append(
            tr("right_language" if found.language_ok else "wrong_language", say)
        )
    if found.kind == "neither" and found.language_ok is False:
        words.append(tr("wrong_language", say))
    if found.rule in ("contains", "both_named"):
        words.append(tr(f"rule_{found.rule}", say))
    return " · ".join(words)


def verdict_html(asked: Asked, pane: Pane, index: int, say: Interface) -> str:
    """Return the badge under an answer; empty while the answer grows."""
    answers = asked.answers.get(pane, PaneAnswers())
    if answers.failure:
        why = in_words(answers.failure, say)
        return _badge("warning", "△", tr("broke_off", say) + " " + why)
    if index >= len(answers.generations):
        if asked.is_stopped:
            return _badge("stopped", "□", tr("verdict_stopped", say))
        return _badge("waiting", "…", tr("waiting", say))
    finish = answers.generations[index].finish
    if finish is None:
        return _badge("waiting", "…", tr("answering", say))
    if finish == "cancelled":
        return _badge("stopped", "□", tr("verdict_stopped", say))
    found = verdict(asked, pane, index)
    if found is None:
        return ""
    affected = expectation(asked.edit_of(index), asked.queries[index]).is_affected
    kind = found.kind if found.language_ok is not False else "warning"
    mark = MARKS[found.kind] if found.language_ok is not False else "△"
    words = verdict_words(found, say, is_affected=affected)
    if finish == "length":
        words += " · " + tr("cut_off", say)
    return _badge(kind, mark, words)


def _badge(kind: str, mark: str, words: str) -> str:
    return (
        f'<p class="verdict {kind}"><span class="mark" aria-hidden="true">{mark}</span>'
        f"<span>{escape(words)}</span></p>"
    )


def _answer(asked: Asked, pane: Pane, index: int, say: Interface) -> str:
    answers = asked.answers.get(pane, PaneAnswers())
    if index >= len(answers.generations):
        return f'<p class="answer{"" if asked.is_stopped else " arriving"}"></p>'
    generation = answers.generations[index]
    arriving = " arriving" if generation.finish is None and not answers.failure else ""
    code = asked.queries[index].language
    size = " long" if len(generation.text) > 40 else ""
    if not generation.text and generation.finish:
        return f'<p class="answer nothing">{escape(tr("said_nothing", say))}</p>'
    return text_in(generation.text, code, "p", f"answer{size}{arriving}")


def _meta(asked: Asked, pane: Pane, index: int, say: Interface) -> str:
    answers = asked.answers.get(pane, PaneAnswers())
    numbers = ""
    if index < len(answers.generations):
        generation = answers.generations[index]
        numbers = tr(
            "meta",
            say,
            seconds=f"{generation.seconds:.2f}",
            tokens=len(generation.token_ids),
        )
    took = ""
    if pane == "edited" and asked.seconds >= 0.005:
        took = tr("edit_took", say, seconds=f"{asked.seconds:.2f}")
    told = " · ".join(part for part in (numbers, took, asked.models[pane]) if part)
    return f'<p class="meta">{escape(told)}</p>'


def answers_html(asked: Asked | None, say: Interface) -> str:
    """Return the whole answer area."""
    if asked is None:
        return _placeholder(say)
    if len(asked.queries) == 1:
        return _large(asked, say)
    cards = "".join(_card(asked, index, say) for index in range(len(asked.queries)))
    return (
        f'<section class="answers">{_tally(asked, say)}'
        f'<div class="cards">{cards}</div></section>'
    )


def _placeholder(say: Interface) -> str:
    panes = "".join(
        f'<article class="pane {pane}"><h3>{escape(tr(f"pane_{pane}", say))}</h3>'
        f'<p class="hint">{escape(tr(f"hint_{pane}", say))}</p></article>'
        for pane in ("base", "edited")
    )
    return (
        f'<section class="answers resting"><div class="panes">{panes}</div></section>'
    )


def _question(query: Query, say: Interface) -> str:
    own = escape(language_of(query.language).own_name)
    return (
        f'<p class="question"><span class="tongue" lang="{query.language}">{own}</span>'
        f" {text_in(query.text, query.language, 'q')}</p>"
    )


def _recalled(asked: Asked, pane: Pane, index: int, say: Interface) -> str:
    words = "" if pane == "base" else escape(recalled_words(asked, index, say))
    return f'<p class="meta recalled">{words}</p>' if words else ""


def _large(asked: Asked, say: Interface) -> str:
    panes = "".join(
        f'<article class="pane {pane}"><h3>{escape(pane_name(asked, pane, say))}'
        f"<small>{escape(pane_name(asked, pane, say, '_note'))}</small></h3>"
        f"{_recalled(asked, pane, 0, say)}"
        f"{_answer(asked, pane, 0, say)}{verdict_html(asked, pane, 0, say)}"
        f"{_meta(asked, pane, 0, say)}</article>"
        for pane in _panes(asked)
    )
    return (
        f'<section class="answers">{_question(asked.queries[0], say)}'
        f'<div class="panes of{len(_panes(asked))}">{panes}</div></section>'
    )


def _card(asked: Asked, index: int, say: Interface) -> str:
    query = asked.queries[index]
    entry = language_of(query.language)
    sides = "".join(
        f'<div class="side {pane}"><h4>'
        f"{escape(pane_name(asked, pane, say, '_short'))}</h4>"
        f"{_recalled(asked, pane, index, say)}{_answer(asked, pane, index, say)}"
        f"{verdict_html(asked, pane, index, say)}</div>"
        for pane in _panes(asked)
    )
    name = tr(f"language_{query.language}", say)
    title = name if name != entry.own_name else ""
    return (
        f'<article class="card"><header><h3 lang="{entry.code}">'
        f"{escape(entry.own_name)}</h3><span>{escape(title)}</span></header>"
        f"{text_in(query.text, query.language, 'p', 'question')}"
        f'<div class="sides of{len(_panes(asked))}">{sides}</div></article>'
    )


def _panes(asked: Asked) -> list[Pane]:
    return [pane for pane in PANES if pane in asked.models]


def counts(asked: Asked, pane: Pane) -> tuple[int, int]:
    """Return how many answers are as an edit should have it, of how many languages.

    That is the new answer in the right language, or the unchanged truth.
    """
    found = [verdict(asked, pane, index) for index in range(len(asked.queries))]
    right = [
        v
        for v in found
        if v and v.kind in ("new", "both_same") and v.language_ok is not False
    ]
    return len(right), len(asked.queries)


def is_affected(asked: Asked) -> bool:
    """Tell whether the edit is meant to matter to what was asked."""
    return all(
        expectation(asked.edit_of(index), query).is_affected
        for index, query in enumerate(asked.queries)
    )


def summary(asked: Asked, say: Interface) -> str:
    """Return the outcome in one sentence, for the status line."""
    key = "tally" if is_affected(asked) else "tally_unrelated"
    (edited, n), (base, _) = counts(asked, "edited"), counts(asked, "base")
    if n == 1:
        words = []
        for pane in ("edited", "base"):
            found = verdict(asked, pane, 0)
            if found:
                affected = is_affected(asked)
                told = verdict_words(found, say, is_affected=affected)
                words.append(f"{pane_name(asked, pane, say)}: {told}")
        return tr("sentence_gap", say).join(words)
    name = pane_name(asked, "edited", say)
    return tr(key, say, name=name, edited=edited, base=base, n=n)


def _tally(asked: Asked, say: Interface) -> str:
    done = all(
        pane in asked.answers and asked.answers[pane].is_done for pane in _panes(asked)
    )
    if not done:
        arrived = sum(
            bool(g.finish) for a in asked.answers.values() for g in a.generations
        )
        total = len(_panes(asked)) * len(asked.queries)
        words = escape(tr("arriving", say, done=arrived, n=total))
        return f'<p class="tally">{words}</p>'
    return f'<p class="tally">{escape(summary(asked, say))}</p>'
