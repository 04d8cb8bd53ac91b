"""Three strategies on the same answers, worked by hand; balance; the split by fact."""

from collections import Counter

import pytest

from tests.helpers.preference_samples import pair, sample, scores
from xkde.data.preferences.files import Pair
from xkde.data.preferences.pairing import (
    REASONS,
    STRATEGIES,
    PairingOptions,
    balanced,
    make_pairs,
    split_by_fact,
)
from xkde.errors import InputError

# Of five answers: Tokyo twice, the gold, Osaka in Latin letters, Kyoto.
FIVE = sample("s", ("东京", "大阪", "Osaka", "东京", "京都"))
# Mean log-probabilities; the flawed "Osaka" scores highest: -0.25 > the gold's -0.5.
SCORED = scores("s", -0.5, -2.0, -0.5, -0.25, -2.0, -1.0)


def ends(pairs: tuple[Pair, ...] | list[Pair]) -> list[tuple[str, str]]:
    return [(p.chosen, p.rejected) for p in pairs]


def test_paper_prefers_the_gold_to_every_flawed_answer() -> None:
    made = make_pairs([FIVE], SCORED, "paper")
    assert ends(made.pairs) == [("大阪", "东京"), ("大阪", "Osaka"), ("大阪", "京都")]
    assert made.answers == {"right_answer": 1, "same_text": 1}
    assert made.prompts == {}
    first = made.pairs[0]
    assert (first.id, first.chosen_origin, first.rejected_origin) == (
        "s/gold-1",
        "gold",
        "answer 1",
    )
    assert (first.chosen_score, first.rejected_score, first.margin) == (-0.5, -2, 1.5)
    assert (first.chosen_is_right, first.rejected_is_right) == (True, False)
    assert [p.rejected_language for p in made.pairs] == ["zh", "en", "zh"]
    assert (first.strategy, first.score_name) == ("paper", "symmetric")
    assert (first.fact, first.direction, first.checkpoint) == (
        "territory/JP",
        "en→zh",
        "atlas-xe-it",
    )


def test_paper_needs_no_scores() -> None:
    made = make_pairs([FIVE], [], "paper")
    assert len(made.pairs) == 3
    assert {(p.margin, p.score_name) for p in made.pairs} == {(None, "")}


def test_released_orders_by_reward_alone() -> None:
    # Rewards are 1 / cross-entropy: Osaka 1/0.25 = 4, 京都 1/1 = 1, 东京 1/2 = 0.5; the
    # gold among the answers is skipped, and so is the second 东京.
    made = make_pairs([FIVE], SCORED, "released")
    assert [(p.chosen, p.rejected, p.margin) for p in made.pairs] == [
        ("Osaka", "京都", 3.0),
        ("Osaka", "东京", 3.5),
        ("京都", "东京", 0.5),
        ("大阪", "Osaka", 4.0),  # the gold's: the answer's reward, no difference
    ]
    assert made.answers == {"right_answer": 1, "same_text": 1}
    assert [p.chosen_is_right for p in made.pairs] == [False, False, False, True]
    assert [(p.chosen_origin, p.rejected_origin) for p in made.pairs] == [
        ("answer 3", "answer 5"),
        ("answer 3", "answer 1"),
        ("answer 5", "answer 1"),
        ("gold", "answer 3"),
    ]
    assert made.pairs[-1].chosen_score is None
    assert {p.score_name for p in made.pairs} == {"target_source"}


def test_released_leaves_out_ties_and_marked_texts() -> None:
    one = sample("s", ("东京", "京都", "<<1+1>>东京"))
    made = make_pairs([one], scores("s", None, -1.0, -1.0, -2.0), "released")
    # 1–2 tie; 1–3 differ in the mark only; 2–3 is a pair; then the gold over the first.
    assert ends(made.pairs) == [("京都", "<<1+1>>东京"), ("大阪", "东京")]
    assert made.answers == {"equal_scores": 1, "same_text": 1}


def test_released_brings_equal_prompts_together() -> None:
    one, other, again = (
        sample(id_, ("东京",), prompt=prompt)
        for id_, prompt in (("1", "a"), ("2", "b"), ("3", "a"))
    )
    scored = [s for id_ in "123" for s in scores(id_, None, -1.0)]
    made = make_pairs([one, other, again], scored, "released")
    assert [p.id for p in made.pairs] == ["1/gold-1", "3/gold-1", "2/gold-1"]


def test_released_takes_other_scores_as_they_are() -> None:
    one = sample("s", ("东京", "京都"))
    scored = scores("s", None, -1.0, -3.0)
    made = make_pairs([one], scored, "released", PairingOptions(score="symmetric"))
    assert made.pairs[0].margin == pytest.approx(1 - 1 / 3)
    assert make_pairs(
        [one], scored, "released", PairingOptions(score="chrf")
    ).prompts == {"no_score": 1}


def test_ours_prefers_the_gold_to_the_hardest_flawed_answer() -> None:
    made = make_pairs([FIVE], SCORED, "ours")
    # Osaka scores above the gold; 京都 (-1.0) is nearer below it than 东京 (-2.0).
    assert ends(made.pairs) == [("大阪", "京都")]
    assert made.pairs[0].margin == 0.5
    assert made.answers == {
        "right_answer": 1,
        "same_text": 1,
        "reward_against_correctness": 1,
        "easier": 1,
    }
    two = make_pairs([FIVE], SCORED, "ours", PairingOptions(per_prompt=2))
    assert ends(two.pairs) == [("大阪", "京都"), ("大阪", "东京")]


def test_ours_wants_a_margin() -> None:
    made = make_pairs([FIVE], SCORED, "ours", PairingOptions(margin=0.5))
    assert ends(made.pairs) == [("大阪", "京都")]  # at least: 0.5 is enough
    made = make_pairs([FIVE], SCORED, "ours", PairingOptions(margin=0.6))
    assert ends(made.pairs) == [("大阪", "东京")]
    assert made.answers["small_margin"] == 1
    made = make_pairs([FIVE], SCORED, "ours", PairingOptions(margin=2.0))
    assert (made.pairs, made.prompts) == ((), {"small_margin": 1})
    assert made.answers["small_margin"] == 2


@pytest.mark.parametrize(
    ("golds", "answers", "reason"),
    [
        (("大阪",), (), "no_answers"),
        (("大阪",), ("", "  "), "empty_answer"),
        (("大阪",), ("大阪", "大阪。"), "right_answer"),
        (("大阪", "大阪市"), ("大阪市",), "right_answer"),
        (("Liberal Democratic Party",), ("Liberal Democratic Partys",), "near_dup"),
        (("Zorbograd",), ("东京",), "wrong_language"),
    ],
)
def test_ours_counts_why_a_prompt_gives_no_pair(
    golds: tuple[str, ...], answers: tuple[str, ...], reason: str
) -> None:
    target = "en" if reason == "near_dup" else "zh"
    one = sample("s", answers, golds, target=target)
    made = make_pairs([one], scores("s", -0.1, *(-1.0 for _ in answers)), "ours")
    (found,) = made.prompts
    assert (made.pairs, made.prompts[found]) == ((), 1)
    assert found.startswith(reason)


def test_ours_needs_both_scores() -> None:
    one = sample("s", ("东京",))
    for scored in ([], scores("s", -0.5, None), scores("s", None, -0.5)):
        assert make_pairs([one], scored, "ours").prompts == {"no_score": 1}


def test_ours_takes_a_prompt_once() -> None:
    twice = [sample(id_, ("东京",), prompt="the same") for id_ in ("1", "2")]
    scored = [s for id_ in "12" for s in scores(id_, -0.5, -1.0)]
    made = make_pairs(twice, scored, "ours")
    assert [p.id for p in made.pairs] == ["1/gold-1"]
    assert made.prompts == {"same_prompt": 1}


def test_ours_balances_directions() -> None:
    # Pairs by direction 5, 2, 1: the median is 2, so the first keeps two of five.
    sizes = {"zh": 5, "th": 2, "ru": 1}
    golds = {"zh": "大阪", "th": "โอซากา", "ru": "Осака"}
    many = [
        sample(f"{code}{n}", ("Kyoto",), (golds[code],), target=code)
        for code, size in sizes.items()
        for n in range(size)
    ]
    scored = [s for one in many for s in scores(one.id, -0.5, -1.0)]
    made = make_pairs(many, scored, "ours")
    assert Counter(p.target for p in made.pairs) == {"zh": 2, "th": 2, "ru": 1}
    assert made.answers == made.prompts == {"over_balance": 3}
    assert made == make_pairs(many, scored, "ours")
    every = make_pairs(many, scored, "ours", PairingOptions(balance=0))
    assert len(every.pairs) == 8
    assert set(made.pairs) < set(every.pairs)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_prompts_are_accounted_for(strategy: str) -> None:
    texts = [
        ("东京", "大阪"),
        ("大阪",),
        (),
        ("",),
        ("东京", "东京"),
        ("京都", "Osaka"),
    ]
    many = [sample(str(n), texts[n % 6], prompt=f"{n % 10}") for n in range(30)]
    scored = [s for one in many[::2] for s in scores(one.id, -0.5, -1.0, -1.2)]
    made = make_pairs(many, scored, strategy)
    with_pairs = {p.id.split("/")[0] for p in made.pairs}
    assert len(with_pairs) + sum(made.prompts.values()) == len(many)
    assert len({p.id for p in made.pairs}) == len(made.pairs)
    assert {*made.answers, *made.prompts} <= set(REASONS)
    for p in made.pairs:
        assert p.chosen.strip() and p.rejected.strip() and p.chosen != p.rejected


def test_names_that_are_none() -> None:
    with pytest.raises(InputError, match="paper, released, ours"):
        make_pairs([], [], "theirs")
    with pytest.raises(InputError, match="symmetric"):
        make_pairs([], [], "ours", PairingOptions(score="bleu"))


def test_balance_of_nothing() -> None:
    assert balanced([], 1.0, 0) == []
    assert make_pairs([], [], "ours").pairs == ()


FACTS = [
    pair(f"{fact}/{code}", fact=f"city/{fact}", target=code)
    for fact in range(20)
    for code in ("zh", "th")
]


def test_no_fact_is_on_both_sides() -> None:
    train, dev = split_by_fact(FACTS, 0.25, seed=0)
    assert len({p.fact for p in dev}) == 5
    assert not {p.fact for p in train} & {p.fact for p in dev}
    assert sorted(p.id for p in train + dev) == sorted(p.id for p in FACTS)
    assert split_by_fact(FACTS, 0.0, seed=0) == (FACTS, [])
    assert split_by_fact(FACTS, 1.0, seed=0) == ([], FACTS)


def test_the_split_depends_on_facts_and_seed_alone() -> None:
    dev = split_by_fact(FACTS, 0.25, seed=0)[1]
    fewer = [p for p in FACTS if p.target == "th"]
    again = split_by_fact(fewer[::-1], 0.25, seed=0)[1]
    assert {p.fact for p in again} == {p.fact for p in dev}
    assert split_by_fact(FACTS, 0.25, seed=1)[1] != dev


def test_pairs_without_a_fact_are_held_by_their_prompt() -> None:
    many = [pair(str(n), fact="", prompt=f"p{n // 2}") for n in range(20)]
    train, dev = split_by_fact(many, 0.5, seed=3)
    assert len({p.prompt for p in dev}) == 5
    assert not {p.prompt for p in train} & {p.prompt for p in dev}
