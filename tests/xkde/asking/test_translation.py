"""Translations by the model that is asked: what is used, and what is said instead."""

import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from xkde.asking.translation import can_translate, problem_of, translate
from xkde.types import Generation


class Translator:
    """An engine that answers each prompt with the text beside it."""

    def __init__(self, answers: dict[str, tuple[str, str]]) -> None:
        self.answers = answers

    def encode(self, messages: Any) -> Any:
        return SimpleNamespace(ids=[messages[-1].content])

    def stream(self, prompts: Sequence[Any], *_: Any) -> Iterator[list[Generation]]:
        said = [self.answers[prompt[0].partition(":")[0]] for prompt in prompts]
        yield [Generation(t, (), 0, 0.0, f) for t, f in said]  # type: ignore[arg-type]


def test_each_language_but_its_own_is_asked_for_at_once() -> None:
    engine: Any = Translator(
        {
            "Translate into German": ("Wer leitet Apple?", "stop"),
            "Translate into Chinese": ("Who leads Apple?", "stop"),
            "Translate into Thai": ("ใครใครใคร", "length"),
        }
    )
    made = translate(
        engine, "Who leads Apple?", "en", ("en", "de", "zh", "th"), threading.Event()
    )
    found = [(each.language, each.problem) for each in made]
    assert found == [("de", ""), ("zh", "same"), ("th", "empty")]


@pytest.mark.parametrize(
    ("made", "problem"),
    [("谁领导苹果？", ""), ("", "empty"), ("Who leads Apple?", "same"),
     ("Wer leitet Apple?", "script")],
)  # fmt: skip
def test_what_cannot_be_a_translation_is_named(made: str, problem: str) -> None:
    assert problem_of("Who leads Apple?", made, "zh") == problem


def test_only_a_model_that_was_taught_to_translate_does() -> None:
    assert can_translate("gemma-3-270m-x-kde")
    assert not can_translate("atlas-xe-it")
    assert not can_translate("no/where")
