"""The lexical part of retrieval: how much of an edit's name stands in a query.

The score is the share of the name's n-grams that the query contains: trigrams of each
word with its borders, bigrams in scripts that write no borders between words (Chinese,
Thai). Accents are removed and Cyrillic is transliterated, so two thirds of "Barcelona"
are found in "Барселона". Needs no model and no dictionary.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from xkde.text import UNSPACED, normalise
from xkde.types import Edit

Scores = NDArray[np.float32]

_CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ",
        "a b v g d e e zh z i i k l m n o p r s t u f h c ch sh sch  y  e yu ya "
        "i i e g".split(" "),
        strict=True,
    )
)
_ROMAN = str.maketrans(_CYRILLIC)
_RUNS = re.compile(rf"[{UNSPACED}]+|[^\s{UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
_LATIN_RUN = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f'’ -]*")


@lru_cache(maxsize=200_000)
def ngrams(text: str) -> frozenset[str]:
    """Return the n-grams of a text that are compared."""
    grams: set[str] = set()
    for run in _RUNS.findall(_plain(text)):
        if _IS_UNSPACED.match(run):
            grams.update(run[i : i + 2] for i in range(max(1, len(run) - 1)))
        else:
            word = f" {run} "
            grams.update(word[i : i + 3] for i in range(len(word) - 2))
    return frozenset(grams)


def _plain(text: str) -> str:
    """Return a text normalised, without accents, Cyrillic transliterated."""
    roman = normalise(text).translate(_ROMAN)
    if roman.isascii():
        return roman
    apart = unicodedata.normalize("NFD", roman)
    kept = "".join(c for c in apart if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", kept)


def name_of(edit: Edit) -> str:
    """Return what to look for in queries: the subject, or the question's names.

    Names are words with a capital, except the first, or with a digit; in a script
    without word borders, Latin words. "" if there are none.
    """
    if edit.subject:
        return edit.subject
    question = edit.question.strip()
    if _IS_UNSPACED.search(question):
        return " ".join(run.strip() for run in _LATIN_RUN.findall(question))
    words = question.split()[1:]
    return " ".join(word for word in words if _is_namelike(word))


def _is_namelike(word: str) -> bool:
    letters = [c for c in word if c.isalnum()]
    return bool(letters) and (letters[0].isupper() or any(c.isdigit() for c in letters))


@dataclass(frozen=True)
class NameIndex:
    """Inverted index: names ``numbers[begins[i]:begins[i + 1]]`` have n-gram i."""

    sizes: Scores  # n-grams of each name, 1 for a name without any
    ids: dict[str, int]  # n-gram -> i
    begins: NDArray[np.int64]
    numbers: NDArray[np.int32]

    def scores(self, query: str) -> Scores:
        """Return the share of each name's n-grams in a query, (names,), 0 to 1."""
        ids = [self.ids[ngram] for ngram in ngrams(query) if ngram in self.ids]
        if not ids:
            return np.zeros(len(self.sizes), dtype=np.float32)
        matches = np.concatenate(
            [self.numbers[self.begins[i] : self.begins[i + 1]] for i in ids]
        )
        counts = np.bincount(matches, minlength=len(self.sizes))
        return (counts / self.sizes).astype(np.float32)


def index_names(names: Sequence[str]) -> NameIndex:
    """Return the index of names, in their order."""
    by_name = [ngrams(name) for name in names]
    ids: dict[str, int] = {}
    flat = np.fromiter(
        (ids.setdefault(ngram, len(ids)) for grams in by_name for ngram in grams),
        dtype=np.int64,
    )
    sizes = np.array([len(grams) for grams in by_name], dtype=np.int64)
    numbers = np.repeat(np.arange(len(by_name), dtype=np.int32), sizes)
    order = np.argsort(flat, kind="stable")
    begins = np.zeros(len(ids) + 1, dtype=np.int64)
    np.cumsum(np.bincount(flat, minlength=len(ids)), out=begins[1:])
    return NameIndex(
        sizes=np.maximum(sizes, 1).astype(np.float32),
        ids=ids,
        begins=begins,
        numbers=numbers[order],
    )
