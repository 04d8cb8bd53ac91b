"""The tabs of the app, in their order; every page builds itself inside its tab.

A page has ``TITLE``, the key of its tab's title, and ``build(root, header)``, which is
called inside the tab. What begins with an underscore is shared by pages.
"""

from collections.abc import Callable

import gradio as gr

from pages import about, benchmarks, edit_and_ask, preferences
from pages._header import Header

# slug for links -> (key of the title, builder)
PAGES: dict[str, tuple[str, Callable[[gr.Blocks, Header], None]]] = {
    "edit": (edit_and_ask.TITLE, edit_and_ask.build),
    "benchmarks": (benchmarks.TITLE, benchmarks.build),
    "preferences": (preferences.TITLE, preferences.build),
    "about": (about.TITLE, about.build),
}
