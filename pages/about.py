"""About: the method on one screen, what Atlas cannot do, how to cite, which versions.

Static text in both languages. Knows no model.
"""

import importlib.metadata
from html import escape

import gradio as gr

from pages.shell.header import Header
from pages.shell.strings import both, label
from xkde import __version__

TITLE = "tab_about"
CITATION = """\
@inproceedings{wu-etal-2025-edit,
  title     = {Edit Once, Update Everywhere: A Simple Framework for Cross-Lingual
               Knowledge Synchronization in {LLM}s},
  author    = {Wu, Yuchen and Ding, Liang and Shen, Li and Tao, Dacheng},
  booktitle = {Findings of the Association for Computational Linguistics: ACL 2025},
  year      = {2025}
}"""
PACKAGES = "torch transformers trl gradio huggingface-hub babel".split()


def versions() -> list[tuple[str, str]]:
    """Return each package with the version that runs here."""
    found = [(name, importlib.metadata.version(name)) for name in PACKAGES]
    return [("x-kde", __version__), *found]


def page_html() -> str:
    """Return the page: five sentences, the notice, Atlas's limits, versions."""
    steps = "".join(f"<li>{both(f'method_{i}')}</li>" for i in range(1, 6))
    limits = "".join(f"<li>{both(f'limit_{i}')}</li>" for i in range(1, 5))
    numbers = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(version)}</dd></div>"
        for name, version in versions()
    )
    return (
        f'<div class="about"><section><h2>{both("about_method")}</h2>'
        f'<ol class="method">{steps}</ol></section>'
        f'<section class="aside"><p class="caution"><span aria-hidden="true">△</span> '
        f"{both('notice')}</p>"
        f"<h2>{both('about_limits')}</h2><ul>{limits}</ul>"
        f'<h2>{both("about_versions")}</h2><dl class="versions">{numbers}</dl>'
        "</section></div>"
    )


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content."""
    gr.HTML(page_html())
    gr.Textbox(
        CITATION,
        label=label("about_cite"),
        lines=7,
        max_lines=7,
        interactive=False,
        buttons=["copy"],
        elem_id="citation",
    )
