"""About: the method on one screen, what Atlas cannot do, how to cite, which versions.

Static text in both languages, in ``templates/about.html``.
"""

import importlib.metadata

import gradio as gr

from pages.shell.look import Header
from pages.shell.strings import label
from pages.shell.templates import render
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
    installed = [(name, importlib.metadata.version(name)) for name in PACKAGES]
    return [("x-kde", __version__), *installed]


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content."""
    gr.HTML(render("about.html", versions=versions()))
    gr.Textbox(
        CITATION,
        label=label("about_cite"),
        lines=7,
        max_lines=7,
        interactive=False,
        buttons=["copy"],
        elem_id="citation",
    )
