"""The named endpoint of Preferences: a search in the pairs that come with X-KDE.

Try it, from Python: ``gradio_client.Client("http://127.0.0.1:7860").predict("Osaka",
"en→zh", 5, api_name="/search_pairs")``
"""

from typing import TypedDict

import gradio as gr

from pages.preferences import sources
from pages.preferences.view import LONGEST
from pages.shell.strings import interface_language, shown_error
from xkde.data.preferences.table import PairFilter, choices, rows_at
from xkde.errors import InputError, XkdeError

MOST = 50  # pairs of one answer
COLUMNS = (
    "id", "direction", "relation", "prompt", "chosen", "rejected", "chosen_score",
    "rejected_score", "margin", "flags",
)  # fmt: skip


class FoundPairs(TypedDict):
    """How many pairs fit, and the first of them with ``COLUMNS``."""

    found: int
    pairs: list[dict[str, object]]


def search_pairs(
    text: str, direction: str, limit: int, request: gr.Request
) -> FoundPairs:
    """Search the preference pairs that stage two (TL-PO) is trained on.

    Args:
        text: What prompt, chosen or rejected answer contains; empty for any.
        direction: The edit's language and the query's, such as "en→zh" or "en-zh";
            empty for any.
        limit: How many pairs to return at most, up to 50.
    """
    try:
        source = sources.loaded(sources.ATLAS)
        wanted = direction.strip().replace("-", "→")
        known = choices(source.frame, "direction")
        if wanted and wanted not in known:
            raise InputError(
                "No pair is in the direction “{direction}”. Use one such as {some}, or "
                "leave it empty.",
                direction=direction[:40],
                some=next(iter(known), "en→zh"),
            )
        found = PairFilter(text=text.strip()[:LONGEST], direction=wanted)
        rows = sources.positions(source, found)
    except XkdeError as error:
        raise shown_error(error, interface_language(request)) from error
    shown = rows_at(source.frame, rows[: max(0, min(int(limit), MOST))])
    return {
        "found": len(rows),
        "pairs": [{name: row[name] for name in COLUMNS} for row in shown],
    }


def connect() -> None:
    """Add the endpoint to the app."""
    gr.api(search_pairs, api_name="search_pairs", concurrency_limit=4)
