"""The scripts of the panels, and the component by which each talks with Python.

A panel is a tab or a view of Benchmarks. ``assets/panel.js`` is what all scripts share:
looking things up, the address, the browser's history, bars that can be pressed.
"""

import gradio as gr

from xkde import paths

SHARED = paths.ASSETS / "panel.js"


def bridge(script: str, panel: str, keys: str = "") -> gr.HTML:
    """Make the component that runs ``assets/SCRIPT.js`` for the panel of this id.

    The script calls ``trigger`` of its component; ``keys`` is JSON in place of "#KEYS".
    """
    own = (paths.ASSETS / f"{script}.js").read_text(encoding="utf-8")
    shared = SHARED.read_text(encoding="utf-8").replace("#PANEL", f"#{panel}", 1)
    return gr.HTML(
        html_template="<span hidden></span>",
        js_on_load=shared + own.replace('"#KEYS"', keys, 1),
        elem_id=f"{panel}-bridge",
        elem_classes="bridge",
    )
