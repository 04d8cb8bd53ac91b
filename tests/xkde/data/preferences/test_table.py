"""Pairs as a table: flags, filters, orders, and the rows that are shown."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.preference_samples import pair
from xkde.data.preferences.files import pairs_of, pairs_table
from xkde.data.preferences.table import (
    FLAGS,
    SORTS,
    PairFilter,
    choices,
    flags,
    margins,
    matching,
    pair_frame,
    rows_at,
    training_pairs,
)
from xkde.errors import InputError

PAIRS = [
    pair("a"),  # score -0.5, margin 1
    pair("b", target="th", relation="currency", chosen="เยน", chosen_language="th"),
    pair("c", chosen_score=None, given_margin=3.0, chosen_is_right=False),
    pair("d", chosen_score=-0.25, prompt="Capital of Japan?", fact="city/osaka"),
    pair("e", rejected_score=None, rejected="Tokyo", rejected_language="en"),
    pair("f", source="", target="", chosen="大阪大阪大阪", rejected_score=-0.5),
]
FRAME = pair_frame(pairs_table(PAIRS))


def ids(wanted: PairFilter) -> str:
    return "".join(PAIRS[i].id for i in matching(FRAME, wanted))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (PairFilter(), "abcdef"),
        (PairFilter(direction="en→zh"), "acde"),
        (PairFilter(direction="en→th"), "b"),
        (PairFilter(direction="th→en"), ""),
        (PairFilter(relation="currency"), "b"),
        (PairFilter(chosen_language="th"), "b"),
        (PairFilter(rejected_language="en"), "e"),
        (PairFilter(score_from=-0.5), "abdef"),  # c is not known
        (PairFilter(score_from=-0.25), "d"),
        (PairFilter(score_to=-0.5), "abef"),
        (PairFilter(margin_from=1.0), "abcd"),
        (PairFilter(margin_from=1.0, margin_to=1.0), "ab"),
        (PairFilter(margin_to=0.0), "f"),
        (PairFilter(gap_from=1.0), "bf"),
        (PairFilter(gap_from=0.0, gap_to=0.0), "acd"),
        (PairFilter(gap_to=-1.0), "e"),
        (PairFilter(flags=("wrong_chosen",)), "c"),
        (PairFilter(flags=("wrong_chosen", "zero_gap")), ""),
        (PairFilter(text="首都"), "abcef"),
        (PairFilter(text="OSAKA"), "d"),  # in the fact
        (PairFilter(text="tokyo"), "e"),
        (PairFilter(text="o.*k"), ""),
        (PairFilter(text="o.*k", regex=True), "de"),
        (PairFilter(text="^(大阪){3}$", regex=True), "f"),
        (PairFilter(text="(?i)ТОКИО", regex=True), ""),
        (PairFilter(text="大阪", relation="capital", margin_from=2.0), "c"),
    ],
)
def test_filters(wanted: PairFilter, found: str) -> None:
    assert ids(wanted) == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (PairFilter(descending=True), "fedcba"),
        (PairFilter(sort="margin"), "fabdce"),  # e is not known: last
        (PairFilter(sort="margin", descending=True), "cdabfe"),
        (PairFilter(sort="chosen_score"), "abefdc"),
        (PairFilter(sort="chosen_score", descending=True), "dabefc"),
        (PairFilter(sort="chosen_length", descending=True), "fbacde"),
        (PairFilter(sort="length_gap"), "eacdbf"),
        (PairFilter(sort="prompt"), "dabcef"),
        (PairFilter(sort="direction"), "fbacde"),
        (PairFilter(sort="relation", descending=True), "bacdef"),
    ],
)
def test_orders(wanted: PairFilter, found: str) -> None:
    assert ids(wanted) == found


def test_rows_have_all_that_is_shown() -> None:
    rows = rows_at(FRAME, np.arange(len(PAIRS)))
    for index, (row, record) in enumerate(zip(rows, PAIRS, strict=True)):
        assert {name: row[name] for name in vars(record)} == vars(record)
        assert row["row"] == index
        assert row["margin"] == record.margin
        assert row["direction"] == record.direction
    assert [row["flags"] for row in rows] == [
        (),
        (),
        ("wrong_chosen",),
        (),
        (),
        ("zero_gap",),
    ]
    assert rows_at(FRAME, np.array([4, 1]))[0]["id"] == "e"


def test_choices() -> None:
    assert choices(FRAME, "direction") == {"en→zh": 4, "en→th": 1}
    assert choices(FRAME, "relation") == {"capital": 5, "currency": 1}
    assert choices(FRAME, "rejected_language") == {"zh": 5, "en": 1}


@pytest.mark.parametrize("text", ["(", "[a", "*", "a{2", r"(?=a)", r"(a)\1"])
def test_a_bad_expression_says_so(text: str) -> None:
    if text == "a{2":  # which is plain text to many, to ours too
        assert ids(PairFilter(text=text, regex=True)) == ""
        return
    with pytest.raises(InputError, match="not a regular expression"):
        matching(FRAME, PairFilter(text=text, regex=True))
    assert ids(PairFilter(text=text)) == ""


def test_training_pairs() -> None:
    assert [p.id for p in pairs_of(training_pairs(FRAME, 1.0))] == ["a", "b", "c", "d"]
    chosen = training_pairs(FRAME, 0.0, without=("zero_gap", "wrong_chosen"))
    assert pairs_of(chosen) == [PAIRS[0], PAIRS[1], PAIRS[3]]


def test_every_sort_and_flag_works() -> None:
    for sort in SORTS:
        assert sorted(ids(PairFilter(sort=sort))) == list("abcdef")
    for flag in FLAGS:
        assert matching(FRAME, PairFilter(flags=(flag,))).size <= 6


def test_an_empty_table() -> None:
    frame = pair_frame(pairs_table([]))
    full = PairFilter(
        direction="en→zh", margin_from=0.0, flags=("zero_gap",), text="a", regex=True
    )
    for sort in SORTS:
        assert matching(frame, replace(full, sort=sort)).size == 0
    assert choices(frame, "direction") == {}
    assert rows_at(frame, matching(frame, PairFilter())) == []


def test_margins() -> None:
    table = pairs_table(
        [
            pair("scored"),
            pair("given", chosen_score=None, given_margin=4.0),
            pair("none", rejected_score=None),
        ]
    )
    assert margins(table).to_pylist() == [1.0, 4.0, None]


UNKNOWN = {"chosen_is_right": None, "rejected_is_right": None}
WRONG = {"chosen_is_right": False, "rejected_is_right": True}


@pytest.mark.parametrize(
    ("changes", "raised"),
    [
        ({}, set()),
        ({"chosen_is_right": False}, {"wrong_chosen"}),
        (UNKNOWN, set()),
        ({"rejected_score": -0.5}, {"zero_gap"}),
        ({"chosen_score": None}, set()),
        (WRONG, {"wrong_chosen", "reward_against_correctness"}),
        ({**WRONG, "chosen_score": None}, {"wrong_chosen"}),
        ({"rejected_score": -0.1}, {"reward_against_correctness"}),
        ({**UNKNOWN, "rejected_score": -0.1}, set()),
        ({"chosen_language": "en"}, {"language_mismatch"}),
        ({"rejected_language": "en"}, set()),  # that may be why it is rejected
        ({"chosen_language": ""}, set()),
        ({"rejected": "大阪。"}, {"near_duplicate"}),
        ({"rejected": "东京" * 30}, {"length_outlier"}),
    ],
)
def test_flags_by_hand(changes: dict[str, object], raised: set[str]) -> None:
    table = pairs_table([pair("good"), pair("other", **changes)])
    found = flags(table)
    assert tuple(found) == tuple(FLAGS)
    assert {name for name, mask in found.items() if mask[1].as_py()} == raised
    assert not any(mask[0].as_py() for mask in found.values())


def test_flags_of_nothing() -> None:
    assert all(len(mask) == 0 for mask in flags(pairs_table([])).values())


@pytest.mark.parametrize("city", ["Осака", "โอซากะ", "大阪", "Ōsaka"])
def test_letters_of_any_script_are_letters(city: str) -> None:
    other = pair("b", chosen="x y", rejected="z y")
    frame = pair_frame(pairs_table([pair("a", chosen=f"«{city}»"), other]))
    for pattern in (r"«\w+»", r"«[\w-]+»", r"^\W\w+\W$"):
        found = matching(frame, PairFilter(text=pattern, regex=True))
        assert found.tolist() == [0], pattern
    with pytest.raises(InputError, match="borders of words"):
        matching(frame, PairFilter(text=rf"\b{city}\b", regex=True))
    border = rf"(^|\PL){city}(\PL|$)"
    assert matching(frame, PairFilter(text=border, regex=True)).tolist() == [0]


def test_borders_of_latin_words_are_found() -> None:
    frame = pair_frame(pairs_table([pair("a", chosen="in Osaka."), pair("b")]))
    found = matching(frame, PairFilter(text=r"\bOsaka\b", regex=True))
    assert found.tolist() == [0]
