"""What must be true of edits before an editor takes them, each else said in words.

Knows a tokenizer by what is asked of it, and no model.

Run its tests: ``python -m pytest tests/xkde/editors/test_checks.py``
"""

from collections.abc import Sequence
from typing import Any

from xkde.errors import InputError
from xkde.prompts import EDIT_QUESTION, NEW_ANSWER, check_user_text
from xkde.text import normalise
from xkde.types import Edit

LONGEST_ANSWER = 64  # tokens that an editor of weights is to write into them


def check_edits(
    edits: Sequence[Edit],
    tokenizer: Any,
    *,
    needs_subject: bool = False,
    longest_answer: int | None = None,
) -> None:
    """Raise InputError unless all of the edits can be applied together."""
    if not edits:
        raise InputError("There is no edit to apply. Give at least one.")
    told: dict[tuple[str, str], Edit] = {}
    for edit in edits:
        check_user_text(edit.question, EDIT_QUESTION, tokenizer)
        check_user_text(edit.answer, NEW_ANSWER, tokenizer)
        if needs_subject and not edit.subject.strip():
            raise InputError(
                "The edit “{question}” names no subject, which this editor must know. "
                "Give it (--subject), or choose an editor that needs none, such as "
                "ft-m.",
                question=edit.question,
            )
        if longest_answer is not None:
            _check_length(edit, tokenizer, longest_answer)
        key = (edit.language, normalise(edit.question))
        other = told.setdefault(key, edit)
        if normalise(other.answer) != normalise(edit.answer):
            raise InputError(
                "Two edits contradict each other: to “{question}” one answers "
                "“{one}”, the other “{other}”. Keep one of them.",
                question=edit.question,
                one=other.answer,
                other=edit.answer,
            )


def _check_length(edit: Edit, tokenizer: Any, longest: int) -> None:
    length = len(tokenizer(edit.answer, add_special_tokens=False)["input_ids"])
    if length > longest:
        raise InputError(
            "The new answer to “{question}” has {n} tokens; an editor of weights takes "
            "at most {most}. Shorten it, or state it in the prompt (x-kde).",
            question=edit.question,
            n=length,
            most=longest,
        )
