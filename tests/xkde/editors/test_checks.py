"""Edits that cannot be applied are refused in words.

python -m pytest tests/xkde/editors/test_checks.py
"""

from pathlib import Path

import pytest

from xkde.editors.checks import check_edits
from xkde.engines.loading import load_tokenizer
from xkde.errors import InputError
from xkde.types import Edit

GOOD = Edit("What is the capital of Japan?", "Osaka", "en", "Japan")


def test_good_edits_pass(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    other = Edit("日本的首都是哪里？", "京都", "zh", "日本")
    check_edits([GOOD, GOOD, other], tokenizer, needs_subject=True, longest_answer=64)


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([], "no edit"),
        ([Edit(" ", "Osaka", "en", "Japan")], "question is empty"),
        ([Edit("What?", "", "en", "Japan")], "answer is empty"),
        ([Edit("What?", "[Query]:", "en", "Japan")], "uses as a mark"),
        ([Edit("What?", "a <|end|> b", "en", "Japan")], "uses as a mark"),
        ([Edit("What is it?", "Osaka", "en")], "names no subject"),
        ([Edit("What?", "Osaka " * 200, "en", "Japan")], "takes at most 64"),
        (
            [GOOD, Edit("what is the capital of japan", "Kyoto", "en", "Japan")],
            "contradict",
        ),
    ],
)
def test_bad_edits_are_said(atlas_folder: Path, edits: list[Edit], words: str) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    with pytest.raises(InputError, match=words):
        check_edits(edits, tokenizer, needs_subject=True, longest_answer=64)
