"""Aliases mean what Atlas has, and nothing else that it has.

python -m pytest tests/xkde/data/atlas/test_aliases.py
"""

import pytest

from xkde.data.atlas.aliases import aliases_of, in_text, named_by, tables
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.evaluation.scoring.answers import score
from xkde.languages import ATLAS_LANGUAGES
from xkde.text import holds, normalise

WORLD = atlas()
KINDS = ("territory", "currency")


def names(code: str, kind: str) -> set[str]:
    """Return what a language calls the entities of a kind."""
    return {WORLD.names[entity][code] for entity in WORLD.by_kind[kind]}


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_every_alias_is_of_one_name_of_atlas_and_is_no_other(code: str) -> None:
    seen: set[str] = set()
    for name, others in tables()[code].items():
        kind = next((k for k in KINDS if name in names(code, k)), "")
        assert kind, name
        plain = {normalise(each): each for k in KINDS for each in names(code, k)}
        for alias in others:
            assert normalise(alias) not in plain, alias
            assert normalise(alias) not in seen, alias
            seen.add(normalise(alias))
            assert named_by(alias, code) == normalise(name)
        # In a sentence it names nothing else either.
        for alias in in_text(name, code):
            held = {n for n in names(code, kind) - {name} if holds(n, alias)}
            assert not held, (alias, held)


def test_all_twelve_languages_have_some() -> None:
    assert set(tables()) == set(ATLAS_LANGUAGES)
    assert aliases_of("united states", "en")[0] == "USA"
    assert aliases_of("United States", "de") == ()
    assert "US" not in in_text("United States", "en")
    for said in ("usa", "U.S.A.", "the USA", "US"):
        assert named_by(said, "en") == "united states"
    assert named_by("Japan", "en") is None


def test_cases_have_the_aliases_of_their_answers() -> None:
    found = [
        (item, code)
        for case in atlas_cases(WORLD, limit=400)
        for items in case.probes.values()
        for code, item in items.items()
    ]
    assert all(item.aliases == in_text(item.answer, code) for item, code in found)
    assert sum(bool(item.aliases) for item, _ in found) > 50


def test_an_alias_is_no_exact_match() -> None:
    also = in_text("United States", "en")
    told = score("USA", "United States", "en", source="en", aliases=also)
    assert (told.exact, told.alias) == (False, True)
    told = score("United States", "United States", "en", source="en", aliases=also)
    assert (told.exact, told.alias) == (True, True)
