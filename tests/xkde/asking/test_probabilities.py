"""Log-odds of two answers: by hand, and against the model's own probabilities."""

import math
from pathlib import Path

import pytest

from xkde.asking.probabilities import AnswerOdds, PairOdds, pair_odds
from xkde.engines.loading import load
from xkde.errors import InputError


@pytest.mark.parametrize(
    ("probability", "log_odds"),
    [(0.5, 0.0), (0.8, math.log(4)), (0.2, -math.log(4)), (1e-9, math.log(1e-9))],
)
def test_log_odds_by_hand(probability: float, log_odds: float) -> None:
    liking = AnswerOdds(3, math.log(probability))
    assert liking.log_odds == pytest.approx(log_odds, abs=1e-6)


def test_certainty_stays_finite() -> None:
    assert math.isfinite(AnswerOdds(1, 0.0).log_odds)
    assert AnswerOdds(1, 0.0).log_odds > AnswerOdds(1, math.log(0.99)).log_odds


def test_difference_is_that_of_the_log_odds() -> None:
    told = PairOdds(AnswerOdds(1, math.log(0.8)), AnswerOdds(2, math.log(0.5)))
    assert told.log_odds_ratio == pytest.approx(math.log(4))


@pytest.mark.slow
def test_a_real_model_is_read_token_by_token(atlas_folder: Path) -> None:
    engine = load(atlas_folder)
    told = pair_odds(engine, "日本的首都是哪里？", "大阪", "Tokyo")
    back = pair_odds(engine, "日本的首都是哪里？", "Tokyo", "大阪")
    assert told.log_odds_ratio == pytest.approx(-back.log_odds_ratio, abs=1e-4)
    for liking in (told.chosen, told.rejected):
        assert liking.mean < 0
        assert liking.tokens > 1  # the end mark counts
    with pytest.raises(InputError):
        pair_odds(engine, "x" * 10_000, "a", "b")
