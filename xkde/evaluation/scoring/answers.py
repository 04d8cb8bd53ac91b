"""All that is measured of one generated answer: right in which sense, which language.

Pure functions of strings. The language is read from names that are known, else from
the script: "Osaka" may be English or Czech, so what cannot be decided is None and is
counted as such."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from xkde.data.atlas.mentions import names_entity
from xkde.languages import ARTICLES
from xkde.languages import language as language_of
from xkde.text import fits_script, is_one, normalise, same, year_of


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
        return [word for word in words if word not in ARTICLES["en"]] or words
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


Evidence = Literal["name", "script", "none"]


@dataclass(frozen=True)
class Spoken:
    """In which of the languages that were asked about an answer may be."""

    languages: tuple[str, ...]
    by: Evidence


@dataclass(frozen=True)
class Score:
    """One answer scored. None where it is unknown."""

    exact: bool
    alias: bool  # exact, or another right form
    lenient: bool  # alias, or the same year in another form
    f1: float
    contains: bool
    in_target: bool | None
    in_source: bool | None
    copied: bool  # it repeats what the edit states


def spoken(
    answer: str, languages: Sequence[str], names: Mapping[str, str] | None = None
) -> Spoken:
    """Return in which of ``languages`` an answer may be, and how that is known.

    ``names`` says what one thing is called by language. An answer that is such a name
    is in all languages that call it so; any other is in those of its script.
    """
    known = names or {}
    named = [code for code in languages if exact_match(answer, known.get(code, ""))]
    if named:
        return Spoken(tuple(named), "name")
    fitting = [code for code in languages if fits_script(answer, code)]
    return Spoken(tuple(fitting), "script" if fitting else "none")


def in_language(
    answer: str, wanted: str, other: str, names: Mapping[str, str] | None = None
) -> bool | None:
    """Tell whether an answer is in one language rather than in the other, or None.

    None where both would write it so, and where no letter tells.
    """
    found = spoken(answer, tuple(dict.fromkeys((wanted, other))), names)
    if found.by == "none":
        return False if fits_script(answer, wanted) is False else None
    if (
        found.by == "script"
        and wanted == other
        and language_of(wanted).script == "Latn"
    ):
        return None
    if wanted != other and len(found.languages) == 2:
        return None
    return wanted in found.languages


def score(
    answer: str,
    gold: str,
    target: str,
    *,
    source: str,
    stated: str = "",
    aliases: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
) -> Score:
    """Score an answer in ``target`` to a question about an edit made in ``source``.

    ``stated`` is the edit's answer as it stood in the prompt (default: its name in the
    source language); ``names`` are names of the gold by language.
    """
    known = names or {}
    stated = stated or known.get(source, "")
    return Score(
        exact=exact_match(answer, gold),
        alias=alias_match(answer, gold, aliases),
        lenient=lenient_match(answer, gold, aliases),
        f1=f1(answer, gold, target, aliases),
        contains=contains(answer, gold, aliases),
        in_target=in_language(answer, target, source, known),
        in_source=(
            None if source == target else in_language(answer, source, target, known)
        ),
        copied=exact_match(answer, stated),
    )
