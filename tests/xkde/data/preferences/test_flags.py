"""What to doubt in a pair, by hand: near-duplicates, languages, and all six flags.

python -m pytest tests/xkde/data/preferences/test_flags.py
"""

import pytest

from tests.helpers.preference_samples import pair
from xkde.data.preferences.answer_language import answer_language, fits, script_of
from xkde.data.preferences.answers import (
    edit_distance,
    is_length_outlier,
    is_near_duplicate,
    is_right,
)
from xkde.data.preferences.files import pairs_table
from xkde.data.preferences.flags import FLAGS, flags, margins


def test_right_is_one_of_the_golds() -> None:
    assert is_right(" Osaka. ", ("Ōsaka", "osaka"))
    assert not is_right("Osaka city", ("Osaka",))
    assert not is_right("?", ("!",))


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("", "", 0),
        ("kitten", "sitting", 3),
        ("abc", "", 3),
        ("", "ab", 2),
        ("abcd", "bcd", 1),
        ("abcdef", "azced", 3),
        ("saturday", "sunday", 3),
        ("abc", "xyz", 3),
    ],
)
def test_edit_distance_by_hand(one: str, other: str, distance: int) -> None:
    for limit in range(6):
        expected = min(distance, limit + 1)
        assert edit_distance(one, other, limit) == expected
        assert edit_distance(other, one, limit) == expected


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("Osaka", "osaka.", True),
        ("ＯＳＡＫＡ", "Osaka", True),
        ("Democratic Party", "Democratic Partyy", True),
        ("Democratic Party", "Domecratic Party", True),
        ("Iran", "Iraq", False),  # two short names, one letter apart
        ("Austria", "Australia", False),
        ("Slovakia", "Slovenia", False),
        ("founded in 1984", "founded in 1985", False),
        ("大阪", "东京", False),
        ("Osaka", "", False),
    ],
)
def test_near_duplicates(one: str, other: str, near: bool) -> None:
    assert is_near_duplicate(one, other) is near
    assert is_near_duplicate(other, one) is near


def test_length_outliers() -> None:
    assert is_length_outlier("a" * 10, "a" * 51)
    assert is_length_outlier("a" * 51, "a" * 10)
    assert not is_length_outlier("a" * 10, "a" * 50)  # by 40, not over
    assert not is_length_outlier("a" * 14, "a" * 56)  # four times, not over


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Osaka", "Latn"),
        ("Örebro", "Latn"),
        ("Москва", "Cyrl"),
        ("กรุงเทพมหานคร", "Thai"),
        ("东京", "Hans"),
        ("東京は首都です", "Jpan"),
        ("서울", "Kore"),
        ("القاهرة", "Arab"),
        ("1984", ""),
        ("", ""),
        ("?!", ""),
        ("Osaka (大阪)", "Latn"),
    ],
)
def test_scripts(text: str, script: str) -> None:
    assert script_of(text) == script


@pytest.mark.parametrize(
    ("text", "target", "source", "found"),
    [
        ("Japan", "en", "zh", "en"),
        ("Japón", "en", "", "es"),
        ("Giappone", "en", "", "und-Latn"),  # no name of the twelve languages
        ("Japan", "nl", "en", "nl"),  # Dutch and English alike: the target first
        ("Japan", "zh", "de", "de"),  # then the source
        ("Japan", "zh", "", "en"),  # then Atlas's order
        ("日本", "zh", "", "zh"),
        ("没有这个名字", "en", "", "zh"),
        ("没有这个名字", "ja", "", "ja"),
        ("это не имя", "zh", "", "ru"),
        ("це не ім'я", "uk", "en", "uk"),
        ("서울", "zh", "", "ko"),
        ("القاهرة", "zh", "", "und-Arab"),  # Arabic, Persian, Urdu
        ("القاهرة", "fa", "", "fa"),
        ("1984", "en", "", ""),
        ("Zorbograd", "fr", "en", "und-Latn"),
        ("Zorbograd", "", "", "und-Latn"),
    ],
)
def test_languages(text: str, target: str, source: str, found: str) -> None:
    assert answer_language(text, target, source) == found


def test_a_gold_is_in_the_target_language() -> None:
    assert answer_language("Linux.", "zh", "en", ("Linux",)) == "zh"
    assert answer_language("Linux", "zh", "en") == "und-Latn"


@pytest.mark.parametrize(
    ("language", "target", "fitting"),
    [
        ("zh", "zh", True),
        ("en", "zh", False),
        ("und-Latn", "fr", None),
        ("und-Latn", "zh", False),
        ("", "zh", None),
        ("en", "", None),
        ("en", "xx", None),
    ],
)
def test_fitting(language: str, target: str, fitting: bool | None) -> None:
    assert fits(language, target) is fitting


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
    assert {name for name, mask in found.items() if mask[1]} == raised
    assert not any(mask[0] for mask in found.values())


def test_flags_of_nothing() -> None:
    assert all(len(mask) == 0 for mask in flags(pairs_table([])).values())
