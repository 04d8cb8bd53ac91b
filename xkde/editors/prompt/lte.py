"""LTE (Jiang et al., 2024): facts in the prompt, numbered where they are several.

The ancestor of X-KDE: its models learn to use such facts in one language, and its
memory retrieves the three nearest (one by default). A single fact is stated as X-KDE
states it, which is how models without cross-lingual data are trained here.

Run its tests: ``python -m pytest tests/xkde/editors/prompt/test_base.py``
"""

from collections.abc import Mapping, Sequence
from typing import Any

from xkde.editors.prompt.base import InPrompt, retrieve_of
from xkde.engines.transformers import TransformersEngine
from xkde.languages import language
from xkde.prompts import numbered_edit_prompt
from xkde.types import Edit, Query


def words(engine: TransformersEngine, edits: Sequence[Edit], query: Query) -> str:
    """Return the user turn."""
    return numbered_edit_prompt(edits, query.text, language(query.language).name)


def editor(given: Mapping[str, Any]) -> InPrompt:
    """Return the editor."""
    return InPrompt("lte", words, retrieve_of("lte", given))
