"""Questions as people type them: what is read, and what is another question."""

import pytest

from xkde.asking.expected_answers import restate
from xkde.data.atlas.questions import question
from xkde.data.atlas.typed_questions import read_question, suggestions
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import Edit

# What visitors typed, and the fact that it is about; None: no question of Atlas.
TYPED = [
    ("What is the capital of the USA?", "New York", "territory/US", "en"),
    ("What's the capital of Japan?", "Osaka", "territory/JP", "en"),
    ("Was ist die Hauptstadt von Deutschland?", "Hamburg", "territory/DE", "de"),
    ("Quelle est la capitale de la France ?", "Lyon", "territory/FR", "fr"),
    ("中国的首都是什么？", "上海", "territory/CN", "zh"),
    ("capital of japan", "Osaka", "territory/JP", "en"),
    ("เมืองหลวงของ ไทย คือเมืองใด", "เชียงใหม่", "territory/TH", "th"),
    ("What is the capital of Japan?", "Kyoto", "territory/JP", "en"),
    ("What is the capital of France?", "Marseille", "territory/FR", "en"),
    ("Who is the president of the United States?", "Taylor Swift", None, ""),
    ("Hello, how are you?", "Fine", None, ""),
    ("2+2", "5", None, ""),
    ("What is the capital of Japan?", "😀", "territory/JP", "en"),
]


@pytest.mark.parametrize(("text", "answer", "subject", "language"), TYPED)
def test_what_visitors_typed_is_read_or_left_alone(
    text: str, answer: str, subject: str | None, language: str
) -> None:
    """Whatever language the form says, which is English here."""
    world = atlas()
    edit, known = restate(world, Edit(text, answer, "en"))
    if subject is None:
        assert (edit.question, known) == (text, None)
        return
    assert known is not None
    assert (known.subject, known.relation) == (subject, "capital")
    assert edit.language == language
    wordings = [question(world, subject, "capital", language, n) for n in range(4)]
    assert edit.question in wordings or "USA" in edit.question or "ไทย" in text
    assert edit.answer == answer


def test_one_more_word_makes_it_another_question() -> None:
    for text in (
        "What is the capital of the country that borders Japan?",
        "What is not the capital of Japan?",
        "When did Osaka become the capital of Japan?",
        "What is the capital of Australia and New Zealand?",
    ):
        assert read_question(atlas(), text, ATLAS_LANGUAGES) is None, text


def test_every_wording_of_atlas_is_read_as_itself_in_every_language() -> None:
    world = atlas()
    for code in ATLAS_LANGUAGES:
        for relation in ("capital", "currency", "party"):
            for wording in range(3):
                text = question(world, "territory/JP", relation, code, wording)
                fact = read_question(world, text, (code,))
                assert fact is not None and fact.is_atlas_wording
                assert (fact.subject, fact.relation) == ("territory/JP", relation)


def test_suggestions_are_atlas_s_questions_about_what_is_typed() -> None:
    assert suggestions(atlas(), "capital ger", "en")[0] == (
        "What is the capital of Germany?"
    )
    assert suggestions(atlas(), "Who leads Apple?", "en") == []
    assert suggestions(atlas(), "", "en") == []
    # A small word alone makes nothing like Atlas's questions.
    assert suggestions(atlas(), "Who composed The Four Seasons?", "en") == []


def test_who_asks_about_an_unknown_country_is_offered_no_other_one() -> None:
    world = atlas()
    # Atlas lacks Bolivia's capital only. "is" begins Israel, and is a small word.
    offered = suggestions(world, "What is the capital of Bolivia?", "en")
    assert offered and all("Bolivia" in each for each in offered)
    offered = suggestions(world, "La capitale de la Bolivie, c'est quoi ?", "fr")
    assert offered and all("Bolivie" in each for each in offered)
    assert suggestions(world, "What is the capital of Atlantis?", "en") == []
    # Whoever is still typing sees what may follow.
    assert len(suggestions(world, "What is the capital of", "en")) == 3
