"""When an answer is right: exact, lenient, in part; and locality, when unchanged.

Pure functions of strings and numbers. All compare as ``xkde.text`` does;
``xkde.evaluation.scoring.answers`` puts them together for one answer.

The paper's locality compares two answers of one model to the same query, without the
edit and with it (Wang et al. 2024, https://arxiv.org/abs/2312.13040). Teacher-forced it
is the share of the gold answer's tokens where both first choices are equal,

    locality = 1/T · Σ_t [argmax p(· | x, y_<t) = argmax p_edited(· | x, y_<t)],

generated it is whether both texts are the same after normalisation. The same functions
compare the edited model with its base. ``evaluation/run/rows.py`` records both, beside
exact match without and with the edit.
"""

import math
from collections import Counter
from collections.abc import Sequence

from xkde.data.atlas.mentions import names_entity
from xkde.languages import language as language_of
from xkde.text import is_one, normalise, same, year_of

_ENGLISH_ARTICLES = ("a", "an", "the")


def exact_match(answer: str, gold: str) -> bool:
    """Tell whether two answers are the same after normalisation."""
    return is_one(answer, (gold,))


def alias_match(answer: str, gold: str, aliases: Sequence[str] = ()) -> bool:
    """Tell whether an answer is the gold or another right form of it."""
    return is_one(answer, (gold, *aliases))


def year_match(answer: str, gold: str) -> bool:
    """Tell whether both are the same year, however it is written: "1990年", "1990"."""
    year = year_of(gold)
    return year is not None and year_of(answer) == year


def lenient_match(answer: str, gold: str, aliases: Sequence[str] = ()) -> bool:
    """Tell whether an answer is right but for the form of a year."""
    forms = (gold, *aliases)
    return alias_match(answer, gold, aliases) or any(
        year_match(answer, form) for form in forms
    )


def contains(answer: str, gold: str, aliases: Sequence[str] = ()) -> bool:
    """Tell whether an answer names the gold."""
    return any(names_entity(answer, form) for form in (gold, *aliases))


def tokens(text: str, language: str) -> list[str]:
    """Return what F1 counts: words, or characters where words are not written apart.

    English articles do not count, unless nothing else is there.
    """
    plain = normalise(text)
    if not language_of(language).spaced:
        return list(plain.replace(" ", ""))
    words = plain.split()
    if language == "en":
        return [word for word in words if word not in _ENGLISH_ARTICLES] or words
    return words


def f1(answer: str, gold: str, language: str, aliases: Sequence[str] = ()) -> float:
    """Return the best token F1 of an answer with any right form of the gold."""
    given = Counter(tokens(answer, language))
    return max(_f1(given, Counter(tokens(form, language))) for form in (gold, *aliases))


def _f1(given: Counter[str], gold: Counter[str]) -> float:
    """Return 2PR / (P + R), which is twice what they share over both their sizes."""
    shared = (given & gold).total()
    return 2 * shared / (given.total() + gold.total()) if shared else 0.0


def mean(values: Sequence[float]) -> float:
    """Return the mean; NaN where nothing was measured."""
    return sum(values) / len(values) if values else math.nan


def unchanged_tokens(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the share of places at which two first choices are equal, 0 to 1.

    Raises ValueError for sequences of different length.
    """
    equal = [a == b for a, b in zip(before, after, strict=True)]
    return sum(equal) / len(equal)


def is_unchanged(before: str, after: str) -> bool:
    """Tell whether two answers are the same after normalisation."""
    return same(before, after)
