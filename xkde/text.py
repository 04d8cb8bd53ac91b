"""Text as it is compared: the same after normalisation, naming something, its script.

The one place that decides whether two texts are the same answer (``same``, ``is_one``)
and whether a text names something (``mentions``). Pure functions of strings.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

from xkde.languages import language as language_of

# A letter or digit beside which another one makes a longer word. Only Latin: scripts
# without spaces have no borders, others put their endings at the name.
_LATIN = "[0-9a-z\u00df-\u024f\u1e00-\u1eff]"

# What stands before or after the digits of a year, normalised; none is of English
# alone, and the digits decide, so that one list serves all languages.
_BEFORE_YEAR = (
    "in|the year|in the year|rok|roku|v roce|im jahr|im jahre|jahr|das jahr|en|año|"
    "el año|en el año|année|l année|en l an|in het jaar|het jaar|jaar|em|ano|ano de|"
    "o ano de|в|năm|vào năm|ปี|ในปี|ค ศ|พ ศ|公元|西元|عام|سنة"
)
_AFTER_YEAR = "年|년|год|году|года|г|рік|року|р|година|г|yılı|yılında|da|de|te|ta|ce|ad"
_YEAR = re.compile(
    rf"(?:(?P<before>{_BEFORE_YEAR}) ?)?(?P<year>\d{{4}}) ?(?:{_AFTER_YEAR})?"
)
# Latin letters with a stroke and the like, which Unicode does not take apart
_PLAIN = str.maketrans("ıłøđðħ", "iloddh")
_BUDDHIST = 543  # the Thai era's year 2533 is 1990

# How Unicode's names of letters begin -> ISO 15924 code, as ``xkde.languages`` has it
SCRIPTS: dict[str, str] = {
    "LATIN": "Latn",
    "CYRILLIC": "Cyrl",
    "THAI": "Thai",
    "CJK": "Hans",
    "HIRAGANA": "Jpan",
    "KATAKANA": "Jpan",
    "HANGUL": "Kore",
    "ARABIC": "Arab",
    "ARMENIAN": "Armn",
    "BENGALI": "Beng",
    "DEVANAGARI": "Deva",
    "GEORGIAN": "Geor",
    "GREEK": "Grek",
    "HEBREW": "Hebr",
    "TAMIL": "Taml",
}


class _Kept(dict[int, str]):
    """What becomes of a character, itself or a space; worked out when first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        blank = unicodedata.category(character)[0] in "PSZC"
        self[code] = " " if blank else character
        return self[code]


_KEPT = _Kept()


@lru_cache(maxsize=100_000)  # answers and names come again and again
def normalise(text: str) -> str:
    """Return a text without case, punctuation, compatibility forms and spare spaces.

    NFKC, case folded; punctuation, symbols and separators (by their Unicode category)
    become single spaces.
    """
    # Turkish's dotted capital folds to an i and a loose dot: two ways of one name.
    folded = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")
    return " ".join(folded.translate(_KEPT).split())


@lru_cache(maxsize=4096)
def unaccented(text: str) -> str:
    """Return a text normalised, and its Latin letters without their accents.

    In other scripts marks make letters of their own: Thai vowels, Russian й.
    """
    plain = []
    for letter in normalise(text).translate(_PLAIN):
        first, *marks = list(unicodedata.normalize("NFD", letter))
        plain.append(first if marks and first.isascii() else letter)
    return "".join(plain)


def same(first: str, second: str) -> bool:
    """Tell whether two texts are the same after normalisation."""
    return normalise(first) == normalise(second)


def is_one(answer: str, golds: Iterable[str]) -> bool:
    """Tell whether an answer is one of the golds after normalisation; never if empty.

    >>> is_one(" OSAKA. ", ["Ōsaka", "Osaka"])
    True
    """
    plain = normalise(answer)
    return bool(plain) and any(plain == normalise(gold) for gold in golds)


def mentions(text: str, name: str, plain: Callable[[str], str] = normalise) -> bool:
    """Tell whether a text holds a name after normalisation; Latin ones as words.

    ``plain`` is ``unaccented`` where accents do not count.
    """
    within, name = plain(text), plain(name)
    if not name or name not in within:
        return False
    before = f"(?<!{_LATIN})" if re.match(_LATIN, name[0]) else ""
    after = f"(?!{_LATIN})" if re.match(_LATIN, name[-1]) else ""
    return re.search(before + re.escape(name) + after, within) is not None


@lru_cache(maxsize=20_000)
def letter_script(letter: str) -> str:
    """Return the script of a letter as ISO 15924 code; nothing where it is none."""
    if not letter.isalpha():
        return ""
    first = re.split("[ -]", unicodedata.name(letter, ""), maxsplit=1)[0]
    return SCRIPTS.get(first, "")


def scripts_of(language: str) -> tuple[str, ...]:
    """Return the scripts that a language may be written in, its own first."""
    script = language_of(language).script
    # A Japanese or Korean name may be in Chinese characters alone.
    return (script, *{"Jpan": ("Hans",), "Kore": ("Hans",)}.get(script, ()))


def fits_script(text: str, language: str) -> bool | None:
    """Tell whether most letters are of the language's script; None without letters."""
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return None
    scripts = scripts_of(language)
    return 2 * sum(letter_script(c) in scripts for c in letters) > len(letters)


def year_of(text: str) -> int | None:
    """Return the year that a text names and nothing else: "1990年", "in 1990", "๑๙๙๐".

    None for everything else, dates among them.
    """
    said = "".join(
        str(unicodedata.digit(c)) if c.isdigit() else c for c in normalise(text)
    )
    match = _YEAR.fullmatch(said)
    if match is None:
        return None
    return int(match["year"]) - (_BUDDHIST if match["before"] == "พ ศ" else 0)
