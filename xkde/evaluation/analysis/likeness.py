"""What an answer shares with a name: its words, its letters, its script, its language.

Pure functions of strings, for short answers. The language of Latin text is guessed from
letters and small words that only one of our languages has; most names tell nothing.
"""

import re
from difflib import SequenceMatcher
from functools import lru_cache

from xkde.text import letter_script, normalise, scripts_of, unaccented

ALIKE = 0.65  # share of equal letters from which two words are spellings of one
SHORT_ALIKE, SHORT = 0.85, 5  # of words below so many letters: "juni" is not "juli"
ALPHABETS = ("Latn", "Cyrl")
# The only languages, of those with Latin letters, that write so.
_LETTERS = {
    "cs": "ěřůďťň", "de": "ß", "es": "ñ¿¡", "fr": "œùû", "pt": "ãõ", "tr": "ğış",
    "vi": "ăơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹđ",
}  # fmt: skip
_WORDS = {
    "en": "the of and was in is who which film year",
    "de": "der die das und von ist ein eine im für den dem",
    "fr": "le les des du et est une dans pour aux",
    "es": "el los las y del una es por",
    "pt": "os as dos das em uma do é no na",
    "nl": "het een van en voor op zijn",
    "cs": "je se ve byl byla pro",
    "tr": "bir ve için ile olan",
    "vi": "của là và người trong năm",
}
_LANGUAGE_OF_WORD = {
    word: code
    for code, words in _WORDS.items()
    for word in words.split()
    if sum(word in others.split() for others in _WORDS.values()) == 1
}
_LANGUAGE_OF_LETTER = {
    letter: code for code, letters in _LETTERS.items() for letter in letters
}
_REPEATED = re.compile(r"(.{2,24}?)\1{3,}|\b(\S+)(?: \2){2,}(?!\S)|(.)\3{7,}")


@lru_cache(maxsize=100_000)
def words_of(text: str) -> frozenset[str]:
    """Return a text's words without accents and case."""
    return frozenset(unaccented(text).split())


@lru_cache(maxsize=100_000)
def scripts_in(text: str) -> frozenset[str]:
    """Return the scripts of a text's letters (ISO 15924)."""
    return frozenset(filter(None, map(letter_script, text)))


@lru_cache(maxsize=50_000)
def are_alike(first: str, second: str) -> bool:
    """Tell whether two names are spellings of one: what they do not share is alike.

    Numbers are alike only where they are equal: 1944 is not 1949 misspelt.

    >>> are_alike("Сергей Рахманноф", "Сергей Рахманинов"), are_alike("1944", "1949")
    (True, False)
    """
    one, other = unaccented(first).split(), unaccented(second).split()
    if sorted("".join(one)) == sorted("".join(other)):
        return bool(one)
    if _numbers(first) != _numbers(second):
        return False
    left = " ".join(word for word in one if word not in other)
    right = " ".join(word for word in other if word not in one)
    return _words_alike(left, right)


def _words_alike(left: str, right: str) -> bool:
    """Tell whether most letters of two texts are the same."""
    if not left or not right:
        return False
    is_short = min(len(left), len(right)) < SHORT
    share = SHORT_ALIKE if is_short and letter_script(left[0]) in ALPHABETS else ALIKE
    total = len(left) + len(right)
    if 2 * min(len(left), len(right)) < share * total:
        return False  # the bound of ``real_quick_ratio``, without a matcher
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    return matcher.quick_ratio() >= share and matcher.ratio() >= share


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def is_part(answer: str, name: str) -> bool:
    """Tell whether an answer is some of a name's words, one of its halves, or its date.

    >>> is_part("Universidad de Ohio", "Universidad del Estado de Ohio")
    True
    """
    said, whole = unaccented(answer), unaccented(name)
    if len(said) < 2 or said == whole:
        return False
    mine, its = words_of(answer), words_of(name)
    if any(len(word) > 3 or word.isdigit() for word in mine) and mine <= its:
        return True
    numbers, all_numbers = _numbers(said), _numbers(whole)
    if 1 < len(numbers) < len(all_numbers) and set(numbers) <= set(all_numbers):
        return True
    return 2 * len(said) >= len(whole) and whole.startswith(said)


def shares_most_of(answer: str, name: str, common: frozenset[str]) -> bool:
    """Tell whether words that are half of a name's letters are in an answer.

    Words in ``common``, such as "university", tell nothing.

    >>> shares_most_of("viejo Tamarro", "Old Tamarro", frozenset())
    True
    """
    shared = [word for word in words_of(name) - common if _holds(answer, word)]
    letters = sum(len(word) for word in shared if not word.isdigit())
    return letters >= SHORT and 2 * letters >= len(unaccented(name).replace(" ", ""))


@lru_cache(maxsize=50_000)
def apart(text: str) -> str:
    """Return a text with a space wherever letters of one script touch another's.

    >>> apart("Juanda国际机场")
    'Juanda 国际机场'
    """
    if text.isascii():
        return text
    pairs = zip(text, text[1:], strict=False)
    gaps = (
        " " if one != other and "" not in (one, other) else ""
        for one, other in ((letter_script(a), letter_script(b)) for a, b in pairs)
    )
    return "".join(c + gap for c, gap in zip(text, (*gaps, ""), strict=True))


def adds_words_of(answer: str, gold: str, stated: str) -> str:
    """Return the words of an answer that are not the gold's, if all are the edit's.

    >>> adds_words_of("Juanda国际机场", "朱安达国际机场", "Juanda Airport")
    'juanda'
    """
    golds, mine = words_of(gold), words_of(stated)
    answer = apart(answer)
    added = {
        word
        for word in words_of(answer) - golds
        if len(word) > 2 and (word in mine or not any(_alike(word, g) for g in golds))
    }
    if added and added <= mine:
        return " ".join(word for word in unaccented(answer).split() if word in added)
    return ""


def holds_half_of(answer: str, name: str, common: frozenset[str]) -> str:
    """Return the words of a name, or words like them, if half of them are there."""
    words = {word for word in words_of(name) if len(word) > 3}
    held = [word for word in sorted(words - common) if _holds(answer, word)]
    return " ".join(held) if held and 2 * len(held) >= len(words) else ""


def _holds(answer: str, word: str) -> bool:
    return any(_alike(word, said) for said in words_of(answer))


@lru_cache(maxsize=50_000)
def _alike(one: str, other: str) -> bool:
    """Tell whether two words are one, with another ending or spelling."""
    shorter = min(one, other, key=len)
    if len(shorter) > 3 and one[: len(shorter)] == other[: len(shorter)]:
        return not shorter.isdigit() or one == other
    return not (_numbers(one) or _numbers(other)) and _words_alike(one, other)


def is_repeated(text: str) -> bool:
    """Tell whether a text says the same again and again."""
    plain = normalise(text)
    if _REPEATED.search(plain):
        return True
    words = plain.split()
    most = max((words.count(word) for word in set(words)), default=0)
    if len(words) > 1 and (most == len(words) or (most > 2 and 2 * most >= len(words))):
        return True
    return len(words) >= 8 and len(set(words)) <= len(words) // 3


def mixed_word(text: str, spaced: bool) -> str:
    """Return a word that mixes letters of two scripts; nothing if there is none.

    In a language without spaces a Latin name may touch other letters.
    """
    without = set() if spaced else {"Hans", "Thai", "Jpan"}
    words = text.split()
    return next((word for word in words if len(scripts_in(word) - without) > 1), "")


def latin_language(text: str) -> str:
    """Return the language that a Latin text's letters or small words tell; or nothing.

    >>> latin_language("The film is about a man"), latin_language("Osaka")
    ('en', '')
    """
    plain = [word for word in text.split() if word[:1].islower()]  # names keep letters
    found = [_LANGUAGE_OF_LETTER[c] for c in "".join(plain) if c in _LANGUAGE_OF_LETTER]
    small = [
        _LANGUAGE_OF_WORD[word]
        for word in normalise(text).split()
        if word in _LANGUAGE_OF_WORD
    ]
    languages = {*found, *small}
    sure = bool(found) or len(small) > 1
    return languages.pop() if sure and len(languages) == 1 else ""


def is_of_script(text: str, language: str) -> bool:
    """Tell whether most letters are of a language's script; True without letters."""
    own = scripts_of(language)
    letters = [letter_script(c) for c in text if c.isalpha()]
    return 2 * sum(script in own for script in letters) >= len(letters)
