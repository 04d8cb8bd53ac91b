"""Right answers, intervals and means, by hand."""

import math

import pytest

from xkde.evaluation.scoring.answers import (
    alias_match,
    contains,
    exact_match,
    f1,
    lenient_match,
    mean,
    tokens,
    year_match,
)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("Osaka", "osaka"),
        (" Osaka. ", "Osaka"),
        ("ＯＳＡＫＡ", "Osaka"),
        ("日元。", "日元"),
        ("「日元」", "日元"),
        ("１９８４年", "1984年"),
        ("เยนญี่ปุ่น.", "เยนญี่ปุ่น"),
        ("“Workers’ Party”", "Workers' Party"),
        ("¿Tokio?", "Tokio"),
        ("Йена", "йена"),
    ],
)
def test_the_same_answer(answer: str, gold: str) -> None:
    assert exact_match(answer, gold)
    assert exact_match(gold, answer)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("Osaka, Japan", "Osaka"),
        ("It is Osaka", "Osaka"),
        ("大阪市", "大阪"),
        ("1984", "1984年"),
        ("Osaka", "Ósaka"),
        ("", "Osaka"),
        ("Osaka", ""),
        ("", ""),  # an empty gold is nobody's answer
        ("?", "!"),
    ],
)
def test_another_answer(answer: str, gold: str) -> None:
    assert not exact_match(answer, gold)


def test_mean() -> None:
    assert mean([1.0, 2.0, 6.0]) == 3.0
    assert math.isnan(mean([]))


def test_aliases() -> None:
    assert alias_match("UK", "United Kingdom", ["U.K.", "uk"])
    assert not alias_match("U K", "United Kingdom", ["UK"])
    assert alias_match("united kingdom", "United Kingdom")
    assert not alias_match("", "", [""])


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        ("1990年", "1990", True),
        ("1990", "1990年", True),
        ("in 1990", "1990", True),
        ("１９９０年。", "1990", True),
        ("1990 году", "1990 год", True),
        ("năm 1990", "1990", True),
        ("พ.ศ. 2533", "1990", True),
        ("1991年", "1990", False),
        ("1990年4月", "1990", False),  # a date says more
        ("1990 people", "1990", False),
        ("1990", "Osaka", False),
        ("199", "199", False),  # no year; exact match is another metric
    ],
)
def test_years(answer: str, gold: str, same: bool) -> None:
    assert year_match(answer, gold) is same
    assert exact_match(answer, gold) <= lenient_match(answer, gold)
    assert lenient_match(answer, gold) is (same or exact_match(answer, gold))


@pytest.mark.parametrize(
    ("answer", "gold", "there"),
    [
        ("It is Osaka now.", "Osaka", True),
        ("Osakan", "Osaka", False),
        ("日本的首都是大阪。", "大阪", True),
        ("答案是Osaka。", "Osaka", True),  # beside Chinese a word ends
        ("В Осаке", "Осака", False),
        ("anything", "", False),
    ],
)
def test_contains(answer: str, gold: str, there: bool) -> None:
    assert contains(answer, gold) is there
    assert contains(answer, "nowhere", [gold]) is there


def test_f1_by_hand() -> None:
    # two of three said, two of two wanted: P = 2/3, R = 1, F1 = 4/5
    assert f1("Workers Party now", "Workers Party", "en") == pytest.approx(0.8)
    # characters: 大阪市 against 大阪, P = 2/3, R = 1
    assert f1("大阪市", "大阪", "zh") == pytest.approx(0.8)
    assert f1("大阪市", "大阪", "en") == 0.0  # one word each
    # counted with their number: "a b b" and "b b b" share two of three each
    assert f1("x b b", "b b b", "de") == pytest.approx(2 / 3)
    assert f1("Tokyo", "Osaka", "en") == 0.0
    assert f1("", "Osaka", "en") == 0.0
    assert f1("Osaka", "Tokyo", "en", ["osaka"]) == 1.0


def test_english_articles_do_not_count_in_english() -> None:
    assert f1("the Labour Party", "Labour Party", "en") == 1.0
    assert f1("The Who", "Who", "en") == 1.0
    assert tokens("The The", "en") == ["the", "the"]  # nothing else is there
    # said: the, labour, party; two of them wanted
    assert f1("the Labour Party", "Labour Party", "nl") == pytest.approx(0.8)
