"""Where the subject ends in a prompt: the token at which editors of weights work.

The subject is looked for in what the user says, and its last token by character offsets
in the whole prompt, chat marks included: so it works in any script and with any fast
tokenizer. Knows no model and no editor.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_subjects.py``
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xkde import prompts as prompting
from xkde.errors import Notice
from xkde.prompts import Wrapper, ask
from xkde.types import Message

FORMS = ("NFC", "NFD", "NFKC")


@dataclass(frozen=True)
class Located:
    """A prompt's ids, and the token that stands for its subject."""

    ids: tuple[int, ...]
    index: int
    note: str = ""  # what to say where the subject was not found

    @property
    def is_found(self) -> bool:
        """Whether the prompt holds the subject."""
        return not self.note


def locate(
    tokenizer: Any,
    question: str,
    subject: str,
    wrapper: Wrapper = "hf_template",
    messages: Sequence[Message] | None = None,
) -> Located:
    """Return the prompt of a question and the last token of the subject in it.

    Without the subject in the question it is the prompt's last token, and the note says
    so. ``messages`` stand in for the question alone; it must be in the last of them.
    """
    encoded = prompting.encode(tokenizer, list(messages or ask(question)), wrapper)
    content = question.strip()
    start = encoded.text.rfind(content)
    span = find(content, subject)
    if span is None or start < 0:
        words = Notice(
            "“{subject}” is not in “{question}”: the edit was bound to the end of the "
            "question.",
            subject=subject,
            question=content,
        )
        return Located(encoded.ids, len(encoded.ids) - 1, words)
    last = start + span[1] - 1
    tokens = tokenizer(
        encoded.text, add_special_tokens=False, return_offsets_mapping=True
    )
    # A BOS may have been put before the ids or taken away; their ends agree.
    shift = len(encoded.ids) - len(tokens["input_ids"])
    index = max(
        place
        for place, (begin, end) in enumerate(tokens["offset_mapping"])
        if begin <= last < end
    )
    return Located(encoded.ids, index + shift)


def find(text: str, subject: str) -> tuple[int, int] | None:
    """Return where the subject stands in a text, or None.

    As a word rather than within one, as written rather than in another case or Unicode
    form, and the last of several places.
    """
    names = dict.fromkeys(
        name
        for name in (
            subject.strip(),
            *(unicodedata.normalize(form, subject.strip()) for form in FORMS),
        )
        if name
    )
    for flags in (re.NOFLAG, re.IGNORECASE):
        for border in (r"(?<!\w){}(?!\w)", "{}"):
            for name in names:
                pattern = border.format(re.escape(name))
                places = [m.span() for m in re.finditer(pattern, text, flags)]
                if places:
                    return places[-1]
    return None
