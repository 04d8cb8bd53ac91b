"""One answer, all that is measured of it, by hand."""

import pytest

from xkde.evaluation.scoring.answers import (
    Score,
    exact_match,
    in_language,
    score,
    spoken,
)

OSAKA = {"en": "Osaka", "cs": "Ósaka", "de": "Osaka", "zh": "大阪", "ru": "Осака"}
ALL = ("en", "cs", "de", "zh", "ru")


def test_names_tell_before_scripts() -> None:
    assert spoken("osaka.", ALL, OSAKA).languages == ("en", "de")
    assert spoken("Ósaka", ALL, OSAKA).languages == ("cs",)
    assert spoken("Ósaka", ALL, OSAKA).by == "name"
    assert spoken("Kjóto", ALL, OSAKA).languages == ("en", "cs", "de")
    assert spoken("Kjóto", ALL, OSAKA).by == "script"
    assert spoken("京都", ALL).languages == ("zh",)
    assert spoken("1998", ALL).by == "none"
    assert spoken("เกียวโต", ALL).languages == ()


@pytest.mark.parametrize(
    ("answer", "wanted", "other", "told"),
    [
        ("大阪", "zh", "en", True),
        ("Osaka", "zh", "en", False),
        ("京都", "zh", "en", True),  # unknown, told by script
        ("Kyoto", "zh", "en", False),
        ("Kyoto", "en", "zh", True),
        ("Kyoto", "cs", "en", None),  # Latin letters both
        ("Ósaka", "cs", "en", True),
        ("Osaka", "cs", "en", False),
        ("Osaka", "de", "en", None),  # its name in both
        ("Осака", "cs", "en", False),  # neither
        ("1998", "zh", "en", None),
        ("", "zh", "en", None),
        ("Kyoto", "en", "en", None),
        ("Osaka", "en", "en", True),
        ("京都", "en", "en", False),
    ],
)
def test_in_one_language_rather_than_the_other(
    answer: str, wanted: str, other: str, told: bool | None
) -> None:
    assert in_language(answer, wanted, other, OSAKA) is told


def test_years_tell_by_their_form() -> None:
    year = {"en": "2006", "zh": "2006年"}
    assert in_language("2006年", "zh", "en", year) is True
    assert in_language("2006", "zh", "en", year) is False
    assert in_language("2006", "zh", "en", {"en": "2006", "zh": "2006"}) is None


def test_exact_match() -> None:
    assert exact_match("osaka.", "Osaka")
    assert not exact_match("大阪", "Osaka")
    assert not exact_match("", "")


def test_score_of_a_right_answer() -> None:
    assert score("大阪。", "大阪", "zh", source="en", names=OSAKA) == Score(
        exact=True,
        alias=True,
        lenient=True,
        f1=1.0,
        contains=True,
        in_target=True,
        in_source=False,
        copied=False,
    )


def test_score_of_a_copied_answer() -> None:
    assert score("Osaka", "大阪", "zh", source="en", names=OSAKA) == Score(
        exact=False,
        alias=False,
        lenient=False,
        f1=0.0,
        contains=False,
        in_target=False,
        in_source=True,
        copied=True,
    )


def test_score_of_a_year_in_the_source_form() -> None:
    year = {"en": "2006", "zh": "2006年"}
    found = score("2006", "2006年", "zh", source="en", names=year)
    assert (found.exact, found.lenient, found.copied) == (False, True, True)
    assert found.f1 == pytest.approx(8 / 9)  # four of five characters
    assert (found.in_target, found.in_source) == (False, True)


def test_within_one_language_there_is_no_source_to_fall_into() -> None:
    found = score("Osaka", "Osaka", "en", source="en", names=OSAKA)
    assert found.in_source is None
    assert found.in_target is True
    other = score("Naniwa", "Osaka", "en", source="en", aliases=("Naniwa",))
    assert (other.exact, other.alias, other.f1) == (False, True, 1.0)
