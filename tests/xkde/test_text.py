"""The one normalisation: what it forgets, and what it must keep apart."""

import pytest

from xkde.text import (
    has_half_character,
    mentions,
    normalise,
    parse_json,
    repeats_itself,
    unaccented,
    year_of,
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Osaka", "osaka"),
        ("  Rio   de\tJaneiro\n", "rio de janeiro"),
        ("ＯＳＡＫＡ　１２３", "osaka 123"),  # full width
        ("「大阪」。", "大阪"),
        ("大阪！？", "大阪"),
        ("What is the currency of Japan?", "what is the currency of japan"),
        ("¿Cuál es la moneda de Japón?", "cuál es la moneda de japón"),
        ("Straße", "strasse"),
        ("Port-au-Prince", "port au prince"),
        ("Côte d'Ivoire", "côte d ivoire"),
        ("Antigua & Barbuda", "antigua barbuda"),
        ("5 €", "5"),
        ("", ""),
        ("?!…", ""),
    ],
)
def test_by_hand(text: str, plain: str) -> None:
    assert normalise(text) == plain


def test_accents_and_thai_vowels_tell_words_apart() -> None:
    assert normalise("Peru") != normalise("Perú")
    assert normalise("มา") != normalise("มี")
    assert normalise("ไม่") != normalise("ไม้")  # only the tone mark differs


def test_composed_and_decomposed_letters_are_one() -> None:
    assert normalise("Jap\u006f\u0301n") == normalise("Japón")
    assert normalise("ＡＢ") == normalise("ab")


@pytest.mark.parametrize("text", ["日元。", "Île-de-FRANCE", "เยน ญี่ปุ่น?", "ŐŰ ß ﬁ"])
def test_twice_is_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_turkish_capitals_are_their_small_letters() -> None:
    assert normalise("İSTANBUL") == normalise("istanbul")


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("1990", 1990),
        ("1990年", 1990),
        ("１９９０ 年", 1990),
        ("1990년", 1990),
        ("1990 год", 1990),
        ("in the year 1990.", 1990),
        ("roku 1990", 1990),
        ("๑๙๙๐", 1990),
        ("ค.ศ. 1990", 1990),
        ("พ.ศ. 2533", 1990),
        ("1990'da", 1990),
        ("19900", None),
        ("990", None),
        ("12 May 1990", None),
        ("1990s", None),
        ("1990年5月", None),
        ("", None),
    ],
)
def test_years(text: str, year: int | None) -> None:
    assert year_of(text) == year


def test_names_are_mentioned_as_words() -> None:
    assert mentions("In Osaka, now", "OSAKA")
    assert not mentions("Osakans", "Osaka") and not mentions("Neosaka", "Osaka")
    assert mentions("在Osaka市", "Osaka")
    assert mentions("日本的大阪市", "大阪")
    assert mentions("2006年", "2006") and not mentions("12006", "2006")
    assert not mentions("белорусский", "русский") and mentions("в Осаке", "Осаке")
    assert not mentions("Ελλάδας", "Ελλάδα") and mentions("στην Ελλάδα.", "ελλάδα")
    assert mentions("오사카입니다", "오사카") and not mentions("북한국", "한국")
    assert not mentions("จีนี", "จีน")  # a vowel of the last letter follows
    assert not mentions("Osaka", "") and not mentions("", "Osaka")


def test_of_names_in_each_other_the_longest_is_mentioned() -> None:
    assert mentions("都柏林", "柏林") and not mentions("都柏林", "柏林", ["都柏林"])
    assert mentions("都柏林、柏林", "柏林", ["都柏林"])
    assert not mentions("New York City", "York", ["New York"])
    assert mentions("York, New York", "York", ["New York"])


def test_what_nobody_sees_parts_no_words() -> None:
    for invisible in "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0f":
        assert normalise(f"Osa{invisible}ka") == "osaka"
    assert normalise("Osa\u00a0ka") == normalise("Osa\tka") == "osa ka"


def test_turkish_letters_are_one_in_both_cases() -> None:
    assert normalise("DIYARBAKIR") == normalise("Diyarbakır") == "diyarbakir"
    assert normalise("İzmir") == normalise("IZMIR") == normalise("ızmir")


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("Osaka, Osaka, Osaka, Os", True),
        ("大阪大阪大阪大阪", True),
        ("The capital is Osaka. It is so. It is so. It is so. It", True),
        ("!!! ha ha ha ha ha", True),
        ("大阪大阪", False),
        ("Osaka, in Japan, a city of Japan", False),
        ("2000", False),
        ("", False),
    ],
)
def test_repetition(text: str, repeats: bool) -> None:
    assert repeats_itself(text) is repeats


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Ósaka", "osaka"),
        ("Hà Nội", "ha noi"),
        ("ĐÀ NẴNG", "da nang"),
        ("Złoty", "zloty"),
        ("Iğdır", "igdir"),
        ("Андрей", "андрей"),  # й is a letter of its own
        ("ญี่ปุ่น", "ญี่ปุ่น"),
        ("大阪", "大阪"),
    ],
)
def test_without_accents(text: str, plain: str) -> None:
    assert unaccented(text) == plain


@pytest.mark.parametrize("text", ["", "[", "[" * 5000, '{"a":' * 150 + "1" + "}" * 150])
def test_what_is_no_json_or_too_deep_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
    with pytest.raises(ValueError):
        parse_json(text.encode())


def test_json_is_read() -> None:
    assert parse_json('[{"a": [1]}]') == parse_json(b'[{"a": [1]}]') == [{"a": [1]}]
    many = "[" + ", ".join(["[]"] * 500) + "]"
    assert len(parse_json(many)) == 500


def test_half_a_character_is_seen() -> None:
    assert has_half_character("a\ud800")
    assert not has_half_character("大阪 🗾")
