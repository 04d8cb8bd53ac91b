"""Errors as they are really raised are said in Chinese where the interface is.

python -m pytest tests/test_errors_page.py
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pages._errors import CALLED, PREFIX, in_words, shown_error
from pages._strings import strings, tr
from xkde.checkpoints import resolve
from xkde.editors.asking import MAX_CHARACTERS, check, checked
from xkde.editors.checks import check_edits
from xkde.engines.pool import Status, _not_ready
from xkde.engines.transformers_engine import TransformersEngine
from xkde.errors import CheckpointError, InputError, XkdeError
from xkde.types import Edit, Query

CAPITAL = "What is the capital of Japan?"
OSAKA, KYOTO = Edit(CAPITAL, "Osaka", "en"), Edit(CAPITAL, "Kyoto", "en")
QUERY = Query(CAPITAL, "en")


class Letters:
    """A tokenizer of letters."""

    all_special_tokens: tuple[str, ...] = ()

    def get_added_vocab(self) -> dict[str, int]:
        return {}

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": list(range(len(text)))}


def fails(phase: Any, words: str = "") -> None:
    raise CheckpointError(_not_ready(Status("atlas-base", phase, words)))


def too_long(engine: Any) -> None:
    TransformersEngine._check_length(engine, 30, 1)


ERRORS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "empty": (lambda: check(Edit(" ", "a", "en"), [QUERY], ()), ("编辑的问题",)),
    "mark": (
        lambda: check(Edit(CAPITAL, "[Query]:", "en"), [QUERY], ()),
        ("新答案", "[Query]:"),
    ),
    "long": (
        lambda: checked("a" * (MAX_CHARACTERS + 1), "question"),
        ("问题", f"{MAX_CHARACTERS:,}", f"{MAX_CHARACTERS + 1:,}"),
    ),
    "no_language": (lambda: check(OSAKA, [], ()), ()),
    "not_loaded": (lambda: fails("unknown"), ("atlas-base",)),
    "absent": (lambda: fails("absent"), ("atlas-base",)),
    "downloading": (lambda: fails("downloading"), ("atlas-base",)),
    "loading": (lambda: fails("loading"), ("atlas-base",)),
    "failed": (lambda: fails("failed", "Its disk is full."), ("Its disk is full.",)),
    "made_room": (lambda: fails("ready"), ("atlas-base",)),
    "no_place": (lambda: resolve("no such place"), ("no such place", "atlas-base")),
    "prompt_long": (
        lambda: too_long(SimpleNamespace(max_length=20)),
        ("30", "19"),
    ),
    "subject": (
        lambda: check_edits([OSAKA], Letters(), needs_subject=True),
        (CAPITAL,),
    ),
    "answer_long": (
        lambda: check_edits([OSAKA], Letters(), longest_answer=2),
        (CAPITAL, "2"),
    ),
    "contradiction": (
        lambda: check_edits([OSAKA, KYOTO], Letters()),
        ("Osaka", "Kyoto"),
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_real_error_is_said_in_chinese(name: str) -> None:
    wrong, holds = ERRORS[name]
    with pytest.raises(XkdeError) as caught:
        wrong()
    error = caught.value
    assert in_words(error, "en") == str(error)
    told = in_words(error, "zh")
    template = strings()["zh"][f"{PREFIX}{name}"]
    assert told.startswith(template.partition("{")[0])
    assert all(words in told for words in holds)
    assert "{" not in told
    assert shown_error(error, "zh").message == told


def test_every_error_of_the_strings_is_raised_here() -> None:
    names = {k.removeprefix(PREFIX) for k in strings()["en"] if k.startswith(PREFIX)}
    assert names == set(ERRORS)
    for english, key in CALLED.items():
        assert tr(key, "en") == english


def test_a_reason_within_an_error_is_said_too() -> None:
    inner = _not_ready(Status("other", "loading"))
    outer = CheckpointError(_not_ready(Status("atlas-base", "failed", inner)))
    assert in_words(outer, "zh") == (
        "“atlas-base”无法加载。“other”仍在加载。请过几秒再试。"
    )


def test_an_unknown_error_stays_as_it_is() -> None:
    assert in_words(InputError("Something new."), "zh") == "Something new."
