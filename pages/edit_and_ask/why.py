"""Why a model said that, as HTML: token by token, new against old, the exact prompt.

Pure: everything is escaped here, and every shade has its number beside it.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/test_page.py``
"""

from collections.abc import Mapping
from html import escape

from pages.edit_and_ask.answering import expectation
from pages.edit_and_ask.answers import text_in
from pages.edit_and_ask.editor_choice import name_of
from pages.edit_and_ask.panes import pane_name
from pages.shell.strings import Interface, tr
from xkde.asking.explanation import Explanation
from xkde.asking.session import Asked, Pane
from xkde.types import TokenScore

SPACES = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def percent(share: float) -> str:
    """Return a probability as people read it; what is tiny says so."""
    if share < 0.0001:
        return "<0.01 %"
    return f"{100 * share:.2f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def why_html(
    asked: Asked, index: int, told: Mapping[Pane, Explanation], say: Interface
) -> str:
    """Return the explanation of one query's answers."""
    query = asked.queries[index]
    golds = expectation(asked.edit_of(index), query)
    chances = "".join(
        _chance(
            asked, tr(f"chance_{which}", say), gold, which, query.language, told, say
        )
        for which, gold in (("new", golds.new), ("old", golds.old))
        if gold and (which == "new" or golds.new != golds.old)
    )
    blocks = "".join(
        _pane(asked, pane, each, query.language, say) for pane, each in told.items()
    )
    if "edited" in asked.answers and "edited" not in told:
        blocks += _no_more(asked, say)
    return (
        f'<section class="why"><h3>{escape(tr("why_chances", say))}</h3>'
        f'<div class="chances">{chances}</div>'
        f'<p class="caption">{escape(tr("why_chances_caption", say))}</p>'
        f"{blocks}</section>"
    )


def _no_more(asked: Asked, say: Interface) -> str:
    """Say why an editor of weights has nothing left to be explained."""
    words = escape(tr("why_no_more", say, editor=name_of(asked.editor, say)))
    title = escape(pane_name(asked, "edited", say))
    return (
        f'<article class="because edited"><h3>{title}</h3>'
        f'<p class="hint">{words}</p></article>'
    )


def _chance(
    asked: Asked,
    title: str,
    gold: str,
    which: str,
    code: str,
    told: Mapping[Pane, Explanation],
    say: Interface,
) -> str:
    rows = []
    for pane, each in told.items():
        share = (each.new if which == "new" else each.old) or 0.0
        rows.append(
            f'<tr class="{pane}"><th scope="row">{escape(pane_name(asked, pane, say))}'
            "</th>"
            f'<td><span class="bar" style="inline-size:{100 * share:.2f}%"></span></td>'
            f"<td>{escape(percent(share))}</td></tr>"
        )
    return (
        f"<table><caption>{escape(title)} {text_in(gold, code, 'b')}</caption>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _pane(
    asked: Asked, pane: Pane, told: Explanation, code: str, say: Interface
) -> str:
    said = (
        "".join(_token(token, say) for token in told.said.tokens) if told.said else ""
    )
    nothing = f'<p class="hint">{escape(tr("said_nothing", say))}</p>'
    ids = "".join(
        f"<li><code>{escape(_visible(text))}</code><small>{token_id}</small></li>"
        for token_id, text in told.tokens
    )
    summary = tr("why_prompt", say, n=len(told.tokens))
    title = escape(pane_name(asked, pane, say))
    return (
        f'<article class="because {pane}"><h3>{title}</h3>'
        f'<ol class="tokens" lang="{code}">{said}</ol>{"" if said else nothing}'
        f"<details><summary>{escape(summary)}</summary>"
        f'<pre class="prompt" tabindex="0">{escape(told.prompt)}</pre>'
        f'<ol class="ids">{ids}</ol></details></article>'
    )


def _token(token: TokenScore, say: Interface) -> str:
    rather = ""
    if token.rank > 0:
        words = tr("why_rather", say, text=_visible(token.best_text))
        rather = f"<small>{escape(words)}</small>"
    return (
        f'<li style="--p:{token.probability:.3f}"><span>{escape(_visible(token.text))}'
        f"</span><small>{escape(percent(token.probability))}</small>{rather}</li>"
    )


def _visible(text: str) -> str:
    """Return a token's text with its spaces to be seen; half a letter as a dot."""
    seen = "".join(SPACES.get(letter, letter) for letter in text)
    return seen.replace("\ufffd", "·") or "·"
