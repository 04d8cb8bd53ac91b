"""Pairs as HTML: a page of the list; one pair, its differences and its log-odds.

What only the chosen answer has is ``<ins>``, what only the rejected one has is
``<del>``: screen readers announce them, and the style sheet draws lines under and
through them, so that no colour is needed. Knows no component.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from pages.preferences.sources import answer_of
from pages.shell.pool import PATIENCE, POOL, waiting_for
from pages.shell.strings import Interface, in_words, strings, tr
from pages.shell.templates import render
from xkde import paths
from xkde.asking.probabilities import PairOdds, pair_odds
from xkde.data.preferences.answers import UNDETERMINED
from xkde.data.preferences.files import REWARDS, Scores
from xkde.errors import InputError
from xkde.languages import LANGUAGES
from xkde.prompts import EDIT_HEADER, QUERY_HEADER

PairRow = Mapping[str, Any]  # a row of ``table.rows_at``
SIDES = ("chosen", "rejected")
# Of a side: its look, its mark, and the tag of what only it has
LOOKS = {"chosen": ("edited", "✓", "ins"), "rejected": ("base", "✕", "del")}
LISTED = 160  # characters of a text in the list
LARGE = 40  # characters up to which an answer is set large
TALL = 400  # characters above which a query may have to be scrolled
LONGEST = 20_000  # characters shown and compared; the file has the whole text
CHARACTERS = 700  # of both texts together; longer ones are compared by words
LEAST = 2  # characters in a row that count as shared by two different texts
Pieces = list[tuple[str, bool]]  # (text, whether only this text has it)


def note_html(words: str, kind: str = "hint") -> str:
    """Return words of ours in place of pairs."""
    return render("preferences/note.html", words=words, kind=kind)


def language_words(code: str, interface: Interface) -> str:
    """Return a language's name; "und-Latn" in words, nothing as not known."""
    if not code:
        return tr("pairs_unknown", interface)
    if code.startswith(UNDETERMINED):
        script = code.removeprefix(UNDETERMINED)
        return tr("pairs_script", interface, script=script)
    name = LANGUAGES[code].name if code in LANGUAGES else code
    return strings()[interface].get(f"language_{code}", name)


def edit_and_query(prompt: str) -> tuple[str, str]:
    """Return (edit, query) of an edit prompt; any other prompt is all query."""
    before, mark, query = prompt.partition(QUERY_HEADER)
    edit = before.partition(EDIT_HEADER)[2]
    return (edit, query) if mark and edit else ("", prompt)


def list_html(rows: Sequence[PairRow], first: int, interface: Interface) -> str:
    """Return a page of pairs; ``first`` is the place of its first, from 0."""
    listed = [
        {
            "about": row["direction"] or row["relation"],
            "margin": "" if row["margin"] is None else f"{row['margin']:+.2f}",
            "flags": [tr(f"flag_{name}", interface) for name in row["flags"]],
            "query": _cut(edit_and_query(row["prompt"])[1], LISTED, "…"),
            "target": _lang(row["target"]),
            **{side: _cut(row[side], LISTED, "…") for side in SIDES},
            **{f"{s}_language": _lang(row[f"{s}_language"]) for s in SIDES},
        }
        for row in rows
    ]
    return render("preferences/list.html", interface, rows=listed, first=first)


def _lang(code: str) -> str:
    """Return a code that may stand in an attribute ``lang``, or nothing."""
    return code if code in LANGUAGES else ""


def _cut(text: str, most: int = LONGEST, end: str = " …") -> str:
    return text if len(text) <= most else text[:most] + end


def pair_values(
    row: PairRow, scores: Mapping[int, Scores], interface: Interface
) -> dict[str, object]:
    """Return what ``templates/pair.html`` shows of a pair.

    ``scores`` are those of the prompt's answers, by index, if the run has kept them.
    """
    edit, query = edit_and_query(row["prompt"])
    about = [row["direction"], row["relation"], row["fact"]]
    name = f"{tr('pairs_id', interface)} {row['id']}"
    meta = [name, row["strategy"], row["checkpoint"]]
    pieces = difference(_cut(row["chosen"]), _cut(row["rejected"]))
    return {
        "about": " · ".join(part for part in about if part),
        "edit": edit,
        "source": _lang(row["source"]),
        "query": _cut(query),
        "target": _lang(row["target"]),
        "is_tall": len(query) > TALL,
        "prompt": _cut(row["prompt"]),
        "panes": [
            _pane(row, side, own) for side, own in zip(SIDES, pieces, strict=True)
        ],
        "flags": row["flags"],
        "margin": _score(row["margin"], interface, "+"),
        "facts": _facts(row, scores, interface),
        "meta": " · ".join(part for part in meta if part),
    }


def _pane(row: PairRow, side: str, pieces: Pieces) -> dict[str, object]:
    look, mark, tag = LOOKS[side]
    return {
        "side": side,
        "look": look,
        "mark": mark,
        "tag": tag,
        "pieces": pieces,
        "is_long": len(row[side]) > LARGE,
        "language": _lang(row[f"{side}_language"]),
        "is_right": row[f"{side}_is_right"],
    }


def _facts(
    row: PairRow, scores: Mapping[int, Scores], interface: Interface
) -> list[tuple[str, str, str]]:
    """Return what is known of both answers: (name, of the chosen, of the rejected)."""

    def line(name: str, chosen: str, rejected: str) -> tuple[str, str, str]:
        return tr(f"pairs_{name}", interface), chosen, rejected

    def of_both(column: str) -> list[Any]:
        return [row[f"{side}_{column}"] for side in SIDES]

    own = [_score(score, interface) for score in of_both("score")]
    origins = of_both("origin")
    indices = [answer_of(origin) for origin in origins]
    known = [None if index is None else scores.get(index) for index in indices]
    rewards = [
        line(
            f"score_{name}",
            *(_score(each.named(name) if each else None, interface) for each in known),
        )
        for name in ("source_target", "target_source")
        if name != row["score_name"] and any(known)
    ]
    languages = [language_words(code, interface) for code in of_both("language")]
    lengths = [tr("pairs_characters", interface, n=len(row[side])) for side in SIDES]
    return [
        (score_words(row["score_name"], interface), own[0], own[1]),
        *rewards,
        line("language", *languages),
        line("length", *lengths),
        line("origin", *(origin_words(origin, interface) for origin in origins)),
    ]


def _score(value: float | None, interface: Interface, sign: str = "") -> str:
    unknown = tr("pairs_unknown", interface)
    return unknown if value is None else f"{value:{sign}.3f}"


def score_words(name: str, interface: Interface) -> str:
    """Return what a pair's own scores are called."""
    if name in REWARDS:
        return tr(f"pairs_score_{name}", interface)
    score = tr("pairs_score", interface)
    return f"{score} ({name})" if name else score


def origin_words(origin: str, interface: Interface) -> str:
    """Return where an answer is from: the gold, or which sampled answer."""
    index = answer_of(origin)
    if index is None:
        return origin or tr("pairs_unknown", interface)
    if index < 0:
        return tr("pairs_gold", interface)
    return tr("pairs_answer", interface, n=index + 1)


def difference(one: str, other: str) -> tuple[Pieces, Pieces]:
    """Return both texts in pieces; joined, they are the texts."""
    length = len(one) + len(other)
    if length > LONGEST:
        return [(one, False)], [(other, False)]
    split = letters if length <= CHARACTERS else words
    a, b = split(one), split(other)
    left: Pieces = []
    right: Pieces = []
    before_a = before_b = 0
    matcher = SequenceMatcher(None, a, b, autojunk=length > CHARACTERS)
    for at_a, at_b, size in matcher.get_matching_blocks():
        if size and _is_chance(a, b, at_a, at_b, size):
            continue
        shared = "".join(a[at_a : at_a + size])
        left += [("".join(a[before_a:at_a]), True), (shared, False)]
        right += [("".join(b[before_b:at_b]), True), (shared, False)]
        before_a, before_b = at_a + size, at_b + size
    return [p for p in left if p[0]], [p for p in right if p[0]]


def _is_chance(
    a: Sequence[str], b: Sequence[str], at_a: int, at_b: int, size: int
) -> bool:
    """Tell whether a short match in the middle of changes says nothing."""
    ends = at_a == at_b == 0 or (at_a + size == len(a) and at_b + size == len(b))
    return size < LEAST and not ends and a[at_a].isalpha() and a[at_a] < "\u0600"


def letters(text: str) -> list[str]:
    """Return a text's letters, each with the marks that are written on it."""
    parts: list[str] = []
    for character in text:
        if parts and unicodedata.category(character)[0] == "M":
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def words(text: str) -> list[str]:
    """Return a text's words and the spaces and signs between them."""
    return re.findall(r"\w+|\s+|[^\w\s]", text)


# Stage, as the paper calls it, -> its embedded checkpoint
# The pairs are Atlas's own.
STAGES: dict[str, str] = {
    "base": "atlas-base",
    "xe_it": "atlas-xe-it",
    "tl_po": "atlas-tl-po",
}
MOST = 20_000  # characters of a pair that a model is asked about
StageAnswers = dict[str, PairOdds | str]  # by stage; or why there is none


def measured(
    prompt: str, chosen: str, rejected: str, interface: Interface
) -> Iterator[StageAnswers]:
    """Yield what is known so far, after each model; raises InputError in words."""
    if len(prompt) + len(chosen) + len(rejected) > MOST:
        raise InputError(tr("odds_too_long", interface, n=f"{MOST:,}"))
    known: StageAnswers = {}
    for stage, name in STAGES.items():
        if not (paths.checkpoints() / name).is_dir():
            known[stage] = tr("odds_absent", interface, name=name)
            continue
        if waiting_for([name]):
            yield {**known, stage: tr("odds_loading", interface, name=name)}
        status = POOL.wait(name, PATIENCE)
        if status.phase == "failed":
            known[stage] = in_words(status.words, interface)
            continue
        with POOL.use([name]) as (engine,):
            known[stage] = pair_odds(engine, prompt, chosen, rejected)
        yield dict(known)
    yield known


def log_odds_html(known: Mapping[str, PairOdds | str], interface: Interface) -> str:
    """Return the log-odds as a table, absent models in words."""
    rows = [
        (stage, STAGES[stage], None, answer)
        if isinstance(answer, str)
        else (stage, STAGES[stage], answer, "")
        for stage, answer in known.items()
    ]
    return render("preferences/log_odds.html", interface, rows=rows)
