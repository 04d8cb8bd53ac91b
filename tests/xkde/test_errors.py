"""A notice is its English sentence, and keeps the template and values it came of."""

import copy
import json
import pickle

from xkde.errors import CheckpointError, InputError, Notice, XkdeError


def test_an_error_says_its_template_filled_in() -> None:
    error = InputError("{name} has {n:,} tokens.", name="It", n=1200)
    assert str(error) == "It has 1,200 tokens."
    assert error.notice.template == "{name} has {n:,} tokens."
    assert error.notice.values == {"name": "It", "n": 1200}


def test_without_values_nothing_is_formatted() -> None:
    assert str(CheckpointError("Found {braces}.")) == "Found {braces}."


def test_a_notice_within_a_notice_and_a_list_of_them() -> None:
    inner = (Notice("{n} of {of}", n=1, of=2), Notice("none"))
    outer = Notice("Left: {left}.", left=inner)
    assert outer == "Left: 1 of 2, none."
    assert XkdeError(outer).notice.values == {"left": inner}


def test_a_notice_is_a_text_that_survives_being_copied() -> None:
    notice = Notice("{name}: {{}}", name="a{b}")
    assert json.dumps([notice]) == '["a{b}: {}"]'
    for copied in (copy.deepcopy(notice), pickle.loads(pickle.dumps(notice))):
        assert copied == notice and copied.values == {"name": "a{b}"}
    error = pickle.loads(pickle.dumps(InputError("{a}", a="b{c}")))
    assert str(error) == "b{c}" and error.notice.values == {"a": "b{c}"}
