"""Text as it is compared: the same after normalisation, naming something, its script.

The one place that decides whether two texts are the same answer (``same``, ``is_one``)
and whether a text holds a name (``mentions``; ``xkde.data.atlas.mentions`` knows which
names are part of others). Pure functions of strings.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from xkde.languages import language as language_of

# Scripts that write no borders between words: Thai, Lao, Burmese, Khmer, kana, Chinese
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
_HANGUL = ("\uac00", "\ud7a3")  # Korean writes its particles at the word
QUOTE = "'"
FORMULA_MARKS = tuple("=+-@\t\r\n＝＋－＠")  # what a formula may begin with
DEEPEST = 100  # levels of a JSON value
Json = dict[str, Any]  # an object of JSON, YAML or TOML, read or to be written
_LEAST_REPEATED = 8  # characters that say no more than one thing again and again

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
    """What becomes of a character: itself, a space, nothing; worked out when first met.

    Nothing is left of what nobody sees: soft hyphens, joiners, variation selectors.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cf" or 0xFE00 <= code <= 0xFE0F:
            self[code] = ""
        else:
            self[code] = " " if category[0] in "PSZC" else character
        return self[code]


_KEPT = _Kept()


@lru_cache(maxsize=100_000)  # answers and names come again and again
def normalise(text: str) -> str:
    """Return a text without case, punctuation, compatibility forms and spare spaces.

    NFKC, case folded; punctuation, symbols and separators (by their Unicode category)
    become single spaces, invisible characters nothing.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Turkish has i with and without a dot in both cases: I, ı, İ and i are one here, as
    # a capital I alone does not tell which of the two it is.
    plain = folded.replace("i\u0307", "i").replace("ı", "i")
    return " ".join(plain.translate(_KEPT).split())


@lru_cache(maxsize=100_000)
def unaccented(text: str) -> str:
    """Return a text normalised, and its Latin letters without their accents.

    In other scripts marks make letters of their own: Thai vowels, Russian й.
    """
    folded = normalise(text).translate(_PLAIN)
    if folded.isascii():
        return folded
    plain = []
    for letter in folded:
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


def mentions(
    text: str,
    name: str,
    longer: Iterable[str] = (),
    plain: Callable[[str], str] = normalise,
) -> bool:
    """Tell whether a text holds a name after normalisation, as a name of its own.

    A name ends where a word ends. One that is part of a longer name is not held: a text
    is read from its beginning, the longest of ``name`` and ``longer`` first, which is
    all that tells names apart in scripts without spaces. ``plain`` is ``unaccented``
    where accents do not count.

    >>> mentions("都柏林", "柏林", ["都柏林"])
    False
    """
    within, name = plain(text), plain(name)
    if not name or name not in within:
        return False
    names = sorted({name, *filter(None, map(plain, longer))}, key=len, reverse=True)
    at = 0
    while at < len(within):
        found = next((each for each in names if stands_at(within, each, at)), "")
        if found == name:
            return True
        at += len(found) or 1
    return False


def stands_at(text: str, name: str, at: int) -> bool:
    """Tell whether a name stands at a place of a text, both normalised, as words."""
    end = at + len(name)
    if not text.startswith(name, at):
        return False
    if end < len(text) and unicodedata.category(text[end])[0] == "M":
        return False  # a vowel or tone of the last letter
    is_joined = at > 0 and _is_of_word(text[at - 1]) and _is_of_word(name[0])
    goes_on = end < len(text) and _is_of_word(text[end]) and _is_of_word(name[-1])
    if goes_on and _HANGUL[0] <= name[-1] <= _HANGUL[1]:
        goes_on = False
    return not is_joined and not goes_on


@lru_cache(maxsize=20_000)
def _is_of_word(letter: str) -> bool:
    """Tell whether a character beside another one makes a longer word."""
    if _IS_UNSPACED.match(letter):
        return False
    return letter.isalnum() or unicodedata.category(letter)[0] == "M"


def repeats_itself(text: str) -> bool:
    """Tell whether a text ends in the same piece at least three times in a row.

    The last of them may be broken off, as it is at the limit of an answer's length.
    """
    plain = normalise(text)
    for size in range(1, len(plain) // 3 + 1):
        end = plain[-max(3 * size, _LEAST_REPEATED) :]
        if len(end) >= _LEAST_REPEATED and end[size:] == end[:-size]:
            return True
    return False


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


def parse_json(text: str | bytes) -> Any:
    """Return the JSON value of a text; raises ValueError for anything else.

    Also for what is nested too deeply to be read, or to be written again.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    written = text.encode("utf-8", "replace") if isinstance(text, str) else text
    opened = written.count(b"[") + written.count(b"{")
    if opened > DEEPEST and _is_deep(value, DEEPEST):
        raise ValueError("it is nested too deeply")
    return value


def _is_deep(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return not levels or any(_is_deep(each, levels - 1) for each in value)


def has_half_character(text: str) -> bool:
    """Tell whether a text holds half a character, as "\\ud83d" alone in JSON.

    No file in UTF-8 can hold it.
    """
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def safe_cell(text: str) -> str:
    """Return a text as a cell of CSV that no spreadsheet takes for a formula.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return QUOTE + text if _is_formula(text) else text


def cell_text(cell: str) -> str:
    """Return the text that ``safe_cell`` was given."""
    is_quoted = cell.startswith(QUOTE) and _is_formula(cell)
    return cell.removeprefix(QUOTE) if is_quoted else cell


def _is_formula(text: str) -> bool:
    return text.lstrip(QUOTE + " ")[:1] in FORMULA_MARKS
