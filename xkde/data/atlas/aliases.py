"""Other common names of Atlas's territories and currencies: "USA", "yen", "美利坚".

The table is hand-written (``assets/atlas/aliases.toml``): by language, the name that
Atlas has, and what people also say. Nothing is trained on them; typed questions and
answers are read with their help. Knows no fact.

Run its tests: ``python -m pytest tests/xkde/data/atlas/test_aliases.py``
"""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache

from xkde.languages import LANGUAGES
from xkde.paths import ATLAS
from xkde.text import normalise, unaccented

INITIALS = re.compile(r"\b(\w) (?=\w\b)")
FILE = ATLAS / "aliases.toml"

Table = Mapping[str, tuple[str, ...]]  # a name -> its aliases


@lru_cache(maxsize=1)
def tables() -> dict[str, Table]:
    """Return each language's table, as it stands in the file."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        code: {name: tuple(others) for name, others in table.items()}
        for code, table in read.items()
    }


def aliases_of(name: str, language: str) -> tuple[str, ...]:
    """Return the other common names of what a language calls ``name``."""
    return _by_name(language).get(normalise(name), ())


def in_text(name: str, language: str) -> tuple[str, ...]:
    """Return those that are no other word of a sentence, as "US" is."""
    spaced = language in LANGUAGES and LANGUAGES[language].spaced
    shortest = 3 if spaced else 2
    return tuple(a for a in aliases_of(name, language) if len(normalise(a)) >= shortest)


def named_by(alias: str, language: str) -> str | None:
    """Return Atlas's own name, normalised, of what a language also calls ``alias``.

    Accents and the full stops of initials do not matter, nor an English article.
    """
    said, table = _key(alias), _by_alias(language)
    return table.get(said) or table.get(said.removeprefix("the "))


def _key(text: str) -> str:
    """Return a text as aliases are compared: "U.S.A." is "usa"."""
    return INITIALS.sub(r"\1", unaccented(text))


@lru_cache(maxsize=16)
def _by_name(language: str) -> Table:
    table = tables().get(language, {})
    return {normalise(name): others for name, others in table.items()}


@lru_cache(maxsize=16)
def _by_alias(language: str) -> dict[str, str]:
    return {
        _key(alias): name
        for name, others in _by_name(language).items()
        for alias in others
    }
