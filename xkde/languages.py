"""The languages: the 53 of BMIKE-53, each with the codes other projects know it by.

Knows no data file and no model. ISO 639-1 codes are ours (Cebuano has none, it keeps
``ceb``); MzsRE's and NLLB-200's own codes are translated here and nowhere else.

Try it: ``python -c "from xkde.languages import language; print(language('cz'))"``
"""

from dataclasses import dataclass
from typing import Literal

from xkde.errors import InputError


@dataclass(frozen=True)
class Language:
    """One language. ``name`` is the English name that the edit prompt uses."""

    code: str
    name: str
    own_name: str
    mzsre_code: str | None  # None: not in MzsRE
    nllb_code: str | None  # None: not in NLLB-200
    script: str  # ISO 15924
    direction: Literal["ltr", "rtl"] = "ltr"
    spaced: bool = True  # whether words are written apart


LANGUAGES: dict[str, Language] = {
    entry.code: entry
    for entry in (
        Language("af", "Afrikaans", "Afrikaans", None, "afr_Latn", "Latn"),
        Language("ar", "Arabic", "العربية", None, "arb_Arab", "Arab", "rtl"),
        Language("az", "Azerbaijani", "azərbaycan dili", None, "azj_Latn", "Latn"),
        Language("be", "Belarusian", "беларуская", None, "bel_Cyrl", "Cyrl"),
        Language("bg", "Bulgarian", "български", None, "bul_Cyrl", "Cyrl"),
        Language("bn", "Bengali", "বাংলা", None, "ben_Beng", "Beng"),
        Language("ca", "Catalan", "català", None, "cat_Latn", "Latn"),
        Language("ceb", "Cebuano", "Cebuano", None, "ceb_Latn", "Latn"),
        Language("cs", "Czech", "čeština", "cz", "ces_Latn", "Latn"),
        Language("cy", "Welsh", "Cymraeg", None, "cym_Latn", "Latn"),
        Language("da", "Danish", "dansk", None, "dan_Latn", "Latn"),
        Language("de", "German", "Deutsch", "de", "deu_Latn", "Latn"),
        Language("el", "Greek", "Ελληνικά", None, "ell_Grek", "Grek"),
        Language("en", "English", "English", "en", "eng_Latn", "Latn"),
        Language("es", "Spanish", "español", "es", "spa_Latn", "Latn"),
        Language("et", "Estonian", "eesti", None, "est_Latn", "Latn"),
        Language("eu", "Basque", "euskara", None, "eus_Latn", "Latn"),
        Language("fa", "Persian", "فارسی", None, "pes_Arab", "Arab", "rtl"),
        Language("fi", "Finnish", "suomi", None, "fin_Latn", "Latn"),
        Language("fr", "French", "français", "fr", "fra_Latn", "Latn"),
        Language("ga", "Irish", "Gaeilge", None, "gle_Latn", "Latn"),
        Language("gl", "Galician", "galego", None, "glg_Latn", "Latn"),
        Language("he", "Hebrew", "עברית", None, "heb_Hebr", "Hebr", "rtl"),
        Language("hi", "Hindi", "हिन्दी", None, "hin_Deva", "Deva"),
        Language("hr", "Croatian", "hrvatski", None, "hrv_Latn", "Latn"),
        Language("hu", "Hungarian", "magyar", None, "hun_Latn", "Latn"),
        Language("hy", "Armenian", "հայերեն", None, "hye_Armn", "Armn"),
        Language("id", "Indonesian", "Bahasa Indonesia", None, "ind_Latn", "Latn"),
        Language("it", "Italian", "italiano", None, "ita_Latn", "Latn"),
        Language("ja", "Japanese", "日本語", None, "jpn_Jpan", "Jpan", spaced=False),
        Language("ka", "Georgian", "ქართული", None, "kat_Geor", "Geor"),
        Language("ko", "Korean", "한국어", None, "kor_Hang", "Kore"),
        Language("la", "Latin", "Latina", None, None, "Latn"),
        Language("lt", "Lithuanian", "lietuvių", None, "lit_Latn", "Latn"),
        Language("lv", "Latvian", "latviešu", None, "lvs_Latn", "Latn"),
        Language("ms", "Malay", "Bahasa Melayu", None, "zsm_Latn", "Latn"),
        Language("nl", "Dutch", "Nederlands", "du", "nld_Latn", "Latn"),
        Language("pl", "Polish", "polski", None, "pol_Latn", "Latn"),
        Language("pt", "Portuguese", "português", "pt", "por_Latn", "Latn"),
        Language("ro", "Romanian", "română", None, "ron_Latn", "Latn"),
        Language("ru", "Russian", "русский", "ru", "rus_Cyrl", "Cyrl"),
        Language("sk", "Slovak", "slovenčina", None, "slk_Latn", "Latn"),
        Language("sl", "Slovenian", "slovenščina", None, "slv_Latn", "Latn"),
        Language("sq", "Albanian", "shqip", None, "als_Latn", "Latn"),
        Language("sr", "Serbian", "српски", None, "srp_Cyrl", "Cyrl"),
        Language("sv", "Swedish", "svenska", None, "swe_Latn", "Latn"),
        Language("ta", "Tamil", "தமிழ்", None, "tam_Taml", "Taml"),
        Language("th", "Thai", "ไทย", "th", "tha_Thai", "Thai", spaced=False),
        Language("tr", "Turkish", "Türkçe", "tr", "tur_Latn", "Latn"),
        Language("uk", "Ukrainian", "українська", None, "ukr_Cyrl", "Cyrl"),
        Language("ur", "Urdu", "اردو", None, "urd_Arab", "Arab", "rtl"),
        Language("vi", "Vietnamese", "Tiếng Việt", "vi", "vie_Latn", "Latn"),
        Language("zh", "Chinese", "中文", "zh", "zho_Hans", "Hans", spaced=False),
    )
}

# The twelve of the embedded world and of MzsRE; English first, then by code.
ATLAS_LANGUAGES: tuple[str, ...] = (
    "en",
    "cs",
    "de",
    "es",
    "fr",
    "nl",
    "pt",
    "ru",
    "th",
    "tr",
    "vi",
    "zh",
)

# The words that a name may stand with or without; "l'" is written at its name.
ARTICLES: dict[str, tuple[str, ...]] = {
    "de": ("der", "die", "das", "den", "dem", "ein", "eine"),
    "en": ("the", "a", "an"),
    "es": ("el", "la", "los", "las", "un", "una"),
    "fr": ("le", "la", "les", "l'", "un", "une"),
    "nl": ("de", "het", "een"),
    "pt": ("o", "a", "os", "as", "um", "uma"),
}

_BY_MZSRE_CODE = {
    entry.mzsre_code: entry for entry in LANGUAGES.values() if entry.mzsre_code
}


def language(code: str) -> Language:
    """Return the language of an ISO 639-1 code or an MzsRE code ("cz", "du").

    Raises InputError that lists the codes for anything else.
    """
    found = LANGUAGES.get(code) or _BY_MZSRE_CODE.get(code)
    if found is None:
        raise InputError(
            f"“{code}” is not a language that X-KDE knows. Use one of these codes: "
            f"{', '.join(LANGUAGES)}."
        )
    return found


def parity_name(code: str) -> str:
    """Return the name that the released evaluation puts into the edit prompt.

    It knows two: "English" for English, "Chinese" for every other language.
    """
    return "English" if language(code).code == "en" else "Chinese"
