"""Why a model said that: its probability of each token, of the new and the old answer.

Everything is teacher-forced on the very prompt that was sent. Knows no page; takes any
engine that encodes and scores.

Run its tests: ``python -m pytest tests/xkde/asking/test_session.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from xkde.prompts import Encoded, answered
from xkde.prompts import ask as conversation
from xkde.types import AnswerScore, Message


class Engine(Protocol):
    """What is asked of an engine."""

    tokenizer: Any

    def encode(self, messages: Sequence[Message]) -> Encoded: ...
    def score(
        self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[AnswerScore]: ...


@dataclass(frozen=True)
class Explanation:
    """One model, one query. ``new`` and ``old`` are None where nobody knows them."""

    prompt: str  # as tokenised, turn marks included
    tokens: tuple[tuple[int, str], ...]  # of the prompt
    said: AnswerScore | None  # None if it said nothing
    new: float | None  # probability of the whole answer, its end included
    old: float | None


def explain(
    engine: Engine,
    prompt: str,
    answer_ids: Sequence[int],
    new: str,
    old: str,
    language: str = "",
) -> Explanation:
    """Score what a model said to a query in a language, and what it might have said."""
    asked = engine.encode(conversation(prompt, language))
    pairs = [(asked.ids, tuple(answer_ids))] if answer_ids else []
    golds = [gold for gold in (new, old) if gold]
    for gold in golds:
        told = engine.encode(answered(prompt, gold, language))
        pairs.append((told.prompt_ids, told.answer_ids))
    scores = engine.score(pairs) if pairs else []
    probabilities = [score.probability for score in scores[len(scores) - len(golds) :]]
    by_gold = dict(zip(golds, probabilities, strict=True))
    return Explanation(
        prompt=asked.text,
        tokens=tuple((i, engine.tokenizer.decode([i])) for i in asked.ids),
        said=scores[0] if answer_ids else None,
        new=by_gold.get(new),
        old=by_gold.get(old),
    )
