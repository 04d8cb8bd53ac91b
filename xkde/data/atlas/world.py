"""Build Atlas: facts that are true, people who are not, and who is held out.

``atlas()`` returns the whole world, the same every time. Knows no model and no prompt.
What CLDR lacks (capitals, cities, governing parties) stands in
``assets/atlas/facts.toml``. Try it: ``python -m xkde atlas facts --subject Japan``.
"""

import hashlib
import random
import tomllib
from functools import lru_cache

from babel.core import get_global

from xkde.data.atlas import names as naming
from xkde.data.atlas.records import RELATIONS, Split, World
from xkde.languages import ATLAS_LANGUAGES
from xkde.paths import ATLAS
from xkde.text import Json

_FILE: Json = tomllib.loads((ATLAS / "facts.toml").read_text("utf-8"))

CAPITALS: dict[str, str] = _FILE["capital"]
CITY_COUNTRIES: dict[str, str] = _FILE["city_country"]
CURRENCIES: dict[str, str] = _FILE["currency"]
LANGUAGES: dict[str, str] = _FILE["language"]
PARTIES: dict[str, str] = _FILE["party"]
CONTINENTS: dict[str, str] = _FILE["continent"]
ZONE_CONTINENTS: dict[str, str] = _FILE["zone_continent"]
SOUTH_AMERICA = frozenset[str](_FILE["south_america"])
NO_COUNTRIES = frozenset[str](_FILE["no_countries"])
CITY_AREAS = frozenset[str](_FILE["city_areas"])
ISLAND_CITIES = frozenset[str](_FILE["island_cities"])
LEFT_OUT_CITIES = frozenset[str](_FILE["left_out_cities"])
ENGLISH_ARTICLE = frozenset(f"territory/{code}" for code in _FILE["english_article"])
SHOWN: tuple[str, ...] = tuple(_FILE["shown"])


SEED = 2025
PEOPLE, COMPANIES = 240, 100
FIRST_YEAR, LAST_YEAR = 1920, 2019
OFFICIAL = ("official", "de_facto_official")

Facts = dict[str, dict[str, str]]


def held_out(subject: str) -> Split:
    """Return a subject's split: one in six test, one in twelve dev, by a hash."""
    if subject in SHOWN:
        return "train"
    bucket = hashlib.sha256(f"{SEED}:{subject}".encode()).digest()[0] % 12
    return "test" if bucket < 2 else "dev" if bucket == 2 else "train"


def _countries() -> naming.Names:
    zones = get_global("territory_zones")
    codes = tuple(sorted(c for c in zones if len(c) == 2 and c not in NO_COUNTRIES))
    return naming.cldr_names("territory", "territories", codes)


def _continent(code: str) -> str | None:
    if code in CONTINENTS:
        return CONTINENTS[code]
    if code in SOUTH_AMERICA:
        return "south_america"
    zones = get_global("territory_zones").get(code, [])
    return ZONE_CONTINENTS.get(zones[0].split("/")[0]) if zones else None


def _official_language(code: str) -> str | None:
    """Return the official language that most people of a territory speak."""
    spoken = get_global("territory_languages").get(code, {})
    for status in OFFICIAL:
        official = [
            n for n, about in spoken.items() if about["official_status"] == status
        ]
        if official:
            shares = {str(n): float(spoken[n]["population_percent"]) for n in official}
            return max(shares, key=lambda n: shares[n])
    return None


def _territory_facts(code: str) -> dict[str, str]:
    facts: dict[str, str] = {}
    tenders = [
        currency
        for currency, _, end, tender in get_global("territory_currencies").get(code, [])
        if tender and end is None
    ]
    if tenders:
        facts["currency"] = f"currency/{tenders[-1]}"
    if code in CURRENCIES:
        facts["currency"] = f"currency/{CURRENCIES[code]}"
    language = LANGUAGES.get(code) or _official_language(code)
    if language:
        facts["language"] = f"language/{language}"
    continent = _continent(code)
    if continent:
        facts["continent"] = f"continent/{continent}"
    if code in PARTIES:
        facts["party"] = f"party/{PARTIES[code]}"
    if code in CAPITALS:
        facts["capital"] = f"city/{CAPITALS[code]}"
    return facts


def _cities(countries: naming.Names) -> tuple[naming.Names, Facts]:
    """Return cities with their names and countries; none is named as a country is."""
    taken = {name for names in countries.values() for name in names.values()}
    found: naming.Names = {}
    facts: Facts = {}
    for country in countries:
        for zone in get_global("territory_zones")[country.split("/")[1]]:
            area, _, last = zone.rpartition("/")
            city = f"city/{last.lower()}"
            known = area in CITY_AREAS or city in ISLAND_CITIES
            if not known or city.removeprefix("city/") in LEFT_OUT_CITIES:
                continue
            names = naming.zone_city(zone)
            if names and not taken & set(names.values()) and city not in found:
                found[city], facts[city] = names, {"country": country}
    hand = naming.hand_names()
    for key, code in CITY_COUNTRIES.items():
        city = f"city/{key}"
        found[city], facts[city] = hand[city], {"country": f"territory/{code}"}
    return found, facts


def _without_twins(names: naming.Names) -> naming.Names:
    """Leave out entities whose name another of the same kind has, in any language."""
    owners: dict[tuple[str, str, str], list[str]] = {}
    for entity, by_language in names.items():
        for language, name in by_language.items():
            key = (entity.split("/")[0], language, name.casefold())
            owners.setdefault(key, []).append(entity)
    twins = {e for same in owners.values() if len(same) > 1 for e in same[1:]}
    return {entity: n for entity, n in names.items() if entity not in twins}


def _invented_facts(names: naming.Names, facts: Facts) -> Facts:
    random_ = random.Random(SEED)
    pool = {kind: sorted(e for e in names if e.startswith(f"{kind}/"))
            for _, kind in RELATIONS.values()}  # fmt: skip
    needed = {"capital", "currency", "language"}
    rich = [t for t in pool["territory"] if needed <= facts.get(t, {}).keys()]
    invented: Facts = {}
    for subject in sorted(names):
        kind = subject.split("/")[0]
        if kind in ("person", "company"):
            invented[subject] = {
                relation: random_.choice(
                    rich if object_kind == "territory" else pool[object_kind]
                )
                for relation, (subject_kind, object_kind) in RELATIONS.items()
                if subject_kind == kind
            }
    return invented


@lru_cache(maxsize=1)
def atlas() -> World:
    """Return the world: about 800 subjects, 2,400 facts, twelve languages."""
    countries = _countries()
    cities, city_facts = _cities(countries)
    facts: Facts = {c: _territory_facts(c.split("/")[1]) for c in countries}
    objects = {o for by_relation in facts.values() for o in by_relation.values()}
    used = {
        kind: tuple(sorted(o.split("/")[1] for o in objects if o.startswith(kind)))
        for kind in ("currency", "language")
    }
    names = _without_twins(
        countries
        | cities
        | {k: v for k, v in naming.hand_names().items() if not k.startswith("city/")}
        | naming.cldr_names("currency", "currencies", used["currency"])
        | naming.cldr_names("language", "languages", used["language"])
        | naming.month_names()
        | naming.year_names(FIRST_YEAR, LAST_YEAR)
        | naming.person_names(PEOPLE, SEED)
        | naming.company_names(COMPANIES, SEED)
    )
    facts |= city_facts | _invented_facts(names, facts)
    kept = {
        subject: {r: o for r, o in by_relation.items() if o in names}
        for subject, by_relation in facts.items()
        if subject in names
    }
    kinds = sorted({entity.split("/")[0] for entity in names})
    return World(
        languages=ATLAS_LANGUAGES,
        names=names,
        facts={s: f for s, f in kept.items() if f},
        wordings={code: naming.wordings(code) for code in ATLAS_LANGUAGES},
        split={subject: held_out(subject) for subject in kept},
        by_kind={
            kind: tuple(sorted(e for e in names if e.startswith(f"{kind}/")))
            for kind in kinds
        },
    )
