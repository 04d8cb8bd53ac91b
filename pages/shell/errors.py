"""Errors that a person can mend, and editors' notes, in the interface's language.

The package says them in English, as a template with its values (``xkde.errors``).
``assets/strings/notices_zh.json`` has the Chinese template of each that the pages show;
one that is not there stays English.
"""

import json
from functools import lru_cache

import gradio as gr

from pages.shell.strings import Interface, tr
from xkde import paths
from xkde.errors import Notice, XkdeError


def in_words(error: XkdeError | str, interface: Interface) -> str:
    """Return an error's or a note's words, in the interface's language if known."""
    words = error.notice if isinstance(error, XkdeError) else error
    if interface == "en" or not isinstance(words, Notice):
        return str(words)
    template = chinese().get(words.template)
    if template is None:
        return str(words)
    values = {name: _value(each, interface) for name, each in words.values.items()}
    return template.format(**values)


def shown_error(error: XkdeError, interface: Interface) -> gr.Error:
    """Return it as Gradio shows it."""
    return gr.Error(in_words(error, interface), print_exception=False)


@lru_cache(maxsize=1)
def chinese() -> dict[str, str]:
    """Return the Chinese template of each English one."""
    path = paths.STRINGS / "notices_zh.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _value(value: object, interface: Interface) -> object:
    """Return a value of a notice: notices within it are translated as well."""
    if isinstance(value, tuple):
        words = [str(_value(each, interface)) for each in value]
        return tr("list_gap", interface).join(words)
    return in_words(value, interface) if isinstance(value, Notice) else value
