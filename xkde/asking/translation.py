"""Put a typed question into other languages, by the model that is asked.

XE-IT's data teaches some models to translate ("Translate into German:"). Nothing tells
a good translation from a bad one, so it is shown as made by a machine and can be
changed; what cannot be a translation is said and the question asked as typed.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xkde.checkpoints import read_card, resolve
from xkde.errors import CheckpointError
from xkde.languages import language
from xkde.prompts import ask, translation_prompt
from xkde.text import fits_script, same
from xkde.types import Sampling

if TYPE_CHECKING:
    from xkde.asking.session import StreamingEngine

LONGEST = 64  # tokens of a translated question
Problem = Literal["", "empty", "same", "script"]


@dataclass(frozen=True)
class TranslatedQuestion:
    """A question in a language as a model put it; with a problem it is not used."""

    language: str
    text: str
    problem: Problem = ""


def can_translate(reference: str) -> bool:
    """Tell whether a model's card says that it was taught to translate."""
    try:
        path = resolve(reference).path
        card = read_card(path) if path else None
    except CheckpointError:
        return False
    data = card.details.get("data_file", {}) if card else {}
    return bool(data.get("kinds", {}).get("translation"))


def translate(
    engine: "StreamingEngine",
    text: str,
    source: str,
    languages: Sequence[str],
    cancelled: threading.Event,
) -> tuple[TranslatedQuestion, ...]:
    """Return a question in each of the languages but its own, all made at once."""
    codes = [code for code in languages if code != source]
    if not codes:
        return ()
    prompts = [
        engine.encode(ask(translation_prompt(text, language(code).name), code)).ids
        for code in codes
    ]
    made = [""] * len(codes)
    for generations in engine.stream(prompts, Sampling(LONGEST), cancelled):
        made = [g.text.strip() if g.finish == "stop" else "" for g in generations]
    return tuple(
        TranslatedQuestion(code, each, problem_of(text, each, code))
        for code, each in zip(codes, made, strict=True)
    )


def problem_of(text: str, translated: str, code: str) -> Problem:
    """Return why a text cannot be the translation of a question, or nothing."""
    if not translated:
        return "empty"
    if same(text, translated):
        return "same"
    return "script" if fits_script(translated, code) is False else ""
