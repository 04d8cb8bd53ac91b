"""Why a model said that: token by token, new against old, the exact prompt.

Every shade has its number beside it. The HTML is in ``templates/why.html``.
"""

from collections.abc import Mapping

from pages.edit_and_ask.answers import pane_name
from pages.edit_and_ask.models import editor_name
from pages.shell.strings import Interface
from pages.shell.templates import render
from xkde.asking.probabilities import Explanation
from xkde.asking.session import AskState, Pane

SPACES = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def percent(share: float) -> str:
    """Return a probability as people read it; what is tiny says so."""
    if share < 0.0001:
        return "<0.01 %"
    return f"{100 * share:.2f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def visible(text: str) -> str:
    """Return a token's text with its spaces to be seen; part of a letter as "½"."""
    seen = "".join(SPACES.get(letter, letter) for letter in text)
    return seen.replace("\ufffd", "½") or "∅"


def why_html(
    state: AskState,
    index: int,
    explanations: Mapping[Pane, Explanation],
    interface: Interface,
) -> str:
    """Return the explanation of one query's answers."""
    golds = state.expected[index]
    shares = {
        "new": [(pane, each.new or 0.0) for pane, each in explanations.items()],
        "old": [(pane, each.old or 0.0) for pane, each in explanations.items()],
    }
    chances = [("new", golds.new, shares["new"]), ("old", golds.old, shares["old"])]
    if golds.new == golds.old:
        chances.pop()
    is_gone = "edited" in state.answers and "edited" not in explanations
    panes: list[Pane] = list(explanations)
    if is_gone:
        panes.append("edited")
    return render(
        "edit_and_ask/why.html",
        interface,
        chances=[chance for chance in chances if chance[1]],
        explanations=explanations,
        names={pane: pane_name(state, pane, interface) for pane in panes},
        gone=editor_name(state.editor, interface) if is_gone else "",
        code=state.queries[index].language,
        percent=percent,
        visible=visible,
    )
