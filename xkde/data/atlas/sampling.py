"""Decks: facts dealt like cards, so that each comes once before any comes again.

Knows no fact. Run its tests: ``python -m pytest tests/xkde/data/atlas/test_corpus.py``
"""

import random
from collections.abc import Sequence

Card = tuple[str, str, str]  # subject, relation, language


class Decks:
    """Several decks by name; cards are (subject, relation, language)."""

    def __init__(self, random_: random.Random, languages: list[str]) -> None:
        self.random = random_
        self.languages = languages
        self.cards: dict[str, list[Card]] = {}

    def put(
        self, deck: str, pairs: list[tuple[str, str]], more: Sequence[Card] = ()
    ) -> None:
        """Lay out a deck anew: every pair in every language, and some cards more."""
        cards = [(s, r, c) for s, r in pairs for c in self.languages]
        cards += more
        self.random.shuffle(cards)
        self.cards[deck] = cards

    def deal(self, deck: str, pairs: list[tuple[str, str]]) -> Card:
        """Return the next of all (subject, relation, language), reshuffled when out."""
        if not self.cards.get(deck):
            self.put(deck, pairs)
        return self.cards[deck].pop()
