"""Whole columns say what single texts say, row by row."""

from itertools import product

import numpy as np
import pyarrow as pa

from xkde.data.preferences.answers import answer_language, is_near_duplicate
from xkde.data.preferences.columns import (
    answer_languages,
    each_distinct,
    length_outliers,
    near_duplicates,
)

TEXTS = ["", "Osaka", "osaka.", "大阪", "Londres", "Лондон", "1990", "Bangkok Noi"]
TEXTS += ["Bangkok Nai", "the 12 large islands", "the 13 large islands", "กรุงเทพ"]


def test_a_function_is_called_once_for_equal_rows() -> None:
    seen: list[tuple[str, str]] = []

    def joined(one: str, other: str) -> str:
        seen.append((one, other))
        return one + other

    first = pa.chunked_array([["a", "b"], ["a", "a"]])
    found = each_distinct(joined, first, pa.array(["x", "x", "x", "y"]))
    assert found.to_pylist() == ["ax", "bx", "ax", "ay"]
    assert sorted(seen) == [("a", "x"), ("a", "y"), ("b", "x")]
    assert len(each_distinct(str, pa.array([], pa.string()))) == 0


def test_near_duplicates_and_languages() -> None:
    one, other = map(list, zip(*product(TEXTS, TEXTS), strict=True))
    found = near_duplicates(pa.array(one), pa.array(other)).to_pylist()
    assert found == list(map(is_near_duplicate, one, other))
    rows = list(product(TEXTS, ("en", "zh", "fr", ""), ("de", "")))
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    assert answer_languages(*columns).to_pylist() == [
        answer_language(*row) for row in rows
    ]


def test_length_outliers() -> None:
    one = pa.array(["a" * n for n in (10, 51, 10, 14)])
    other = pa.array(["界" * n for n in (51, 10, 50, 56)])
    # By 40, and four times: not over either.
    np.testing.assert_array_equal(
        length_outliers(one, other), [True, True, False, False]
    )
