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

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import sqrt
from typing import Any

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.editors.editor import Applied, Routed, bare, check_edits
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.languages import language
from xkde.prompts import (
    ask,
    demonstrated_prompt,
    demonstration,
    edit_prompt,
    numbered_edit_prompt,
    plain_edit_prompt,
)
from xkde.text import normalise
from xkde.types import Case, Edit, Probe, Query

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


def x_kde(given: Mapping[str, object]) -> PromptEditor:
    """Return X-KDE."""

    def words(_: TransformersEngine, edits: Sequence[Edit], query: Query) -> str:
        return edit_prompt(edits, query.text, language(query.language).name)

    return PromptEditor("x-kde", words, retrieve_of("x-kde", given))


def lte(given: Mapping[str, object]) -> PromptEditor:
    """Return LTE."""

    def words(_: TransformersEngine, edits: Sequence[Edit], query: Query) -> str:
        return numbered_edit_prompt(edits, query.text, language(query.language).name)

    return PromptEditor("lte", words, retrieve_of("lte", given))


def plain(given: Mapping[str, object]) -> PromptEditor:
    """Return the plain editor: the facts, a line each, and then the query."""

    def words(_: TransformersEngine, edits: Sequence[Edit], query: Query) -> str:
        return plain_edit_prompt(edits, query.text)

    return PromptEditor("prompt", words, retrieve_of("prompt", given))


def none(given: Mapping[str, object]) -> NoEdit:
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


POOL = 600  # of Atlas's cases, relations in turn
COUNT = 16  # demonstrations
# Of eight demonstrations one copies, three paraphrase, four retain, as in the paper.
KINDS: tuple[Probe, ...] = (
    *("locality", "generality", "locality", "reliability"),
    *("locality", "generality", "locality", "generality"),
)
ROOM_FOR_ANSWER = 64  # tokens
LETTERS = 3  # in a row, by which questions are alike

Encoder = Callable[[Sequence[str]], Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Demonstrations:
    """Where demonstrations come from; called with engine, edits and query it writes."""

    cases: Sequence[Case]
    encoder: Encoder | None = None
    count: int = COUNT
    _vectors: dict[str, list[Mapping[object, float]]] = field(default_factory=dict)
    _orders: dict[tuple[Edit, frozenset[str]], list[int]] = field(default_factory=dict)

    def __call__(
        self, engine: TransformersEngine, edits: Sequence[Edit], query: Query
    ) -> str:
        """Return the user turn: as many demonstrations as the model has room for."""
        limit = engine.max_length
        nearest = self.nearest(edits, query)
        # Each is tokenised once; two tokens for the break after it are enough.
        lengths = [len(engine.encode(ask(text)).ids) + 2 for text in nearest]
        alone = demonstrated_prompt([], edits, query.text)
        room = (limit or 2**31) - ROOM_FOR_ANSWER - len(engine.encode(ask(alone)).ids)
        chosen: list[str] = []
        for text, length in zip(nearest, lengths, strict=True):
            room -= length
            if room < 0:
                break
            chosen.append(text)
        # The nearest stand last, beside the edit.
        return demonstrated_prompt(chosen[::-1], edits, query.text)

    def nearest(self, edits: Sequence[Edit], query: Query) -> list[str]:
        """Return demonstrations, those most like the last edit first."""
        source = edits[-1].language
        usable = [
            self.cases[place]
            for place in self._order(edits)
            if all(
                query.language in self.cases[place].probes.get(kind, {})
                for kind in KINDS
            )
        ]
        return [
            _demonstration(case, KINDS[i % len(KINDS)], source, query)
            for i, case in enumerate(usable[: self.count])
        ]

    def _order(self, edits: Sequence[Edit]) -> list[int]:
        """Return the places of all cases but the edits' own, the nearest first.

        Kept: an edit is asked about in many languages.
        """
        edit = edits[-1]
        asked = frozenset(normalise(each.question) for each in edits)
        if (edit, asked) not in self._orders:
            own = self._encode([edit.question])[0]
            vectors = self._of_cases(edit.language)
            places = [
                place
                for place, case in enumerate(self.cases)
                if edit.language in case.edits
                and normalise(case.edits[edit.language].question) not in asked
            ]
            places.sort(key=lambda place: -_likeness(own, vectors[place]))
            self._orders[edit, asked] = places
        return self._orders[edit, asked]

    def _of_cases(self, code: str) -> list[Mapping[object, float]]:
        if code not in self._vectors:
            edits = [case.edits.get(code) for case in self.cases]
            questions = [edit.question if edit else "" for edit in edits]
            self._vectors[code] = self._encode(questions)
        return self._vectors[code]

    def _encode(self, texts: Sequence[str]) -> list[Mapping[object, float]]:
        if self.encoder is None:
            return [_letters(text) for text in texts]
        return [dict(enumerate(vector)) for vector in self.encoder(texts)]


def _demonstration(case: Case, kind: Probe, source: str, query: Query) -> str:
    item = case.probes[kind][query.language]
    return demonstration(case.edits[source], item.question, item.answer)


def _letters(text: str) -> Mapping[object, float]:
    """Return how often each run of three letters is in a text."""
    padded = f" {normalise(text)} "
    return Counter(padded[i : i + LETTERS] for i in range(len(padded) - LETTERS + 1))


def _likeness(one: Mapping[object, float], other: Mapping[object, float]) -> float:
    """Return the cosine of two vectors."""
    product = sum(value * other.get(key, 0.0) for key, value in one.items())
    lengths = sqrt(
        sum(v * v for v in one.values()) * sum(v * v for v in other.values())
    )
    return product / lengths if lengths else 0.0


@cache
def _atlas_pool() -> tuple[Case, ...]:
    return tuple(atlas_cases(atlas(), "train", POOL))


def ike(given: Mapping[str, Any]) -> PromptEditor:
    """Return the editor; ``cases``, ``encoder`` and ``count`` may be given."""
    retrieve = retrieve_of("ike", given, ("cases", "encoder", "count"))
    count = given.get("count", COUNT)
    if count < 0:
        raise SettingsError("IKE cannot show fewer than no demonstrations.")
    words = Demonstrations(
        given.get("cases") or _atlas_pool(), given.get("encoder"), count
    )
    return PromptEditor("ike", words, retrieve)
