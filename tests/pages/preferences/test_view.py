"""Where a visitor is: the address and the fields hold it, and neither is trusted."""

from typing import Any

import pytest

from pages.preferences.view import (
    FIELDS,
    SIZES,
    PairView,
    bound,
    bound_text,
    field_values,
    filter_words,
    view_of,
)
from xkde.data.preferences.table import PairFilter
from xkde.errors import InputError

FULL = PairView(
    PairFilter(
        direction="en→zh",
        relation="capital",
        chosen_language="zh",
        rejected_language="und-Latn",
        score_from=-1e-7,
        score_to=0.1,
        margin_from=0.0,
        margin_to=2.5,
        gap_from=-2.0,
        gap_to=3.0,
        flags=("wrong_chosen", "near_duplicate"),
        text="a→b & 大阪-?",
        regex=True,
        sort="margin",
        descending=True,
    ),
    page=3,
    size=100,
)


def view(page: int = 1, size: int = 25, **wanted: Any) -> PairView:
    return PairView(PairFilter(**wanted), page, size)


@pytest.mark.parametrize("given", [PairView(), FULL, view(direction="→zh", page=2)])
def test_an_address_holds_the_view(given: PairView) -> None:
    query = given.to_query()
    assert all(isinstance(value, str) and value for value in query.values())
    assert PairView.from_query(query) == given


def test_what_is_default_is_not_in_the_address() -> None:
    assert PairView().to_query() == {}
    assert view(direction="en→zh", page=2).to_query() == {
        "direction": "en-zh",
        "page": "2",
    }


def test_addresses_are_not_trusted() -> None:
    query = {
        "page": "-3",
        "size": "100000",
        "sort": "password",
        "flags": "zero_gap-nothing",
        "margin_from": "nan",
        "margin_to": "wide",
        "regex": "yes",
        "lang": "zh",
    }
    assert PairView.from_query(query) == view(flags=("zero_gap",))
    assert len(PairView.from_query({"text": "a" * 9_999}).filter.text) == 500


def test_every_size_is_in_the_address() -> None:
    for size in SIZES:
        assert PairView.from_query(view(size=size).to_query()) == view(size=size)


def test_fields_become_a_view_and_back() -> None:
    given = PairView(FULL.filter, size=50)
    fields = field_values(given)
    assert set(fields) == set(FIELDS)
    assert view_of(fields) == given
    empty = {**dict.fromkeys(FIELDS), "size": 25}
    assert view_of(empty).to_query() == {}
    assert len(filter_words(given.filter, "en")) == 7


def test_ends_of_a_range_are_typed_as_people_write_numbers() -> None:
    for text, value in (("", None), (" -0,5", -0.5), ("−2", -2.0), ("-", None)):
        assert bound(text, "en") == value
    for number in (0.0, -0.05, 1e-9, 123456789.125, 0.1 + 0.2):
        assert bound(bound_text(number), "en") == number
    for text in ("two", "nan", "inf"):
        with pytest.raises(InputError, match=f"“{text}” is no number"):
            bound(text, "en")
