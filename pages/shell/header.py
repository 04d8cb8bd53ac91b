"""What stands above all tabs: the name, the promise, language and light or dark."""

from dataclasses import dataclass

import gradio as gr

from pages.shell.look import THEME_SCRIPT
from pages.shell.strings import label
from pages.shell.templates import render


@dataclass(frozen=True)
class Header:
    """What a page may connect; the language switch takes its form along."""

    language: gr.Button


def layout() -> Header:
    """Make the header."""
    with gr.Row(elem_id="header"):
        gr.HTML(render("shell/header.html"), elem_id="brand")
        language = gr.Button(
            label("other_language"),
            size="sm",
            elem_id="language",
            scale=0,
            min_width=64,
        )
        theme = gr.Button(
            label("light_dark"), size="sm", elem_id="theme", scale=0, min_width=64
        )
    theme.click(None, js=THEME_SCRIPT, api_visibility="private")
    return Header(language)
