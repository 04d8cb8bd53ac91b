"""Questions: enough wordings, one placeholder each, and the paper's examples exactly.

python -m pytest tests/xkde/data/atlas/test_questions.py
"""

from collections import defaultdict

import pytest

from xkde.data.atlas.questions import (
    Known,
    entity,
    in_sentence,
    name,
    new_answer,
    old_answer,
    question,
    recognise,
    second_hop,
    suggest,
    two_hops_of,
    understand,
    wordings,
)
from xkde.data.atlas.records import RELATIONS, TWO_HOPS
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.text import normalise
from xkde.types import QUESTION_TYPES, Edit

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


FACTS = [
    (subject, relation) for subject, facts in WORLD.facts.items() for relation in facts
]


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_every_question_is_read_back(code: str) -> None:
    wrong = [
        (question(WORLD, subject, relation, code, i), subject, relation)
        for subject, relation in FACTS
        for i in range(len(wordings(WORLD, relation, code)))
        if recognise(WORLD, question(WORLD, subject, relation, code, i), code)
        != (subject, relation)
    ]
    assert wrong == []  # no wording of ours is ambiguous


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_two_hop_questions_are_no_facts(code: str) -> None:
    for subject, relation in FACTS:
        for hop in two_hops_of(relation):
            for i in range(len(wordings(WORLD, hop, code))):
                text = question(WORLD, subject, hop, code, i)
                assert recognise(WORLD, text, code) is None, text


@pytest.mark.parametrize(
    ("text", "code", "found"),
    [
        ("What is the currency of Japan", "en", ("territory/JP", "currency")),
        ("what is the currency of japan", "en", ("territory/JP", "currency")),
        ("  What is the  currency of Japan ?", "en", ("territory/JP", "currency")),
        ("What is the currency of the Japan?", "en", ("territory/JP", "currency")),
        ("what is the capital of united kingdom", "en", ("territory/GB", "capital")),
        (
            "What is the capital of The United Kingdom?",
            "en",
            ("territory/GB", "capital"),
        ),
        ("日本的货币是什么", "zh", ("territory/JP", "currency")),
        ("日本的货币是什么?", "zh", ("territory/JP", "currency")),
        ("cuál es la moneda de japón", "es", ("territory/JP", "currency")),
        ("IN WELCHEM LAND LIEGT OSAKA", "de", ("city/osaka", "country")),
        ("quelle est la monnaie de ce pays: japon", "fr", ("territory/JP", "currency")),
        ("สกุลเงินของ ญี่ปุ่น คืออะไร", "th", ("territory/JP", "currency")),
        ("สกุลเงินของญี่ปุ่นคืออะไร", "th", ("territory/JP", "currency")),
    ],
)
def test_typed_variants(text: str, code: str, found: tuple[str, str]) -> None:
    assert recognise(WORLD, text, code) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "en"),
        ("?", "zh"),
        ("Japan", "en"),
        ("What is the currency of ?", "en"),
        ("What is the currency of Atlantis?", "en"),
        ("What is the ruling party of Andorra?", "en"),  # Atlas has no such fact
        ("What is the currency of Osaka?", "en"),  # a city has none
        ("Who painted the Mona Lisa?", "en"),
        ("What is the currency of Japan?", "de"),
        ("日本的货币是什么？", "en"),
    ],
)
def test_unknown_text_gives_none(text: str, code: str) -> None:
    assert recognise(WORLD, text, code) is None
    assert understand(WORLD, Edit(text, "Osaka", code)) is None


def test_turkish_small_letters() -> None:
    asked = recognise(WORLD, "istanbul şehri hangi ülkededir", "tr")
    assert asked == ("city/istanbul", "country")


def test_entities() -> None:
    assert entity(WORLD, "territory", "the united kingdom", "en") == "territory/GB"
    assert entity(WORLD, "territory", "英国", "zh") == "territory/GB"
    assert entity(WORLD, "city", "São Paulo", "pt") == "city/sao_paulo"
    assert entity(WORLD, "city", "Japan", "en") is None
    assert entity(WORLD, "currency", "Japanese Yen", "en") == "currency/JPY"
    assert entity(WORLD, "currency", "dollar", "en") is None  # whose?


@pytest.mark.parametrize(
    ("text", "code", "found"),
    [
        ("What is the capital of the USA?", "en", ("territory/US", "capital")),
        ("what is the currency of uk", "en", ("territory/GB", "currency")),
        ("What is the capital of Holland?", "en", ("territory/NL", "capital")),
        ("美利坚的首都是哪里？", "zh", ("territory/US", "capital")),
    ],
)
def test_other_common_names_are_known(
    text: str, code: str, found: tuple[str, str]
) -> None:
    assert recognise(WORLD, text, code) == found


def test_an_answer_by_another_name_is_the_same_entity() -> None:
    edit = Edit("In which country is Osaka?", "the UK", "en")
    known = understand(WORLD, edit)
    assert known == Known("city/osaka", "country", "territory/GB", "the UK")
    assert new_answer(WORLD, known, "zh") == "英国"
    assert entity(WORLD, "currency", "yen", "en") == "currency/JPY"
    assert entity(WORLD, "city", "USA", "en") is None


def test_understand_by_hand() -> None:
    edit = Edit("What is the currency of Japan?", " euro", "en")
    known = understand(WORLD, edit)
    assert known == Known("territory/JP", "currency", "currency/EUR", "euro")
    assert old_answer(WORLD, known, "zh") == "日元"
    assert new_answer(WORLD, known, "zh") == "欧元"


def test_a_new_string_stays_as_typed() -> None:
    edit = Edit("日本的货币是什么？", "Zorbit ", "zh")
    known = understand(WORLD, edit)
    assert known == Known("territory/JP", "currency", None, "Zorbit")
    assert new_answer(WORLD, known, "de") == "Zorbit"


def test_suggestions_by_hand() -> None:
    edit = Edit("In which country is Osaka?", "France", "en")
    known = understand(WORLD, edit)
    assert known is not None
    same = suggest(WORLD, known, "same", "zh")
    assert same is not None
    assert (same.question, same.new, same.old) == ("大阪在哪个国家？", "法国", "日本")
    other = suggest(WORLD, known, "rephrased", "zh")
    assert other is not None
    assert other.question == "大阪是哪个国家的城市？"
    hop = suggest(WORLD, known, "two_hops", "en")
    assert hop is not None
    assert (hop.new, hop.old) == ("Paris", "Tokyo")
    currency = understand(WORLD, Edit("What is the currency of Japan?", "Euro", "en"))
    assert currency is not None
    assert suggest(WORLD, currency, "two_hops", "en") is None
    stranger = Known("city/osaka", "country", None, "Zorbit")
    assert suggest(WORLD, stranger, "two_hops", "en") is None


@pytest.mark.parametrize("code", ["en", "zh", "th"])
def test_suggestions_are_consistent(code: str) -> None:
    for subject, relation in FACTS:
        known = Known(subject, relation, None, "Zorbit")
        for kind in QUESTION_TYPES[:3]:
            made = suggest(WORLD, known, kind, code)
            assert made is not None
            asked = recognise(WORLD, made.question, code)
            assert asked is not None
            assert (asked == (subject, relation)) == (kind != "unrelated")
            truth = WORLD.names[WORLD.facts[asked[0]][asked[1]]][code]
            assert made.old == truth
            assert made.new == (truth if kind == "unrelated" else "Zorbit")
