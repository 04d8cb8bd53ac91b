"""X-KDE: the edit stated in the prompt, in the words that XE-IT trains a model on.

The prompt is the released one to the character; it names the language to answer in.
With a memory only the edits that it retrieves for a query are stated.

Run its tests: ``python -m pytest tests/xkde/editors/prompt/test_base.py``
"""

from collections.abc import Mapping, Sequence
from typing import Any

from xkde.editors.prompt.base import InPrompt, retrieve_of
from xkde.engines.transformers import TransformersEngine
from xkde.languages import language
from xkde.prompts import edit_prompt
from xkde.types import Edit, Query


def words(engine: TransformersEngine, edits: Sequence[Edit], query: Query) -> str:
    """Return the user turn."""
    return edit_prompt(edits, query.text, language(query.language).name)


def editor(given: Mapping[str, Any]) -> InPrompt:
    """Return the editor."""
    return InPrompt("x-kde", words, retrieve_of("x-kde", given))
