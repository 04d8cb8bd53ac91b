"""The gloss under an answer: how it sounds and whose name it is, or nothing."""

import pytest

from pages.edit_and_ask.gloss import gloss


@pytest.mark.parametrize(
    ("text", "language", "interface", "words"),
    [
        ("大阪", "zh", "en", "dàbǎn · Osaka"),
        ("Осака", "ru", "en", "Osaka"),
        ("โอซากะ", "th", "en", "Osaka"),
        ("Ósaka", "cs", "en", ""),  # the accent alone says nothing new
        ("Tokio", "de", "zh", "东京"),
        ("Osaka", "en", "en", ""),
        ("1945年", "zh", "en", "1945"),
        ("", "zh", "en", ""),
    ],
)
def test_an_answer_says_how_it_sounds_and_whose_name_it_is(
    text: str, language: str, interface: str, words: str
) -> None:
    assert gloss(text, language, interface) == words  # type: ignore[arg-type]
