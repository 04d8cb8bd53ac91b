"""The tabs of the app, in their order; every page builds itself inside its tab.

    about.py       the tab About
    benchmarks/    Benchmarks
    edit_and_ask/  Edit & Ask
    errors/        Errors
    inside/        Inside
    preferences/   Preferences
    propagation/   Propagation
    shell/         what surrounds every tab

A page has ``TITLE``, the key of its tab's title, and ``build(root, header)``, which is
called inside the tab. A tab has a folder, with its page in ``page.py``; what all tabs
share is in ``shell``.
"""

from collections.abc import Callable

import gradio as gr

from pages import about
from pages.benchmarks import page as benchmarks
from pages.edit_and_ask import page as edit_and_ask
from pages.errors import page as errors
from pages.inside import page as inside
from pages.preferences import page as preferences
from pages.propagation import page as propagation
from pages.shell.look import Header

# slug for links -> (key of the title, builder)
PAGES: dict[str, tuple[str, Callable[[gr.Blocks, Header], None]]] = {
    "edit": (edit_and_ask.TITLE, edit_and_ask.build),
    "benchmarks": (benchmarks.TITLE, benchmarks.build),
    "errors": (errors.TITLE, errors.build),
    "inside": (inside.TITLE, inside.build),
    "propagation": (propagation.TITLE, propagation.build),
    "preferences": (preferences.TITLE, preferences.build),
    "about": (about.TITLE, about.build),
}
