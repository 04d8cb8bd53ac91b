"""Views of a table of pairs: filters, orders, pages, and the address bar.

python -m pytest tests/xkde/data/preferences/test_view.py
"""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.preference_samples import pair
from xkde.data.preferences.files import pairs_of, pairs_table
from xkde.data.preferences.flags import FLAGS
from xkde.data.preferences.view import SIZES, SORTS, View, selected, table_of
from xkde.errors import InputError

PAIRS = [
    pair("a"),  # score -0.5, margin 1
    pair("b", target="th", relation="currency", chosen="เยน", chosen_language="th"),
    pair("c", chosen_score=None, given_margin=3.0, chosen_is_right=False),
    pair("d", chosen_score=-0.25, prompt="Capital of Japan?", fact="city/osaka"),
    pair("e", rejected_score=None, rejected="Tokyo", rejected_language="en"),
    pair("f", source="", target="", chosen="大阪大阪大阪", rejected_score=-0.5),
]
TABLE = table_of(pairs_table(PAIRS))


def ids(view: View) -> str:
    return "".join(PAIRS[i].id for i in TABLE.filtered(view))


@pytest.mark.parametrize(
    ("view", "found"),
    [
        (View(), "abcdef"),
        (View(direction="en→zh"), "acde"),
        (View(direction="en→th"), "b"),
        (View(direction="th→en"), ""),
        (View(relation="currency"), "b"),
        (View(chosen_language="th"), "b"),
        (View(rejected_language="en"), "e"),
        (View(score_from=-0.5), "abdef"),  # c is not known
        (View(score_from=-0.25), "d"),
        (View(score_to=-0.5), "abef"),
        (View(margin_from=1.0), "abcd"),
        (View(margin_from=1.0, margin_to=1.0), "ab"),
        (View(margin_to=0.0), "f"),
        (View(gap_from=1.0), "bf"),
        (View(gap_from=0.0, gap_to=0.0), "acd"),
        (View(gap_to=-1.0), "e"),
        (View(flags=("wrong_chosen",)), "c"),
        (View(flags=("wrong_chosen", "zero_gap")), ""),
        (View(text="首都"), "abcef"),
        (View(text="OSAKA"), "d"),  # in the fact
        (View(text="tokyo"), "e"),
        (View(text="o.*k"), ""),
        (View(text="o.*k", regex=True), "de"),
        (View(text="^(大阪){3}$", regex=True), "f"),
        (View(text="(?i)ТОКИО", regex=True), ""),
        (View(text="大阪", relation="capital", margin_from=2.0), "c"),
    ],
)
def test_filters(view: View, found: str) -> None:
    assert ids(view) == found


@pytest.mark.parametrize(
    ("view", "found"),
    [
        (View(descending=True), "fedcba"),
        (View(sort="margin"), "fabdce"),  # e is not known: last
        (View(sort="margin", descending=True), "cdabfe"),
        (View(sort="chosen_score"), "abefdc"),
        (View(sort="chosen_score", descending=True), "dabefc"),
        (View(sort="chosen_length", descending=True), "fbacde"),
        (View(sort="length_gap"), "eacdbf"),
        (View(sort="prompt"), "dabcef"),
        (View(sort="direction"), "fbacde"),
        (View(sort="relation", descending=True), "bacdef"),
    ],
)
def test_orders(view: View, found: str) -> None:
    assert ids(view) == found
    assert ids(view) == found  # also when ranks are known


def test_pages() -> None:
    table = table_of(pairs_table([pair(f"{n}") for n in range(23)]))
    first = table.page(View(size=10))
    assert [row["id"] for row in first.rows] == [f"{n}" for n in range(10)]
    assert (first.total, first.page, first.pages) == (23, 1, 3)
    last = table.page(View(size=10, page=99))
    assert [row["id"] for row in last.rows] == ["20", "21", "22"]
    assert last.page == 3
    none = table.page(View(text="nowhere"))
    assert (none.rows, none.total, none.page, none.pages) == ([], 0, 1, 1)


def test_rows_have_all_that_is_shown() -> None:
    rows = TABLE.page(View()).rows
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
    assert TABLE.rows(np.array([4, 1]))[0]["id"] == "e"


def test_choices() -> None:
    assert TABLE.choices("direction") == {"en→zh": 4, "en→th": 1}
    assert TABLE.choices("relation") == {"capital": 5, "currency": 1}
    assert TABLE.choices("rejected_language") == {"zh": 5, "en": 1}


@pytest.mark.parametrize("text", ["(", "[a", "*", "a{2", r"(?=a)", r"(a)\1"])
def test_a_bad_expression_says_so(text: str) -> None:
    if text == "a{2":  # which is plain text to many, to ours too
        assert ids(View(text=text, regex=True)) == ""
        return
    with pytest.raises(InputError, match="not a regular expression"):
        TABLE.filtered(View(text=text, regex=True))
    assert ids(View(text=text)) == ""


def test_selected() -> None:
    assert [p.id for p in pairs_of(selected(TABLE, 1.0))] == ["a", "b", "c", "d"]
    chosen = selected(TABLE, 0.0, without=("zero_gap", "wrong_chosen"))
    assert pairs_of(chosen) == [PAIRS[0], PAIRS[1], PAIRS[3]]


FULL = View(
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
    page=3,
    size=100,
)


@pytest.mark.parametrize("view", [View(), FULL, View(direction="→zh", page=2)])
def test_an_address_holds_the_view(view: View) -> None:
    query = view.to_query()
    assert all(isinstance(value, str) and value for value in query.values())
    assert View.from_query(query) == view


def test_what_is_default_is_not_in_the_address() -> None:
    assert View().to_query() == {}
    assert View(direction="en→zh", page=2).to_query() == {
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
    assert View.from_query(query) == View(flags=("zero_gap",))
    assert len(View.from_query({"text": "a" * 9_999}).text) == 500


def test_every_sort_flag_and_size_is_shown() -> None:
    for sort in SORTS:
        assert sorted(ids(View(sort=sort))) == list("abcdef")
    for flag in FLAGS:
        assert TABLE.filtered(View(flags=(flag,))).size <= 6
    for size in SIZES:
        assert View.from_query(View(size=size).to_query()) == View(size=size)


def test_an_empty_table() -> None:
    table = table_of(pairs_table([]))
    for sort in SORTS:
        assert table.page(replace(FULL, sort=sort)).total == 0
    assert table.choices("direction") == {}
