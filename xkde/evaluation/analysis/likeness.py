"""What an answer shares with a name: its words, its letters, its script, its language.

Pure functions of strings, for short answers. The language of Latin text is guessed from
letters and small words that only one of our languages has; most names tell nothing.
"""

import re
from difflib import SequenceMatcher
from functools import lru_cache

from xkde.text import letter_script, normalise, scripts_of, unaccented

ALIKE = 0.65  # share of equal letters from which two words are spellings of one
SHORT = 4  # letters of a word that is not compared
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
    left = " ".join(word for word in one if word not in other)
    right = " ".join(word for word in other if word not in one)
    if not left or not right or _numbers(left) != _numbers(right):
        return False
    if min(len(left), len(right)) < SHORT and left.isascii():
        return False  # short words are alike by chance
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return False
    return matcher.ratio() >= ALIKE


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def is_part(answer: str, name: str) -> bool:
    """Tell whether an answer is some of a name's words, or one of its halves.

    >>> is_part("Universidad de Ohio", "Universidad del Estado de Ohio")
    True
    """
    said, whole = unaccented(answer), unaccented(name)
    if len(said) < 2 or said == whole:
        return False
    mine, its = words_of(answer), words_of(name)
    if any(len(word) > 3 or word.isdigit() for word in mine) and mine <= its:
        return True
    return 2 * len(said) >= len(whole) and whole.startswith(said)


def adds_words_of(answer: str, gold: str, stated: str) -> str:
    """Return the words of an answer that are not the gold's, if all are the edit's."""
    added = words_of(answer) - words_of(gold)
    if added and added <= words_of(stated) and any(len(word) > 2 for word in added):
        return " ".join(word for word in unaccented(answer).split() if word in added)
    return ""


def is_repeated(text: str) -> bool:
    """Tell whether a text says the same again and again."""
    plain = normalise(text)
    if _REPEATED.search(plain):
        return True
    words = plain.split()
    if len(words) > 1 and len(set(words)) == 1:
        return True
    return len(words) >= 8 and len(set(words)) <= len(words) // 3


def mixed_word(text: str) -> str:
    """Return a word that mixes letters of two alphabets; nothing if there is none.

    Chinese and Thai are written without spaces, so a name may touch their letters.
    """
    for word in text.split():
        scripts = scripts_in(word)
        if len(scripts - {"Hans", "Thai", "Jpan"}) > 1 or len(scripts) > 2:
            return word
    return ""


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
