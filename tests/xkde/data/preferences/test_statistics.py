"""Statistics of samples and pairs, by hand."""

import json

import pytest

from tests.helpers.preference_samples import pair, sample, scores
from xkde.data.preferences.files import Pair, pairs_table
from xkde.data.preferences.statistics import (
    Numbers,
    lines,
    pair_statistics,
    sample_statistics,
)
from xkde.data.preferences.table import pair_frame


def described(*pairs: Pair) -> Numbers:
    return pair_statistics(pair_frame(pairs_table(pairs)))


SAMPLES = [
    # Two right texts (one gold twice), two wrong ones: 2 × 2 comparisons.
    sample("1", ("大阪", "大阪。", "大阪市", "东京", "京都"), ("大阪", "大阪市")),
    sample("2", ("โตเกียว", "โตเกียว"), ("โอซากา",), target="th"),
    sample("3", ("", "大阪")),
]
# 大阪 -1, 大阪市 -3, 东京 -2, 京都 -1: 东京 and 京都 beat 大阪市; 京都 ties 大阪.
SCORED = scores("1", -1.0, -1.0, -9.0, -3.0, -2.0, -1.0) + scores("3", 0.0, 0.0, -1.0)


def test_samples_by_hand() -> None:
    found = sample_statistics(SAMPLES, SCORED)
    assert (found["prompts"], found["answers"]) == (3, 9)
    # Distinct after normalisation: 4 of 5, 1 of 2, 2 of 2.
    assert found["distinct"] == {"share": 7 / 9, "hits": 7, "n": 9}
    assert found["one_answer_only"]["hits"] == 1
    assert found["right"]["hits"] == 4
    assert found["empty"]["hits"] == 1
    assert found["cut"]["hits"] == 0
    assert found["wrong_scores_higher"] == {
        "share": 0.5,
        "hits": 2,
        "n": 4,
        "by_direction": {"en→zh": {"share": 0.5, "hits": 2, "n": 4}},
    }


def test_samples_without_scores() -> None:
    found = sample_statistics(SAMPLES)
    assert found["wrong_scores_higher"]["share"] is None
    assert sample_statistics([])["distinct"]["share"] is None


def test_wrong_chosen_counts_what_is_known() -> None:
    found = described(
        pair("1"),
        pair("2", chosen_is_right=False),
        pair("3", chosen_is_right=None),
    )
    assert found["wrong_chosen"] == {"share": 0.5, "hits": 1, "n": 2}
    assert (found["pairs"], found["prompts"]) == (3, 1)


def test_reward_against_correctness_by_direction() -> None:
    wrong = {"chosen_is_right": False, "rejected_is_right": True}
    found = described(
        pair("1"),
        pair("2", **wrong),
        pair("3", target="th", chosen_score=-2.0),  # the gold scores lower
        pair("4", target="th"),
        pair("5", target="th"),
        pair("6", chosen_is_right=False),  # neither is right: nothing to agree on
        pair("7", chosen_score=None),
    )["reward_against_correctness"]
    assert (found["hits"], found["n"], found["share"]) == (2, 5, 0.4)
    assert found["by_direction"] == {
        "en→th": {"share": 1 / 3, "hits": 1, "n": 3},
        "en→zh": {"share": 0.5, "hits": 1, "n": 2},
    }


def test_length_bias_by_hand() -> None:
    found = described(
        pair("1", chosen="aaaa", rejected="bb", chosen_score=-1.0, rejected_score=-3.0),
        pair("2", chosen="aaa", rejected="bbb", chosen_score=-2.0, rejected_score=None),
        pair("3", chosen="a", rejected="bbbbb", chosen_score=-4.0, rejected_score=0.0),
    )["length"]
    assert found["mean_gap"] == pytest.approx((2 + 0 - 4) / 3)
    assert (found["chosen_longer"]["hits"], found["rejected_longer"]["hits"]) == (1, 1)
    # Scores are lengths less five, where there is a score: 4, 2, 3, 1, 5.
    assert found["score_correlation"] == pytest.approx(1.0)


def test_no_correlation_without_variation() -> None:
    assert described(pair("1"))["length"]["score_correlation"] is None
    one = pair("1", chosen="a", rejected="bbb", rejected_score=None)
    assert described(one)["length"]["score_correlation"] is None


def test_flags_and_margins() -> None:
    found = described(
        pair("1"),
        pair("2", rejected_score=-0.5, chosen_language="en"),
        pair("3", target="", chosen_is_right=False, chosen_score=None),
    )
    assert found["flags"]["zero_gap"] == found["flags"]["language_mismatch"] == 1
    assert found["flags_by_language"]["zh"]["pairs"] == 2
    assert found["flags_by_language"]["zh"]["zero_gap"] == 1
    assert found["flags_by_language"]["?"]["wrong_chosen"] == 1
    assert found["margin"]["n"] == 2
    assert found["margin"]["median"] == 0.5
    assert found["pairs_by_direction"] == {"en→zh": 2, "en→": 1}


def test_in_words_and_in_json() -> None:
    empty = described()
    for found in (empty, described(pair("1")), sample_statistics(SAMPLES, SCORED)):
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        told = dict(lines(found))
        assert all(isinstance(value, str) and value for value in told.values())
    assert told["wrong scores higher, en→zh"] == "0.500 (2 of 4)"
    assert dict(lines(empty))["wrong chosen"] == "not known"
