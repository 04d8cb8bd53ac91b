"""Questions: enough wordings, one placeholder each, and the paper's examples exactly.

python -m pytest tests/xkde/data/atlas/test_questions.py
"""

from collections import defaultdict

import pytest

from xkde.data.atlas.questions import (
    in_sentence,
    name,
    question,
    second_hop,
    two_hops_of,
    wordings,
)
from xkde.data.atlas.records import RELATIONS, TWO_HOPS
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.text import normalise

WORLD = atlas()


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_enough_wordings(code: str) -> None:
    table = WORLD.wordings[code]
    assert table.questions.keys() == RELATIONS.keys()
    assert table.two_hop.keys() == TWO_HOPS.keys()
    assert all(len(texts) >= 3 for texts in table.questions.values())
    assert all(len(texts) >= 2 for texts in table.two_hop.values())
    assert len(table.dictionary) >= 2


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_every_wording_holds_its_placeholder_once(code: str) -> None:
    table = WORLD.wordings[code]
    asked = [
        t for of in (table.questions, table.two_hop) for ts in of.values() for t in ts
    ]
    for text in asked:
        assert text.count("{subject}") == text.count("{") == text.count("}") == 1
    for text in table.dictionary:
        assert text.count("{name}") == text.count("{") == text.count("}") == 1
    assert table.year.count("{year}") == 1


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_no_wording_serves_twice(code: str) -> None:
    owners: dict[str, list[str]] = defaultdict(list)
    for what in (*RELATIONS, *TWO_HOPS):
        for text in wordings(WORLD, what, code):
            owners[normalise(text)].append(what)
    assert {text: of for text, of in owners.items() if len(of) > 1} == {}


def test_no_two_languages_share_a_wording() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for code in ATLAS_LANGUAGES:
        for what in (*RELATIONS, *TWO_HOPS):
            for text in wordings(WORLD, what, code):
                owners[normalise(text)].add(code)
    assert {text: of for text, of in owners.items() if len(of) > 1} == {}


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_questions_end_as_their_language_does(code: str) -> None:
    texts = [t for what in RELATIONS for t in wordings(WORLD, what, code)]
    ends = {"zh": "？。", "th": ""}.get(code, "?.")
    for text in texts:
        assert text == text.strip()
        assert text[-1] in ends if ends else text[-1] not in "?？.。"


@pytest.mark.parametrize(
    ("subject", "relation", "code", "wording", "text"),
    [
        ("territory/JP", "currency", "en", 0, "What is the currency of Japan?"),
        ("territory/JP", "currency", "zh", 0, "日本的货币是什么？"),
        (
            "territory/GB",
            "party",
            "en",
            3,
            "What is the ruling party in the United Kingdom at present?",
        ),
        ("territory/JP", "capital", "en", 1, "Which city is the capital of Japan?"),
        ("territory/GB", "party", "zh", 2, "英国目前由哪个政党执政？"),
        ("city/osaka", "country", "de", 0, "In welchem Land liegt Osaka?"),
        ("city/osaka", "country_capital", "zh", 1, "哪座城市是大阪所在国的首都？"),
    ],
)
def test_questions_by_hand(
    subject: str, relation: str, code: str, wording: int, text: str
) -> None:
    assert question(WORLD, subject, relation, code, wording) == text


def test_wordings_come_round() -> None:
    for code in ATLAS_LANGUAGES:
        count = len(wordings(WORLD, "capital", code))
        asked = [
            question(WORLD, "territory/JP", "capital", code, i) for i in range(count)
        ]
        assert len(set(asked)) == count
        assert question(WORLD, "territory/JP", "capital", code, count) == asked[0]


def test_english_articles() -> None:
    assert in_sentence(WORLD, "territory/GB", "en") == "the United Kingdom"
    assert in_sentence(WORLD, "territory/NL", "en") == "the Netherlands"
    assert in_sentence(WORLD, "territory/JP", "en") == "Japan"
    assert in_sentence(WORLD, "territory/GB", "de") == "Vereinigtes Königreich"
    assert name(WORLD, "territory/GB", "en") == "United Kingdom"


def test_second_hop_by_hand() -> None:
    assert second_hop(WORLD, "country_capital", "territory/FR") == "city/paris"
    assert second_hop(WORLD, "residence_currency", "territory/JP") == "currency/JPY"
    assert second_hop(WORLD, "headquarters_country", "city/osaka") == "territory/JP"
    assert second_hop(WORLD, "country_capital", "territory/AD") is None
    assert two_hops_of("birthplace") == ["birthplace_country"]
    assert two_hops_of("currency") == []
