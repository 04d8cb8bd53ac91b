"""What the text of an answer tells: whether it is right, and whether two are one.

Pure functions of strings. The language of an answer is in ``answer_language``.

Run its tests: ``python -m pytest tests/xkde/data/preferences/test_flags.py``
"""

from collections.abc import Iterable
from functools import lru_cache

from xkde.text import normalise

normalised = lru_cache(maxsize=200_000)(normalise)  # answers come again and again

CHARACTERS_PER_TYPO = 8  # "Iran" and "Iraq" are two answers, long names may have slips
MOST_TYPOS = 3
LONGER_TIMES, LONGER_BY = 4, 40  # a length outlier is both


def is_right(answer: str, golds: Iterable[str]) -> bool:
    """Tell whether an answer is one of the golds, after normalisation."""
    said = normalised(answer)
    return bool(said) and any(said == normalised(gold) for gold in golds)


def is_empty(answer: str) -> bool:
    """Tell whether an answer says nothing."""
    return not answer.strip()


def is_near_duplicate(one: str, other: str) -> bool:
    """Tell whether two answers are the same but for normalisation or a few typos.

    One typo is allowed for every eight characters, three at most; texts whose digits
    differ are never the same.
    """
    a, b = normalised(one), normalised(other)
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


def is_length_outlier(one: str, other: str) -> bool:
    """Tell whether one answer is over four times, and 40 characters, longer."""
    short, long = sorted((len(one), len(other)))
    return long > LONGER_TIMES * short and long - short > LONGER_BY
