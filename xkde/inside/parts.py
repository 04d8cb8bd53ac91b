"""A prompt as its tokens, each with what it belongs to: the edit, the query, the frame.

Found by character offsets in the whole prompt, so it works in any script.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xkde.editors.weights.contexts import find
from xkde.engines.transformers import TransformersEngine
from xkde.languages import language
from xkde.prompts import ask, edit_prompt
from xkde.types import Edit, Query

Part = Literal["fact", "answer", "query", "frame"]
# the edit's question and its new answer, what is asked, all that stands around them
PARTS: tuple[Part, ...] = ("fact", "answer", "query", "frame")
Span = tuple[int, int]


@dataclass(frozen=True)
class PartToken:
    """One token of a prompt."""

    text: str
    part: Part
    is_subject: bool  # a part of the subject's name, wherever it stands


@dataclass(frozen=True)
class ReadPrompt:
    """A prompt as a model reads it."""

    query: Query
    user_turn: str
    ids: tuple[int, ...]
    tokens: tuple[PartToken, ...]

    @property
    def subject(self) -> tuple[int, ...]:
        """The places of the tokens of the subject's name."""
        return tuple(i for i, token in enumerate(self.tokens) if token.is_subject)


def read_prompt(
    engine: TransformersEngine,
    query: Query,
    edit: Edit | None = None,
    subjects: Sequence[str] = (),
) -> ReadPrompt:
    """Return the prompt of a query, with the edit prompt where an edit is given.

    ``subjects`` are the names under which the subject may stand in edit and query.
    """
    name = language(query.language).name
    turn = edit_prompt([edit] if edit else [], query.text, name)
    encoded = engine.encode(ask(turn, query.language))
    options = {"add_special_tokens": False, "return_offsets_mapping": True}
    offsets: list[Span] = engine.tokenizer(encoded.text, **options)["offset_mapping"]
    # A BOS may have been put before the ids or taken away; their ends agree.
    shift = len(encoded.ids) - len(offsets)
    spans = _spans(encoded.text, turn, query, edit)
    named = [
        (start + found[0], start + found[1])
        for part, (start, end) in spans.items()
        if part != "answer"
        for subject in subjects
        if (found := find(encoded.text[start:end], subject))
    ]
    tokens = []
    for place, token_id in enumerate(encoded.ids):
        at = offsets[place - shift] if place >= shift else (0, 0)
        part: Part = next((p for p in spans if _overlap(at, spans[p])), "frame")
        text = encoded.text[at[0] : at[1]] or str(engine.tokenizer.decode([token_id]))
        is_subject = any(_overlap(at, span) for span in named)
        tokens.append(PartToken(text, part, is_subject))
    return ReadPrompt(query, turn, encoded.ids, tuple(tokens))


def _spans(text: str, turn: str, query: Query, edit: Edit | None) -> dict[Part, Span]:
    """Return where each part stands in the whole prompt; the query comes last."""
    start = text.rfind(turn.strip())
    if start < 0:
        return {}
    end = start + len(turn.strip())
    asked = text.rfind(query.text.strip(), start, end)
    spans: dict[Part, Span] = {"query": (asked, end)}
    if edit is not None:
        fact = f"{edit.question} {edit.answer}"
        begin = text.find(fact, start, asked)
        middle = begin + len(edit.question)
        if begin >= 0:
            spans |= {"fact": (begin, middle), "answer": (middle, begin + len(fact))}
    return spans


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
