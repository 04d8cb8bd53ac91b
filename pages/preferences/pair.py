"""One pair as HTML: what was asked, both answers with their differences, what is known.

Pure: all that a file says is escaped here, and nothing is told by colour alone.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

from collections.abc import Mapping
from html import escape

from pages.preferences.difference import Pieces, difference, marked
from pages.preferences.html import Row, asked_of, lang, language_words
from pages.preferences.sources import answer_of
from pages.shell.strings import Interface, tr
from xkde.data.preferences.records import REWARDS, Scores

SIDES = ("chosen", "rejected")
LONG = 40  # characters from which on an answer is set smaller
TALL = 400  # and from which on a prompt may have to be scrolled
LONGEST = 20_000  # what is longer is cut off here; the file has it whole
NOBODY = -2  # the index of no answer


def number(value: float | None, say: Interface, sign: str = "") -> str:
    """Return a number as people read it, or that it is not known."""
    return tr("pairs_unknown", say) if value is None else f"{value:{sign}.3f}"


def pair_html(
    row: Row, at: int, total: int, scores: Mapping[int, Scores], say: Interface
) -> str:
    """Return one pair; ``at`` is its place in the view, from 0."""
    edit, query = asked_of(row["prompt"])
    about = [row["direction"], row["relation"], row["fact"]]
    told = escape(" · ".join(part for part in about if part))
    stated = ""
    if edit:
        stated = (
            f'<p class="stated"><span>{escape(tr("pairs_edit", say))}</span> '
            f'<q dir="auto"{lang(row["source"])}>{escape(edit)}</q></p>'
        )
    scrolled = ' tabindex="0"' if len(query) > TALL else ""
    mine, other = difference(_cut(row["chosen"]), _cut(row["rejected"]))
    place = escape(tr("pairs_place", say, at=f"{at + 1:,}", n=f"{total:,}"))
    return (
        f'<h2 class="place"><b>{place}</b> <span>{told}</span></h2>{stated}'
        f'<p class="asked" dir="auto"{lang(row["target"])}{scrolled}>'
        f"{escape(_cut(query))}</p>"
        f"{_whole_prompt(row, say) if edit else ''}"
        '<div class="panes">'
        f"{_pane('chosen', mine, row, say)}{_pane('rejected', other, row, say)}</div>"
        f"{_flags(row, say)}{_facts(row, scores, say)}"
        f'<p class="meta">{escape(_meta(row, say))}</p>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _whole_prompt(row: Row, say: Interface) -> str:
    prompt = escape(_cut(row["prompt"]))
    return (
        f"<details><summary>{escape(tr('pairs_prompt', say))}</summary>"
        f'<pre class="prompt" tabindex="0">{prompt}</pre></details>'
    )


def _pane(which: str, pieces: Pieces, row: Row, say: Interface) -> str:
    kind, mark = {"chosen": ("edited", "✓"), "rejected": ("base", "✕")}[which]
    size = " long" if len(row[which]) > LONG else ""
    right = row[f"{which}_is_right"]
    verdict = ""
    if right is not None:
        words = escape(tr("pairs_right" if right else "pairs_wrong", say))
        sign, look = ("✓", "new") if right else ("△", "warning")
        verdict = (
            f'<p class="verdict {look}"><span aria-hidden="true">{sign}</span>'
            f"<span>{words}</span></p>"
        )
    text = marked(pieces, "ins" if which == "chosen" else "del")
    return (
        f'<article class="pane {kind}"><h3><span aria-hidden="true">{mark}</span> '
        f"{escape(tr(f'pairs_{which}', say))}</h3>"
        f'<p class="answer{size}" dir="auto"{lang(row[f"{which}_language"])}>{text}'
        f"</p>{verdict}</article>"
    )


def _flags(row: Row, say: Interface) -> str:
    if not row["flags"]:
        return f'<p class="hint">{escape(tr("pairs_no_flags", say))}</p>'
    items = "".join(
        f'<li><span aria-hidden="true">△</span> {escape(tr(f"flag_{name}", say))}</li>'
        for name in row["flags"]
    )
    return f'<ul class="flags">{items}</ul>'


def _facts(row: Row, scores: Mapping[int, Scores], say: Interface) -> str:
    """Return what is known of both answers, a line each."""
    known = [scores.get(_index(row[f"{side}_origin"])) for side in SIDES]
    lines = [
        (
            score_words(row["score_name"], say),
            [number(row[f"{side}_score"], say) for side in SIDES],
        ),
        *(
            (
                tr(f"pairs_score_{name}", say),
                [number(each.named(name) if each else None, say) for each in known],
            )
            for name in ("source_target", "target_source")
            if name != row["score_name"] and any(known)
        ),
        (
            tr("pairs_language", say),
            [language_words(row[f"{side}_language"], say) for side in SIDES],
        ),
        (
            tr("pairs_length", say),
            [tr("pairs_characters", say, n=len(row[side])) for side in SIDES],
        ),
        (
            tr("pairs_origin", say),
            [origin_words(row[f"{side}_origin"], say) for side in SIDES],
        ),
    ]
    head = "".join(
        f'<th scope="col">{escape(tr(f"pairs_{side}", say))}</th>' for side in SIDES
    )
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(value)}</td>" for value in values)
        + "</tr>"
        for name, values in lines
    )
    caption = escape(tr("pairs_margin_is", say, margin=number(row["margin"], say, "+")))
    return (
        f'<table class="facts"><caption>{caption}</caption><thead><tr><td></td>{head}'
        f"</tr></thead><tbody>{body}</tbody></table>"
    )


def score_words(name: str, say: Interface) -> str:
    """Return what a pair's own scores are called."""
    if name in REWARDS:
        return tr(f"pairs_score_{name}", say)
    return f"{tr('pairs_score', say)} ({name})" if name else tr("pairs_score", say)


def _index(origin: str) -> int:
    found = answer_of(origin)
    return NOBODY if found is None else found


def origin_words(origin: str, say: Interface) -> str:
    """Return where an answer is from: the gold, or which sampled answer."""
    index = answer_of(origin)
    if index is None:
        return origin or tr("pairs_unknown", say)
    return tr("pairs_gold", say) if index < 0 else tr("pairs_answer", say, n=index + 1)


def _meta(row: Row, say: Interface) -> str:
    parts = [f"{tr('pairs_id', say)} {row['id']}", row["strategy"], row["checkpoint"]]
    return " · ".join(part for part in parts if part)
