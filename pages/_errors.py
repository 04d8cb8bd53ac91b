"""Errors that a person can mend, in the language of the interface.

The package says them in English. ``assets/strings`` has the frequent ones under
``error_…`` in both languages, the English one word for word as it is raised: so it is
recognised, and what stands in its places goes into the other. One that is not there
stays English.

Run its tests: ``python -m pytest tests/test_errors_page.py``
"""

import re
from functools import lru_cache

import gradio as gr

from pages._strings import Interface, strings, tr
from xkde.errors import XkdeError

PREFIX = "error_"
PLACE = re.compile(r"\\\{(\w+)\\\}")  # of a template, once it is escaped
# What a text is called in an error -> its key
CALLED = {
    "edit's question": "called_edit_question",
    "new answer": "called_new_answer",
    "question": "called_question",
}


def in_words(error: XkdeError, say: Interface) -> str:
    """Return what an error says, in the interface's language where it is known."""
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
    return said


def _place(found: re.Match[str]) -> str:
    # A name ends where its quotation marks do: errors may stand within errors.
    return f"(?P<{found[1]}>{'[^“”]' if found[1] == 'name' else '.'}+?)"


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return each key with what recognises its English text."""
    return tuple(
        (key, re.compile(PLACE.sub(_place, re.escape(text)), re.DOTALL))
        for key, text in strings()["en"].items()
        if key.startswith(PREFIX)
    )
