"""Languages: the 53 of BMIKE-53, and other projects' codes for them."""

import re
from collections import Counter

import pytest
from babel import Locale
from babel.core import get_global

from xkde.errors import InputError
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES, language, parity_name

BMIKE_53 = (
    "af ar az be bg bn ca ceb cs cy da de el en es et eu fa fi fr ga gl he hi hr hu hy "
    "id it ja ka ko la lt lv ms nl pl pt ro ru sk sl sq sr sv ta th tr uk ur vi zh"
)
MZSRE = {"cz", "de", "du", "en", "es", "fr", "pt", "ru", "th", "tr", "vi", "zh"}


def test_all_of_bmike_53_are_there() -> None:
    assert list(LANGUAGES) == BMIKE_53.split()
    assert len(LANGUAGES) == 53
    assert all(code == entry.code for code, entry in LANGUAGES.items())


def test_atlas_languages_are_those_of_mzsre() -> None:
    assert ATLAS_LANGUAGES[0] == "en"
    assert len(set(ATLAS_LANGUAGES)) == 12
    assert {LANGUAGES[code].mzsre_code for code in ATLAS_LANGUAGES} == MZSRE
    others = set(LANGUAGES) - set(ATLAS_LANGUAGES)
    assert all(LANGUAGES[code].mzsre_code is None for code in others)


def test_names_and_codes_are_unique() -> None:
    for field in ("name", "own_name", "nllb_code"):
        counts = Counter(getattr(entry, field) for entry in LANGUAGES.values())
        assert all(count == 1 for count in counts.values()), field


def test_nllb_codes_are_well_formed_and_only_latin_lacks_one() -> None:
    lacking = [entry.code for entry in LANGUAGES.values() if entry.nllb_code is None]
    assert lacking == ["la"]
    for entry in LANGUAGES.values():
        code = entry.nllb_code or "xxx_Latn"
        assert re.fullmatch("[a-z]{3}_[A-Z][a-z]{3}", code), entry
        # NLLB names Korean's letters alone; ISO 15924's Kore has the Han ones as well.
        assert code[4:] == entry.script.replace("Kore", "Hang")


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "la"])
def test_names_script_and_direction_agree_with_cldr(code: str) -> None:
    entry, locale = LANGUAGES[code], Locale.parse(code)
    # CLDR follows the people's own wish, the benchmarks say Bengali.
    assert (locale.get_language_name("en") or "").replace("Bangla", "Bengali") == (
        entry.name
    )
    assert get_global("likely_subtags")[code].split("_")[1] == entry.script
    assert entry.direction == ("rtl" if locale.text_direction == "rtl" else "ltr")
    likely = Locale.parse(
        f"und_{code}" if code == "und" else code, resolve_likely_subtags=True
    )
    assert likely.script in (None, entry.script)


def test_unspaced_languages() -> None:
    assert {entry.code for entry in LANGUAGES.values() if not entry.spaced} == {
        "ja",
        "th",
        "zh",
    }


@pytest.mark.parametrize(
    ("code", "name"),
    [("cz", "Czech"), ("cs", "Czech"), ("du", "Dutch"), ("zh", "Chinese")],
)
def test_language_takes_iso_and_mzsre_codes(code: str, name: str) -> None:
    assert language(code).name == name


def test_unknown_code_names_what_to_use() -> None:
    with pytest.raises(InputError, match="“xx” is not a language.*af, ar,.*zh"):
        language("xx")


def test_parity_name_knows_two_languages() -> None:
    assert {parity_name(code) for code in LANGUAGES if code != "en"} == {"Chinese"}
    assert parity_name("en") == "English"
    with pytest.raises(InputError):
        parity_name("xx")
