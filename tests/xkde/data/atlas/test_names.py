"""Names in twelve languages: clean, unique within their kind, in their dictionary form.

python -m pytest tests/xkde/data/atlas/test_names.py
"""

import unicodedata
from collections import Counter

import pytest

from xkde.data.atlas import names as naming
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.names import aliases, aliases_of, in_text, named_by
from xkde.data.atlas.world import atlas
from xkde.evaluation.scoring.answers import score
from xkde.languages import ATLAS_LANGUAGES
from xkde.text import mentions, normalise

WORLD = atlas()
QUOTES = '"“”„«»‹›「」『』'
# The two Congos: Chinese has no other names that tell them apart.
PARENTHESISED = {("territory/CD", "zh"), ("territory/CG", "zh")}
ALL = [
    (entity, code, name)
    for entity, by_language in WORLD.names.items()
    for code, name in by_language.items()
]


def test_every_entity_has_a_name_in_every_language() -> None:
    for entity, by_language in WORLD.names.items():
        assert set(by_language) == set(ATLAS_LANGUAGES), entity
    assert all(name and name == " ".join(name.split()) for _, _, name in ALL)


def test_names_are_composed() -> None:
    assert [n for _, _, n in ALL if unicodedata.normalize("NFC", n) != n] == []


def test_no_name_has_parentheses_or_quotes() -> None:
    found = {(e, c) for e, c, name in ALL if set("()（）[]{}<>" + QUOTES) & set(name)}
    assert found <= PARENTHESISED


def hidden(name: str) -> bool:
    """Tell whether a name holds characters that nobody sees."""
    return any(unicodedata.category(character)[0] == "C" for character in name)


def test_no_name_hides_characters() -> None:
    found = {(e, c) for e, c, name in ALL if hidden(name)}
    assert found <= {("city/reykjavik", "de")}


def test_reykjavik_is_written_plainly() -> None:
    assert WORLD.names["city/reykjavik"]["de"] == "Reykjavík"


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_no_two_of_a_kind_share_a_name(code: str) -> None:
    count = Counter(
        (entity.split("/")[0], normalise(by_language[code]))
        for entity, by_language in WORLD.names.items()
    )
    assert [key for key, times in count.items() if times > 1] == []


def test_no_city_is_named_as_a_country() -> None:
    for code in ATLAS_LANGUAGES:
        countries = {WORLD.names[t][code] for t in WORLD.by_kind["territory"]}
        assert not countries & {WORLD.names[c][code] for c in WORLD.by_kind["city"]}


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        ("territory/JP", {"zh": "日本", "de": "Japan", "ru": "Япония", "th": "ญี่ปุ่น"}),
        ("currency/JPY", {"zh": "日元", "de": "Japanischer Yen", "th": "เยนญี่ปุ่น"}),
        ("currency/GBP", {"zh": "英镑", "de": "Britisches Pfund"}),
        ("city/tokyo", {"zh": "东京", "de": "Tokio", "ru": "Токио", "th": "โตเกียว"}),
        ("city/osaka", {"zh": "大阪", "de": "Osaka", "ru": "Осака", "th": "โอซากะ"}),
        ("city/london", {"zh": "伦敦", "de": "London", "ru": "Лондон", "th": "ลอนดอน"}),
        ("city/bern", {"zh": "伯尔尼", "de": "Bern", "ru": "Берн", "th": "เบิร์น"}),
        ("continent/asia", {"zh": "亚洲", "de": "Asien", "ru": "Азия", "th": "เอเชีย"}),
        ("party/conservative", {"zh": "保守党", "de": "Konservative Partei"}),
        ("language/ja", {"zh": "日语", "de": "Japanisch", "ru": "японский"}),
        ("year/1987", {"en": "1987", "zh": "1987年", "ru": "1987"}),
    ],
)
def test_names_by_hand(entity: str, expected: dict[str, str]) -> None:
    assert {code: WORLD.names[entity][code] for code in expected} == expected


def test_months_stand_alone() -> None:
    march = WORLD.names["month/3"]
    assert march["cs"] == "březen"  # not "března", of March
    assert march["ru"] == "март"  # not "марта"
    assert (march["en"], march["de"], march["zh"]) == ("March", "März", "三月")
    assert [WORLD.names[f"month/{m}"]["ru"] for m in (1, 5, 8)] == [
        "январь",
        "май",
        "август",
    ]
    assert len(WORLD.by_kind["month"]) == 12


def test_clean_by_hand() -> None:
    assert naming.clean("Myanmar (Burma)") == "Myanmar"
    assert naming.clean("Co\u0302te\u00a0d’Ivoire") == "Côte d'Ivoire"


def test_a_zone_city_without_a_chinese_name_is_left_out() -> None:
    assert naming.zone_city("Europe/Paris") == WORLD.names["city/paris"]
    assert naming.zone_city("Etc/GMT+5") is None


def test_invented_names_are_many_distinct_and_the_same_every_time() -> None:
    people = naming.person_names(240, 5)
    assert people == naming.person_names(240, 5)
    assert people != naming.person_names(240, 6)
    surnames = {names["en"].split()[-1] for names in people.values()}
    assert len(people) == len(surnames) == 240
    assert len(naming.company_names(100, 5)) == 100
    for names in people.values():
        assert len(set(names.values())) == 1


KINDS = ("territory", "currency")


def names(code: str, kind: str) -> set[str]:
    """Return what a language calls the entities of a kind."""
    return {WORLD.names[entity][code] for entity in WORLD.by_kind[kind]}


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_every_alias_is_of_one_name_of_atlas_and_is_no_other(code: str) -> None:
    seen: set[str] = set()
    for name, others in aliases()[code].items():
        kind = next((k for k in KINDS if name in names(code, k)), "")
        assert kind, name
        plain = {normalise(each): each for k in KINDS for each in names(code, k)}
        for alias in others:
            assert normalise(alias) not in plain, alias
            assert normalise(alias) not in seen, alias
            seen.add(normalise(alias))
            assert named_by(alias, code) == normalise(name)
        # In a sentence it names nothing else either.
        for alias in in_text(name, code):
            held = {n for n in names(code, kind) - {name} if mentions(n, alias)}
            assert not held, (alias, held)


def test_all_twelve_languages_have_some() -> None:
    assert set(aliases()) == set(ATLAS_LANGUAGES)
    assert aliases_of("united states", "en")[0] == "USA"
    assert aliases_of("United States", "de") == ()
    assert "US" not in in_text("United States", "en")
    for said in ("usa", "U.S.A.", "the USA", "US"):
        assert named_by(said, "en") == "united states"
    assert named_by("Japan", "en") is None


def test_cases_have_the_aliases_of_their_answers() -> None:
    found = [
        (item, code)
        for case in atlas_cases(WORLD, limit=400)
        for items in case.probes.values()
        for code, item in items.items()
    ]
    assert all(item.aliases == in_text(item.answer, code) for item, code in found)
    assert sum(bool(item.aliases) for item, _ in found) > 50


def test_an_alias_is_no_exact_match() -> None:
    also = in_text("United States", "en")
    told = score("USA", "United States", "en", source="en", aliases=also)
    assert (told.exact, told.alias) == (False, True)
    told = score("United States", "United States", "en", source="en", aliases=also)
    assert (told.exact, told.alias) == (True, True)
