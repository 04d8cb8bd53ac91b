"""What an answer's text shows: whether it is empty or near another one, its language.

A text that Atlas knows as a name has the languages that call it so. Of any other text
only the script is read: it shows Thai, but not Dutch from Czech, and then the language
is "und-Latn", undetermined in Latin letters, as BCP 47 writes it. Pure functions of
strings.

Try it: ``python -c "from xkde.data.preferences.answers import answer_language;
print(answer_language('Londres', 'en', 'fr'))"``
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.text import is_one, letter_script, normalise, scripts_of

CHARACTERS_PER_TYPO = 8  # "Iran" and "Iraq" are two answers, long names may have slips
MOST_TYPOS = 3
LONGER_TIMES, LONGER_BY = 4, 40  # a length outlier is both

UNDETERMINED = "und-"
ENOUGH_LETTERS = 200  # of a long answer, its beginning


def is_empty(answer: str) -> bool:
    """Tell whether an answer says nothing."""
    return not answer.strip()


def is_near_duplicate(one: str, other: str) -> bool:
    """Tell whether two answers are the same but for normalisation or a few typos.

    One typo is allowed for every eight characters, three at most; texts whose digits
    differ are never the same.
    """
    a, b = normalise(one), normalise(other)
    if a == b:
        return True
    typos = min(max(len(a), len(b)) // CHARACTERS_PER_TYPO, MOST_TYPOS)
    if abs(len(a) - len(b)) > typos or not typos:
        return False
    if [c for c in a if c.isdigit()] != [c for c in b if c.isdigit()]:
        return False
    return edit_distance(a, b, typos) <= typos


def edit_distance(one: str, other: str, limit: int) -> int:
    """Return Levenshtein's distance, or ``limit + 1`` where it is larger."""
    beyond = limit + 1
    # Column -> distance, for the columns within ``limit`` of the diagonal only.
    row = {j: j for j in range(min(limit, len(other)) + 1)}
    for i, letter in enumerate(one, 1):
        above, row = row, {0: i} if i <= limit else {}
        for j in range(max(1, i - limit), min(len(other), i + limit) + 1):
            row[j] = min(
                above.get(j - 1, beyond) + (letter != other[j - 1]),
                above.get(j, beyond) + 1,
                row.get(j - 1, beyond) + 1,
            )
        if min(row.values(), default=beyond) > limit:
            return beyond
    return row.get(len(other), beyond)


def answer_language(
    text: str, target: str, source: str = "", golds: Iterable[str] = ()
) -> str:
    """Return a language code, or "und-" and a script; nothing without letters.

    A gold is in the target language, whatever its letters. Where several languages are
    possible, the target comes first, then the source, then Atlas's own order.
    """
    if is_one(text, golds):
        return target
    return language_by(evidence(text), target, source)


def fits_language(language: str, target: str) -> bool | None:
    """Tell whether a language is the target; None where that is not known."""
    if not language or target not in LANGUAGES:
        return None
    if not language.startswith(UNDETERMINED):
        return language == target
    script = language.removeprefix(UNDETERMINED)
    return None if script in scripts_of(target) else False


def evidence(text: str) -> str:
    """Return what shows a text's language: codes of those that call something so.

    Else its script; nothing without letters.
    """
    script = script_of(text)
    if not script:  # a year, which Atlas would know by name
        return ""
    return " ".join(sorted(_names().get(normalise(text), ()))) or script


@lru_cache(maxsize=10_000)
def language_by(evidence: str, target: str, source: str) -> str:
    """Return the language that is likely by what ``evidence`` gives."""
    if not evidence:
        return ""
    order = (target, source, *ATLAS_LANGUAGES)
    if evidence.islower():
        return next(code for code in order if code in evidence.split())
    return _by_script(evidence, target, source)


def _by_script(script: str, target: str, source: str) -> str:
    written_so = [code for code in LANGUAGES if script in scripts_of(code)]
    likely = [c for c in (target, source, *ATLAS_LANGUAGES) if c in written_so]
    # Only one language of the twelve has Thai letters, but nine have Latin ones.
    if script == "Latn" or not (likely or len(written_so) == 1):
        return UNDETERMINED + script
    return (likely or written_so)[0]


def script_of(text: str) -> str:
    """Return the script of most letters, nothing without letters.

    Kana make a text Japanese, among however many Chinese characters.
    """
    if text.isascii():
        return "Latn" if any(c.isalpha() for c in text) else ""
    letters = [c for c in text if c.isalpha()][:ENOUGH_LETTERS]
    counts = Counter(script for c in letters if (script := letter_script(c)))
    if not counts:
        return ""
    most = counts.most_common(1)[0][0]
    return "Jpan" if most == "Hans" and counts["Jpan"] else most


@lru_cache(maxsize=1)
def _names() -> dict[str, set[str]]:
    """Return the languages that call anything by a name, by its normalised form."""
    languages: dict[str, set[str]] = {}
    for names in atlas().names.values():
        for code, name in names.items():
            languages.setdefault(normalise(name), set()).add(code)
    return languages
