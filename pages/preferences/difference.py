"""Two answers, character by character: what is in the one and not in the other.

Pure: texts in, escaped HTML out. What only the chosen answer has is ``<ins>``, what
only the rejected one has is ``<del>``: readers announce them, and the style sheet draws
lines under and through them, so that no colour is needed.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from html import escape

CHARACTERS = 700  # of both texts together; longer ones are compared by words
LONGEST = 20_000  # beyond that nothing is compared
LEAST = 2  # characters that two different texts must share in a row to be shown so
Pieces = list[tuple[str, bool]]  # (text, whether only this text has it)


def letters(text: str) -> list[str]:
    """Return a text's letters, each with the marks that are written on it."""
    found: list[str] = []
    for character in text:
        if found and unicodedata.category(character)[0] == "M":
            found[-1] += character
        else:
            found.append(character)
    return found


def words(text: str) -> list[str]:
    """Return a text's words and the spaces and signs between them."""
    return re.findall(r"\w+|\s+|[^\w\s]", text)


def difference(one: str, other: str) -> tuple[Pieces, Pieces]:
    """Return both texts in pieces; joined, they are the texts."""
    length = len(one) + len(other)
    if length > LONGEST:
        return [(one, False)], [(other, False)]
    split = letters if length <= CHARACTERS else words
    a, b = split(one), split(other)
    left, right = Marks(), Marks()
    before_a = before_b = 0
    matcher = SequenceMatcher(None, a, b, autojunk=length > CHARACTERS)
    for at_a, at_b, size in matcher.get_matching_blocks():
        if size and _is_chance(a, b, at_a, at_b, size):
            continue
        left.add(a[before_a:at_a], a[at_a : at_a + size])
        right.add(b[before_b:at_b], b[at_b : at_b + size])
        before_a, before_b = at_a + size, at_b + size
    return left.pieces, right.pieces


def _is_chance(
    a: Sequence[str], b: Sequence[str], at_a: int, at_b: int, size: int
) -> bool:
    """Tell whether a short match in the middle of changes says nothing."""
    ends = at_a == at_b == 0 or (at_a + size == len(a) and at_b + size == len(b))
    return size < LEAST and not ends and a[at_a].isalpha() and a[at_a] < "\u0600"


class Marks:
    """The pieces of one text, grown from left to right."""

    def __init__(self) -> None:
        self.pieces: Pieces = []

    def add(self, own: Sequence[str], shared: Sequence[str]) -> None:
        """Add what only this text has, then what both have."""
        for units, is_own in ((own, True), (shared, False)):
            if units:
                self.pieces.append(("".join(units), is_own))


def marked(pieces: Pieces, tag: str) -> str:
    """Return pieces as escaped HTML, those of one text alone in a tag."""
    return "".join(
        f"<{tag}>{escape(text)}</{tag}>" if is_own else escape(text)
        for text, is_own in pieces
    )
