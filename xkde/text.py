"""Text as it is compared: one normalisation for answers, names and typed questions.

Pure functions of strings, standard library only.
"""

import re
import unicodedata
from functools import lru_cache

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


class _Kept(dict[int, str]):
    """What becomes of a character, itself or a space; worked out when first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        blank = unicodedata.category(character)[0] in "PSZC"
        self[code] = " " if blank else character
        return self[code]


_KEPT = _Kept()


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


def holds(text: str, name: str) -> bool:
    """Tell whether a text holds a name after normalisation; Latin ones as words."""
    return holds_normalised(normalise(text), normalise(name))


def holds_normalised(said: str, name: str) -> bool:
    """Tell the same of two texts that are normalised already."""
    if not name or name not in said:
        return False
    before = f"(?<!{_LATIN})" if re.match(_LATIN, name[0]) else ""
    after = f"(?!{_LATIN})" if re.match(_LATIN, name[-1]) else ""
    return re.search(before + re.escape(name) + after, said) is not None


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
