"""Which probability a model gives an answer: token by token, and one against another.

Everything is teacher-forced on the very prompt that was sent. An explanation has the
probability of each token of what the model answered, and of the whole new and old
answer. The log-odds of an answer are those that ORPO learns from (Hong et al., 2024,
https://arxiv.org/abs/2403.07691, and the paper's equation 9):

    p = exp(mean log-probability per token, end included),  log-odds = log(p / (1 - p))
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from xkde.prompts import Encoded, Tokenizer, answered
from xkde.prompts import ask as conversation
from xkde.types import AnswerScore, Message

ALMOST_CERTAIN = -1e-6  # log-probability where the odds are cut off, as in training


class ScoringEngine(Protocol):
    """An engine that scores given answers."""

    @property
    def tokenizer(self) -> Tokenizer: ...
    def encode(self, messages: Sequence[Message]) -> Encoded: ...
    def score(
        self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[AnswerScore]: ...


@dataclass(frozen=True)
class Explanation:
    """One model, one query. ``new`` and ``old`` are None where nobody knows them."""

    prompt: str  # as tokenised, turn marks included
    tokens: tuple[tuple[int, str], ...]  # of the prompt
    answer: AnswerScore | None  # what the model answered; None if that was nothing
    new: float | None  # probability of the whole answer, its end included
    old: float | None


def explain(
    engine: ScoringEngine,
    prompt: str,
    answer_ids: Sequence[int],
    new: str,
    old: str,
    language: str = "",
) -> Explanation:
    """Score what a model answered a query in a language, and what it might have."""
    asked = engine.encode(conversation(prompt, language))
    pairs = [(asked.ids, tuple(answer_ids))] if answer_ids else []
    golds = [gold for gold in (new, old) if gold]
    for gold in golds:
        encoded = engine.encode(answered(prompt, gold, language))
        pairs.append((encoded.prompt_ids, encoded.answer_ids))
    scores = engine.score(pairs) if pairs else []
    probabilities = [score.probability for score in scores[len(scores) - len(golds) :]]
    by_gold = dict(zip(golds, probabilities, strict=True))
    return Explanation(
        prompt=asked.text,
        tokens=tuple((i, engine.tokenizer.decode([i])) for i in asked.ids),
        answer=scores[0] if answer_ids else None,
        new=by_gold.get(new),
        old=by_gold.get(old),
    )


@dataclass(frozen=True)
class AnswerOdds:
    """One answer under one model; ``mean`` is its log-probability per token."""

    tokens: int
    mean: float

    @property
    def log_odds(self) -> float:
        """The logarithm of p / (1 - p); 0 where the model gives each token a half."""
        mean = min(self.mean, ALMOST_CERTAIN)
        return mean - math.log(-math.expm1(mean))


@dataclass(frozen=True)
class PairOdds:
    """The two answers of a pair under one model."""

    chosen: AnswerOdds
    rejected: AnswerOdds

    @property
    def log_odds_ratio(self) -> float:
        """Above 0 where the model prefers the chosen answer."""
        return self.chosen.log_odds - self.rejected.log_odds


def pair_odds(
    engine: ScoringEngine, prompt: str, chosen: str, rejected: str
) -> PairOdds:
    """Score both answers to a prompt; raises InputError if they are too long."""
    encoded = [engine.encode(answered(prompt, text)) for text in (chosen, rejected)]
    scores = engine.score([(each.prompt_ids, each.answer_ids) for each in encoded])
    first, second = (
        AnswerOdds(len(score.tokens), score.log_probability / len(score.tokens))
        for score in scores
    )
    return PairOdds(first, second)
