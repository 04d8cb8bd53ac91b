"""What all editors in the prompt share, and the plainest of them: state, then ask.

The model stays as it is; each query is sent with the edits that concern it: all of
them, or those that a memory retrieves (none: the bare query). The words are those of
``xkde.prompts``. ``prompt`` and ``none`` are made here.

Run its tests: ``python -m pytest tests/xkde/editors/prompt/test_base.py``
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xkde.editors.checks import check_edits
from xkde.editors.editor import Applied, Routed
from xkde.editors.weights.base import bare
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.prompts import ask, plain_edit_prompt
from xkde.types import Edit, Query

Retrieve = Callable[[Query], tuple[Edit, ...]]
# (engine, edits, query) -> the user turn
Words = Callable[[TransformersEngine, Sequence[Edit], Query], str]


@dataclass(frozen=True)
class InPrompt:
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
        told = (*(earlier.edits if earlier else ()), *edits)

        def route(query: Query) -> Routed:
            concerned = told if self.retrieve is None else self.retrieve(query)
            if not concerned:
                return Routed(engine, tuple(ask(query.text)))
            return Routed(engine, tuple(ask(self.words(engine, concerned, query))))

        return Applied(
            self.name, told, route
        )  # nothing is computed until a query comes


@dataclass(frozen=True)
class Nothing:
    """No editing at all: the bare query to the model as it is, to compare with."""

    name: str = "none"

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """Leave all as it is."""
        told = (*(earlier.edits if earlier else ()), *edits)
        return Applied(self.name, told, bare(engine))


def retrieve_of(name: str, given: Mapping[str, Any], others: Sequence[str] = ()) -> Any:
    """Return the ``retrieve`` that was given; raises SettingsError for what is new."""
    known = ("retrieve", *others)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise SettingsError(
            f"The editor “{name}” has no setting “{unknown[0]}”. It has: "
            f"{', '.join(known)}."
        )
    return given.get("retrieve")


def editor(given: Mapping[str, Any]) -> InPrompt:
    """Return the plain editor: the facts, a line each, and then the query."""
    return InPrompt(
        "prompt",
        lambda engine, edits, query: plain_edit_prompt(edits, query.text),
        retrieve_of("prompt", given),
    )


def nothing(given: Mapping[str, Any]) -> Nothing:
    """Return the editor that does nothing."""
    retrieve_of("none", given)
    return Nothing()
