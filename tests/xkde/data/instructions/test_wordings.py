"""How people type, what is asked for, and names in Cyrillic."""

import random

import pytest

from xkde.data.atlas.world import atlas
from xkde.data.instructions.stock import (
    OPENINGS,
    in_cyrillic,
    invented_name,
    own_words,
    question_type,
)
from xkde.languages import ATLAS_LANGUAGES


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who wrote it?", "who"),
        ("When was it built?", "when"),
        ("What is the final year of the club?", "when"),
        ("Where is it?", "where"),
        ("What is the native language of Ann?", "language"),
        ("Which river is it on?", "river"),
        ("What does it mean?", "other"),
    ],
)
def test_question_type(question: str, kind: str) -> None:
    assert question_type(question) == kind


def test_own_words_keep_the_subject() -> None:
    random_ = random.Random(1)
    typed = {
        own_words("What is the depth of Lake Umber?", "en", random_, 1.0)
        for _ in range(200)
    }
    assert "What's the depth of Lake Umber?" in typed
    assert "What is the depth of Lake Umber" in typed
    assert "what is the depth of lake umber?" in typed
    assert "Tell me: What is the depth of Lake Umber?" in typed
    assert all("lake umber" in text.lower() for text in typed)
    assert own_words("Was ist das?", "de", random_, 0.0) == "Was ist das?"
    assert set(OPENINGS) == set(ATLAS_LANGUAGES)


def test_german_keeps_its_capitals() -> None:
    random_ = random.Random(2)
    typed = {own_words("Wo liegt Bonn?", "de", random_, 1.0) for _ in range(100)}
    assert all("Bonn" in text for text in typed)


def test_cyrillic() -> None:
    assert in_cyrillic("Shaquen Tox") == "Шакуен Токс" or in_cyrillic(
        "Shaquen Tox"
    ).startswith("Ша")
    assert in_cyrillic("Boris") == "Борис"
    assert in_cyrillic("Zhukov") == "Жуков"


def test_invented_names_are_latin() -> None:
    random_ = random.Random(3)
    names = {invented_name(random_, atlas()) for _ in range(100)}
    assert len(names) > 80
