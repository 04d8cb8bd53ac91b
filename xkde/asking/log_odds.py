"""Which of two answers a model prefers: the log-odds that ORPO learns from.

p is the exponential of an answer's mean log-probability per token, its end included,
and its odds are p / (1 - p), as in the paper's equation 9. Everything is teacher-forced
on the prompt as it was trained on. Knows no page; takes any engine that encodes and
scores.

Run its tests: ``python -m pytest tests/xkde/asking/test_log_odds.py``
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from xkde.asking.explanation import Engine
from xkde.prompts import answered

ALMOST_CERTAIN = -1e-6  # where the odds are cut off, as in training


@dataclass(frozen=True)
class Liking:
    """How a model takes to one answer; ``mean`` is a log-probability per token."""

    tokens: int
    mean: float

    @property
    def log_odds(self) -> float:
        """The logarithm of p / (1 - p); 0 where the model gives each token a half."""
        mean = min(self.mean, ALMOST_CERTAIN)
        return mean - math.log(-math.expm1(mean))


@dataclass(frozen=True)
class Preference:
    """One model, one pair."""

    chosen: Liking
    rejected: Liking

    @property
    def log_odds_ratio(self) -> float:
        """Above 0 where the model prefers the chosen answer."""
        return self.chosen.log_odds - self.rejected.log_odds


def preference(engine: Engine, prompt: str, chosen: str, rejected: str) -> Preference:
    """Score both answers to a prompt; raises InputError if they are too long."""
    one, other = likings(engine, prompt, (chosen, rejected))
    return Preference(one, other)


def likings(engine: Engine, prompt: str, answers: Sequence[str]) -> list[Liking]:
    """Score answers to one prompt."""
    told = [engine.encode(answered(prompt, answer)) for answer in answers]
    scores = engine.score([(each.prompt_ids, each.answer_ids) for each in told])
    return [
        Liking(len(score.tokens), score.log_probability / len(score.tokens))
        for score in scores
    ]
