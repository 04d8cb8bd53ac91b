"""Names of Atlas's entities in twelve languages: of CLDR, by hand, and invented.

CLDR comes through ``babel``, the hand-written tables lie in ``assets/atlas/languages``,
and people and companies are invented here. Everything is deterministic: the same names
in the same order, always.

Territories and currencies also have aliases ("USA", "yen", "美利坚"), hand-written in
``assets/atlas/aliases.toml``. Nothing is trained on them; typed questions and answers
are recognised with their help. Knows no facts.
"""

import random
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from babel import Locale
from babel.core import get_global

from xkde.data.atlas.records import Wordings
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.paths import ATLAS
from xkde.paths import ATLAS_LANGUAGES as FOLDER
from xkde.text import Json, normalise, unaccented

Names = dict[str, dict[str, str]]
Aliases = Mapping[str, tuple[str, ...]]  # a name -> its aliases

# CLDR gives these languages a stand-alone form of month names; elsewhere both agree.
STAND_ALONE_MONTHS = ("cs", "ru")
LATIN = tuple(code for code in ATLAS_LANGUAGES if code not in ("ru", "th", "zh"))
# How people type what CLDR sets finely: soft hyphens, hard spaces, curly apostrophes.
TYPED = {0xAD: None, 0xA0: " ", 0x2019: "'"}
# CLDR abbreviates the islands.
SPELT_OUT = {
    "Маршалловы о-ва": "Маршалловы Острова",
    "Соломоновы о-ва": "Соломоновы Острова",
    "Сейшельские о-ва": "Сейшельские Острова",
}
INITIALS = re.compile(r"\b(\w) (?=\w\b)")  # "u s a"
ALIASES_FILE = ATLAS / "aliases.toml"
HAND_KINDS = ("occupation", "sport", "party", "continent", "city")


@lru_cache(maxsize=1)
def tables() -> dict[str, dict[str, Json]]:
    """Return the hand-written table of every language, as it stands in its file."""
    return {
        code: tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
        for code in ATLAS_LANGUAGES
    }


def wordings(code: str) -> Wordings:
    """Return how a language asks."""
    table = tables()[code]
    return Wordings(
        questions={k: tuple(v) for k, v in table["questions"].items()},
        two_hop={k: tuple(v) for k, v in table["two_hop"].items()},
        dictionary=tuple(table["dictionary"]["name"]),
        year=str(table["forms"]["year"]),
    )


def hand_names() -> Names:
    """Return the names of the hand-written tables."""
    first = tables()["en"]
    return {
        f"{kind}/{key}": {c: str(tables()[c][kind][key]) for c in ATLAS_LANGUAGES}
        for kind in HAND_KINDS
        for key in first[kind]
    }


@lru_cache(maxsize=1)
def locales() -> dict[str, Locale]:
    """Return CLDR's locale of each language."""
    return {c: Locale.parse("zh_Hans" if c == "zh" else c) for c in ATLAS_LANGUAGES}


def clean(name: str) -> str:
    """Return a CLDR name without its parenthesis, in NFC, with ordinary spaces."""
    text = unicodedata.normalize("NFC", name).translate(TYPED)
    return " ".join(text.partition("(")[0].split())


def cldr_names(kind: str, attribute: str, keys: tuple[str, ...]) -> Names:
    """Return the names of territories, currencies or languages that all twelve have."""
    found: Names = {}
    for key in keys:
        names = {c: getattr(locales()[c], attribute).get(key) for c in ATLAS_LANGUAGES}
        if all(names.values()):
            found[f"{kind}/{key}"] = {
                c: SPELT_OUT.get(clean(str(n)), clean(str(n))) for c, n in names.items()
            }
    return found


def month_names() -> Names:
    """Return the twelve months, as one names them alone."""
    return {
        f"month/{month}": {
            c: str(
                locales()[c].months[
                    "stand-alone" if c in STAND_ALONE_MONTHS else "format"
                ]["wide"][month]
            )
            for c in ATLAS_LANGUAGES
        }
        for month in range(1, 13)
    }


def year_names(first: int, last: int) -> Names:
    """Return years, as each language writes them in an answer."""
    form = {c: wordings(c).year for c in ATLAS_LANGUAGES}
    return {
        f"year/{year}": {c: form[c].replace("{year}", str(year)) for c in form}
        for year in range(first, last + 1)
    }


def zone_city(zone: str) -> dict[str, str] | None:
    """Return the names of a time zone's city, or None where a script lacks it.

    CLDR leaves a name out where it equals the zone's own, which is Latin.
    """
    aliases = [old for old, new in get_global("zone_aliases").items() if new == zone]
    plain = zone.rsplit("/", 1)[1].replace("_", " ")
    names: dict[str, str] = {}
    for code, locale in locales().items():
        known = [
            str(locale.time_zones[key]["city"])
            for key in (zone, *aliases)
            if key in locale.time_zones and "city" in locale.time_zones[key]
        ]
        if known:
            names[code] = clean(known[0])
        elif code in LATIN:
            names[code] = plain
        else:
            return None
    return names


GIVEN = """Kalino Maren Tovia Iskander Ruvela Dorian Selka Benor Yavira Oskeli Tamiro
Neva Lorcan Vesna Adriko Mirela Jorun Palova Kestrel Ondrea Rafiel Sunniva Taviko Elowen
Marek Zorana Corvin Ilaria Bastian Noemi Tarik Oriana Levan Saskia Dario Amaru Freya
Kaito Linnea Ravi""".split()
SURNAME_STARTS = """Ber Dal Fen Gor Hal Jan Kes Lor Mar Nor Ost Pel Quin Rus Sol Tor Ul
Var Wen Yor Zel Bran Cald Drev Elm Farn Grel Holt Ist Jarn""".split()
SURNAME_ENDS = """esh ovic anda ikko ström ello aris emann udin ova ery osso akis ington
ulu""".split()
COMPANY_STARTS = """Nor Vel Tri Aqu Luma Zen Orbi Cora Pax Dyna Ferro Solv Kyro Bora
Mira Axi Tele Nova Quad Helio""".split()
COMPANY_ENDS = "vik ta dex ion lis nara crest mont trix well".split()


def person_names(count: int, seed: int) -> Names:
    """Return invented people, written in Latin; every surname is used once."""
    random_ = random.Random(seed)
    surnames = [start + end for start in SURNAME_STARTS for end in SURNAME_ENDS]
    chosen = sorted(random_.sample(surnames, count))
    people = [f"{random_.choice(GIVEN)} {surname}" for surname in chosen]
    return {
        f"person/{n.replace(' ', '_').lower()}": dict.fromkeys(ATLAS_LANGUAGES, n)
        for n in people
    }


def company_names(count: int, seed: int) -> Names:
    """Return invented companies, written in Latin everywhere."""
    random_ = random.Random(seed)
    names = [start + end for start in COMPANY_STARTS for end in COMPANY_ENDS]
    return {
        f"company/{n.lower()}": dict.fromkeys(ATLAS_LANGUAGES, n)
        for n in sorted(random_.sample(names, count))
    }


@lru_cache(maxsize=1)
def aliases() -> dict[str, Aliases]:
    """Return each language's aliases by name, as they stand in the file."""
    by_language = tomllib.loads(ALIASES_FILE.read_text(encoding="utf-8"))
    return {
        code: {name: tuple(others) for name, others in table.items()}
        for code, table in by_language.items()
    }


def aliases_of(name: str, language: str) -> tuple[str, ...]:
    """Return the other common names of what a language calls ``name``."""
    return _aliases_by_name(language).get(normalise(name), ())


def in_text(name: str, language: str) -> tuple[str, ...]:
    """Return those that are no other word of a sentence, as "US" is."""
    spaced = language in LANGUAGES and LANGUAGES[language].spaced
    shortest = 3 if spaced else 2
    return tuple(a for a in aliases_of(name, language) if len(normalise(a)) >= shortest)


def named_by(alias: str, language: str) -> str | None:
    """Return Atlas's own name, normalised, of what a language also calls ``alias``.

    Accents and the full stops of initials do not matter, nor an English article.
    """
    key, names = _key(alias), _names_by_alias(language)
    return names.get(key) or names.get(key.removeprefix("the "))


def _key(text: str) -> str:
    """Return a text as aliases are compared: "U.S.A." is "usa"."""
    return INITIALS.sub(r"\1", unaccented(text))


@lru_cache(maxsize=16)
def _aliases_by_name(language: str) -> Aliases:
    table = aliases().get(language, {})
    return {normalise(name): others for name, others in table.items()}


@lru_cache(maxsize=16)
def _names_by_alias(language: str) -> dict[str, str]:
    return {
        _key(alias): name
        for name, others in _aliases_by_name(language).items()
        for alias in others
    }
