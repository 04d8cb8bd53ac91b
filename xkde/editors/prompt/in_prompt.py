"""Editors that state the edit in the prompt: X-KDE, LTE, a plain prompt, and none.

The model stays as it is. Each query is sent with the edits that concern it: all of
them, or those that a memory retrieves (none: the bare query). The words are those of
``xkde.prompts``.

X-KDE: the released edit prompt to the character, which XE-IT trains a model to obey in
any language; it names the language to answer in.

LTE (Jiang et al., 2024: https://arxiv.org/abs/2402.11905): facts numbered where they
are several, in the prompt of a model that has learned to use them in one language. A
single fact is stated as X-KDE states it, which is how models without cross-lingual data
are trained here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xkde.editors.editor import Applied, Routed, bare, check_edits
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.languages import language
from xkde.prompts import ask, edit_prompt, numbered_edit_prompt, plain_edit_prompt
from xkde.types import Edit, Query

Retrieve = Callable[[Query], tuple[Edit, ...]]
# (engine, edits, query) -> the user turn
Words = Callable[[TransformersEngine, Sequence[Edit], Query], str]


@dataclass(frozen=True)
class PromptEditor:
    """An editor in the prompt; without ``retrieve`` every query gets all edits."""

    name: str
    words: Words
    retrieve: Retrieve | None = None

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """State the edits with every query that they concern."""
        check_edits(edits, engine.tokenizer)
        every = (*(earlier.edits if earlier else ()), *edits)

        def route(query: Query) -> Routed:
            concerned = every if self.retrieve is None else self.retrieve(query)
            text = self.words(engine, concerned, query) if concerned else query.text
            return Routed(engine, tuple(ask(text, query.language)))

        # Nothing is computed until a query comes.
        return Applied(self.name, every, route)


@dataclass(frozen=True)
class NoEdit:
    """No editing at all: the bare query to the model as it is, to compare with."""

    name: str = "none"

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """Leave all as it is."""
        every = (*(earlier.edits if earlier else ()), *edits)
        return Applied(self.name, every, bare(engine))


def x_kde(given: Mapping[str, Any]) -> PromptEditor:
    """Return X-KDE."""

    def words(_: TransformersEngine, edits: Sequence[Edit], query: Query) -> str:
        return edit_prompt(edits, query.text, language(query.language).name)

    return PromptEditor("x-kde", words, retrieve_of("x-kde", given))


def lte(given: Mapping[str, Any]) -> PromptEditor:
    """Return LTE."""

    def words(_: TransformersEngine, edits: Sequence[Edit], query: Query) -> str:
        return numbered_edit_prompt(edits, query.text, language(query.language).name)

    return PromptEditor("lte", words, retrieve_of("lte", given))


def plain(given: Mapping[str, Any]) -> PromptEditor:
    """Return the plain editor: the facts, a line each, and then the query."""

    def words(_: TransformersEngine, edits: Sequence[Edit], query: Query) -> str:
        return plain_edit_prompt(edits, query.text)

    return PromptEditor("prompt", words, retrieve_of("prompt", given))


def none(given: Mapping[str, Any]) -> NoEdit:
    """Return the editor that does nothing."""
    retrieve_of("none", given)
    return NoEdit()


def retrieve_of(
    name: str, given: Mapping[str, Any], others: Sequence[str] = ()
) -> Retrieve | None:
    """Return the ``retrieve`` that was given.

    Raises SettingsError for a setting that is neither it nor one of ``others``.
    """
    known = ("retrieve", *others)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise SettingsError(
            f"The editor “{name}” has no setting “{unknown[0]}”. It has: "
            f"{', '.join(known)}."
        )
    return given.get("retrieve")
