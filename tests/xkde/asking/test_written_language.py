"""The language of a typed question: script or words tell it, names alone do not."""

import pytest

from xkde.asking.written_language import written_language
from xkde.data.atlas.questions import question
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Who wrote Moby-Dick?", "en"),
        ("Wie heeft Ajax opgericht?", "nl"),
        ("¿Dónde está Lima?", "es"),
        ("Кто написал «Войну и мир»?", "ru"),
        ("谁领导苹果？", "zh"),
        ("หอไอเฟลอยู่ที่ไหน", "th"),
    ],
)
def test_a_sentence_tells_its_language(text: str, language: str) -> None:
    assert written_language(text, "fr") == language
    assert written_language(text, language) == language


@pytest.mark.parametrize("text", ["", "?", "1984", "Paris", "ABBA", "Η Αθήνα"])
def test_what_tells_nothing_is_left_to_whoever_typed_it(text: str) -> None:
    for code in ("fr", "tr"):
        assert written_language(text, code) == code


def test_questions_of_every_language_are_told_apart() -> None:
    world = atlas()
    told = [
        written_language(question(world, "territory/JP", "capital", code), other)
        for code, other in zip(ATLAS_LANGUAGES, ("de", *ATLAS_LANGUAGES), strict=False)
    ]
    assert told == list(ATLAS_LANGUAGES)
