"""Decks: facts dealt like cards, so that each comes once before any comes again.

Knows no fact. Run its tests: ``python -m pytest tests/test_corpus.py``
"""

import random


class Decks:
    """Several decks by name; cards are (subject, relation, language)."""

    def __init__(self, random_: random.Random, languages: list[str]) -> None:
        self.random = random_
        self.languages = languages
        self.cards: dict[str, list[tuple[str, str, str]]] = {}

    def deal(self, deck: str, pairs: list[tuple[str, str]]) -> tuple[str, str, str]:
        """Return the next of all (subject, relation, language), reshuffled when out."""
        if not self.cards.get(deck):
            cards = [(s, r, c) for s, r in pairs for c in self.languages]
            self.random.shuffle(cards)
            self.cards[deck] = cards
        return self.cards[deck].pop()
