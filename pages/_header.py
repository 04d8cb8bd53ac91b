"""What stands above all tabs: the name, the promise, language and light or dark."""

import gradio as gr

from pages._look import LANGUAGE_SCRIPT, THEME_SCRIPT
from pages._strings import both, label


def build() -> None:
    """Make the header."""
    with gr.Row(elem_id="header"):
        gr.HTML(f'<h1>X-KDE <small>{both("promise")}</small></h1>', elem_id="brand")
        language = gr.Button(
            label("other_language"), size="sm", elem_id="language", scale=0, min_width=64
        )
        theme = gr.Button(
            label("light_dark"), size="sm", elem_id="theme", scale=0, min_width=64
        )
    for button, script in ((language, LANGUAGE_SCRIPT), (theme, THEME_SCRIPT)):
        button.click(None, js=script, api_visibility="private")
