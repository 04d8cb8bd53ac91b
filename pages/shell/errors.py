"""Errors that a person can mend, and editors' notes, in the interface's language.

The package says them in English. ``assets/strings`` has the frequent ones under
``error_…`` and ``note_…`` in both languages, the English one word for word as it is
said: so it is recognised, and what stands in its places goes into the other. One that
is not there stays English.

Run its tests: ``python -m pytest tests/pages/shell/test_errors.py``
"""

import re
from functools import lru_cache

import gradio as gr

from pages.shell.strings import Interface, strings, tr
from xkde.errors import XkdeError

PREFIXES = ("error_", "note_")
PLACE = re.compile(r"\\\{(\w+)\\\}")  # of a template, once it is escaped
LIST = ", "  # between things of one kind that stand in one place
NUMBERS = ("n", "of", "most", "layer")  # places that hold nothing else
# What a text is called in an error -> its key
CALLED = {
    "edit's question": "called_edit_question",
    "new answer": "called_new_answer",
    "question": "called_question",
}


def in_words(error: XkdeError | str, say: Interface) -> str:
    """Return an error's or a note's words, in the interface's language if known."""
    return str(error) if say == "en" else _told(str(error), say)


def shown_error(error: XkdeError, say: Interface) -> gr.Error:
    """Return it as Gradio shows it."""
    return gr.Error(in_words(error, say), print_exception=False)


def _told(said: str, say: Interface) -> str:
    if said in CALLED:
        return tr(CALLED[said], say)
    for key, pattern in _patterns():
        found = pattern.fullmatch(said)
        if found is not None:  # in a place there may be the reason, an error itself
            places = found.groupdict()
            return tr(key, say, **{name: _told(places[name], say) for name in places})
    each = said.split(LIST) if LIST in said else []
    told = [_told(one, say) for one in each]
    is_known = each and not set(each) & set(told)
    return tr("list_gap", say).join(told) if is_known else said


def _place(found: re.Match[str]) -> str:
    if found[1] in NUMBERS:
        return rf"(?P<{found[1]}>[\d,]+)"
    # A name ends where its quotation marks do: errors may stand within errors.
    return f"(?P<{found[1]}>{'[^“”]' if found[1] == 'name' else '.'}+?)"


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return each key with what recognises its English text."""
    return tuple(
        (key, re.compile(PLACE.sub(_place, re.escape(text)), re.DOTALL))
        for key, text in strings()["en"].items()
        if key.startswith(PREFIXES)
    )
