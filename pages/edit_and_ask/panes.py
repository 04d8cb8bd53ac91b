"""What stands over an answer: whose it is, how it was edited, what a memory gave.

Words alone, not yet escaped.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/test_editor_choice.py``,
``tests/pages/edit_and_ask/memory/test_page.py``
"""

from pages.edit_and_ask.editor_choice import name_of
from pages.shell.links import EDITOR
from pages.shell.strings import Interface, tr
from xkde.asking.session import Asked, Pane
from xkde.editors.registry import entry_of


def pane_name(asked: Asked, pane: Pane, say: Interface, form: str = "") -> str:
    """Return what a pane is called; ``form`` is "", "_note" or "_short"."""
    if form == "_note" and asked.recalled and pane != "base":
        return tr("pane_note_memory", say)
    if pane != "edited" or asked.editor == EDITOR:
        return tr(f"pane_{pane}{form}", say)
    if form == "_note":
        return tr(f"pane_note_{entry_of(asked.editor).kind}", say)
    return name_of(asked.editor, say)


def recalled_words(asked: Asked, index: int, say: Interface) -> str:
    """Return what the memory gave for a query; empty where none is used."""
    if not asked.recalled:
        return ""
    stated = asked.recalled[index].stated
    facts = tr("recalled_gap", say).join(f"{e.question} → {e.answer}" for e in stated)
    return tr("recalled_one", say, facts=facts) if stated else tr("recalled_none", say)
