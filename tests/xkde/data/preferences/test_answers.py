"""What an answer's text shows, by hand: right, near-duplicate, script, language."""

import pytest

from xkde.data.preferences.answers import (
    answer_language,
    edit_distance,
    fits_language,
    is_near_duplicate,
    script_of,
)
from xkde.text import is_one


def test_right_is_one_of_the_golds() -> None:
    assert is_one(" Osaka. ", ("Ōsaka", "osaka"))
    assert not is_one("Osaka city", ("Osaka",))
    assert not is_one("?", ("!",))


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
    assert fits_language(language, target) is fitting
