"""Every prompt, and the one way from a conversation to token ids.

Training, sampling, editing, evaluation and the app all build their text here, so that a
model is asked just as it was taught. Knows the tokenizer that it is given, no model and
no torch.

The edit prompt's wording is the interface of the released checkpoints (Wu et al., 2025,
released ``eval.py``) and matches it to the character for one edit.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

from jinja2 import TemplateError

from xkde import paths
from xkde.errors import CheckpointError, InputError, Notice
from xkde.text import has_half_character
from xkde.types import Edit, Message

EDIT_INSTRUCTION = (
    "Please acknowledge the updated information provided below and respond to the "
    "subsequent query in "
)
EDIT_HEADER = ".\n\n[Updated Information]:\n"
QUERY_HEADER = "\n\n[Query]:\n"
EXAMPLES_VARIABLE = re.compile(r"\{%.*\bexamples\b.*%\}")
MARKERS = ("[Updated Information]:", "[Query]:")

# What an error calls a text that a person typed
HALF_CHARACTER = "The {what} holds half a character. Please type it anew."
EDIT = Notice("edit")
EDIT_QUESTION = Notice("edit's question")
NEW_ANSWER = Notice("new answer")
QUESTION = Notice("question")

Wrapper = Literal["hf_template", "xkde_eval", "xkde_sampling", "xkde_train"]
WRAPPERS: tuple[Wrapper, ...] = (
    "hf_template",
    "xkde_eval",
    "xkde_sampling",
    "xkde_train",
)

# The released code's own strings before and after the answer, by what stands in the
# tokenizer's chat template: Llama-2's or ChatML's turn marks. We add a BOS, once.
CHATML_EVAL = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
)
RELEASED_WRAPPERS: dict[tuple[str, str], tuple[str, str]] = {
    ("xkde_eval", "[INST]"): (" [INST] {user} [/INST] ", ""),
    ("xkde_eval", "<|im_start|>"): (CHATML_EVAL, "<|im_end|>"),
    # The released sampler wraps every model as Llama-2, whatever it is.
    ("xkde_sampling", "[INST]"): ("[INST]{user} [/INST] ", ""),
    ("xkde_sampling", "<|im_start|>"): ("[INST]{user} [/INST] ", ""),
}


class Tokenizer(Protocol):
    """What is asked of a (fast) Hugging Face tokenizer."""

    bos_token_id: int | None
    chat_template: str | dict[str, str] | None

    @property
    def all_special_tokens(self) -> list[str]: ...

    def __hash__(self) -> int: ...
    def get_added_vocab(self) -> dict[str, int]: ...
    def __call__(self, text: str | list[str], **options: Any) -> Any: ...
    def apply_chat_template(
        self, conversation: list[dict[str, str]], **options: Any
    ) -> Any: ...
    def decode(self, token_ids: int | list[int], **options: Any) -> Any: ...


@dataclass(frozen=True)
class Encoded:
    """A conversation as token ids; ``is_answer[i]``: whether a loss or score counts.

    ``text`` is what was tokenised. The answer's end mark counts as answer; what a
    template writes after the last one (ChatML: a line break) is left out.
    """

    text: str
    ids: tuple[int, ...]
    is_answer: tuple[bool, ...]

    @property
    def prompt_ids(self) -> tuple[int, ...]:
        """The ids before the last answer."""
        return self.ids[: self.answer_start]

    @property
    def answer_ids(self) -> tuple[int, ...]:
        """The ids of the last answer, its end mark included."""
        return self.ids[self.answer_start :]

    @property
    def answer_start(self) -> int:
        """Where the last answer begins; the length if there is none."""
        start = len(self.ids)
        while start and self.is_answer[start - 1]:
            start -= 1
        return start


def edit_prompt(edits: Sequence[Edit], query: str, language_name: str) -> str:
    """Return the user turn that states the edits and then asks.

    ``language_name`` is the answer's language in English ("Chinese"). One edit gives
    the released prompt; several stand one on a line. No edits give the bare query.
    """
    if not edits:
        return query
    facts = "\n".join(f"{edit.question} {edit.answer}" for edit in edits)
    return f"{EDIT_INSTRUCTION}{language_name}{EDIT_HEADER}{facts}{QUERY_HEADER}{query}"


def numbered_edit_prompt(edits: Sequence[Edit], query: str, language_name: str) -> str:
    """Return the edit prompt with its facts numbered, as LTE lists several of them."""
    facts = [f"{edit.question} {edit.answer}" for edit in edits]
    if len(facts) < 2:
        return edit_prompt(edits, query, language_name)
    listed = "\n".join(f"{number}. {fact}" for number, fact in enumerate(facts, 1))
    return (
        f"{EDIT_INSTRUCTION}{language_name}{EDIT_HEADER}{listed}{QUERY_HEADER}{query}"
    )


def plain_edit_prompt(edits: Sequence[Edit], query: str) -> str:
    """Return the edits, one on a line, and the query beneath: no instruction at all."""
    return "\n".join([*(f"{edit.question} {edit.answer}" for edit in edits), query])


def demonstration(edit: Edit, query: str, answer: str = "") -> str:
    """Return one demonstration as IKE writes them; the last one lacks its answer."""
    shown = f"{query} {answer}" if answer else query
    return f"New Fact: {edit.question} {edit.answer}\nPrompt: {shown}"


def demonstrated_prompt(
    demonstrations: Sequence[str], edits: Sequence[Edit], query: str
) -> str:
    """Return IKE's prompt: demonstrations, the new facts, and what to complete."""
    facts = [f"New Fact: {edit.question} {edit.answer}" for edit in edits[:-1]]
    last = "\n".join([*facts, demonstration(edits[-1], query)])
    return "\n\n".join([*demonstrations, last])


def check_user_text(text: str, what: str, tokenizer: Tokenizer | None = None) -> str:
    """Return ``text`` stripped, or raise InputError if it would break the prompt."""
    stripped = text.strip()
    if not stripped:
        raise InputError("The {what} is empty. Please type it.", what=what)
    if has_half_character(stripped):
        raise InputError(HALF_CHARACTER, what=what)
    for mark in (*MARKERS, *(_marks(tokenizer) if tokenizer else ())):
        if mark in stripped:
            raise InputError(
                "The {what} contains “{mark}”, which the prompt itself uses as a mark."
                " Please leave it out.",
                what=what,
                mark=mark,
            )
    return stripped


def render(
    tokenizer: Tokenizer, messages: Sequence[Message], wrapper: Wrapper = "hf_template"
) -> str:
    """Return the text of a conversation, ready for an answer if a user spoke last.

    Raises CheckpointError if the tokenizer has no chat template, or the released
    wrappers do not know its turn marks.
    """
    template = tokenizer.chat_template
    if not isinstance(template, str):
        raise CheckpointError(
            "This checkpoint has no chat template, so no one can say how to ask it. "
            "Choose a chat model, or add chat_template.jinja to its folder."
        )
    if wrapper in ("hf_template", "xkde_train"):
        turns = [{"role": m.role, "content": m.content} for m in messages]
        asked_in = [m.language for m in messages if m.role == "user"]
        variables: dict[str, object] = (
            {"examples": examples(asked_in[-1])}
            if asked_in and EXAMPLES_VARIABLE.search(template)
            else {}
        )
        try:
            return str(
                tokenizer.apply_chat_template(
                    turns,
                    tokenize=False,
                    add_generation_prompt=messages[-1].role == "user",
                    **variables,
                )
            )
        # The sandbox stops what runs too long or reaches out; the rest are mistakes.
        except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
            raise CheckpointError(
                "The chat template of this checkpoint fails: {reason}. Mend its "
                "chat_template.jinja, or choose another checkpoint.",
                reason=str(error).rstrip("."),
            ) from error
    for (name, turn_mark), (before, after) in RELEASED_WRAPPERS.items():
        if name == wrapper and turn_mark in template:
            return _released(messages, before, after)
    raise CheckpointError(
        f"The released wrapper “{wrapper}” exists for Llama-2 and ChatML templates "
        "only. Use “hf_template” for this checkpoint."
    )


def _released(messages: Sequence[Message], before: str, after: str) -> str:
    roles = [message.role for message in messages]
    if roles not in (["user"], ["user", "assistant"]):
        raise InputError("The released wrappers take one question and its answer.")
    text = before.replace("{user}", messages[0].content)
    # The released evaluation writes one space between the closing mark and the answer;
    # as a prompt for generation that space belongs to the answer's first token.
    if len(messages) == 1:
        return text.removesuffix(" ") if before.startswith(" ") else text
    return text + messages[1].content + after


def encode(
    tokenizer: Tokenizer, messages: Sequence[Message], wrapper: Wrapper = "hf_template"
) -> Encoded:
    """Turn a conversation into token ids, with exactly one BOS where the model has one.

    The text is tokenised once, as a whole; answers are found by their character offsets
    in it, never by searching for token patterns.
    """
    text = render(tokenizer, messages, wrapper)
    spans = _answer_spans(tokenizer, messages, wrapper, text)
    if messages[-1].role == "assistant":
        text = text[: spans[-1][1]]
    tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(tokens["input_ids"]), list(tokens["offset_mapping"])
    answer = [
        any(begin < stop and end > start for start, stop in spans)
        for begin, end in offsets
    ]
    bos = tokenizer.bos_token_id
    if bos is not None:
        while ids[:1] == [bos]:
            ids, answer = ids[1:], answer[1:]
        if bos in (tokenizer("").get("input_ids") or []) or bos in tokens["input_ids"]:
            ids, answer = [bos, *ids], [False, *answer]
    return Encoded(text, tuple(ids), tuple(answer))


@lru_cache(maxsize=4)  # Gemma has 6,400 added tokens, read for every sample
def _marks(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Return every string that the tokenizer reads as one control token.

    Runs of blanks, which Gemma's vocabulary holds as added tokens, are text.
    """
    added = [mark for mark in tokenizer.get_added_vocab() if mark.strip(" \n\t▁")]
    return (*dict.fromkeys([*tokenizer.all_special_tokens, *added]),)


def _answer_spans(
    tokenizer: Tokenizer, messages: Sequence[Message], wrapper: Wrapper, text: str
) -> list[tuple[int, int]]:
    """Return where in ``text`` each answer begins, and where its end mark ends."""
    spans = []
    for index, message in enumerate(messages):
        if message.role != "assistant":
            continue
        before = render(tokenizer, messages[:index], wrapper)
        through = render(tokenizer, messages[: index + 1], wrapper)
        if not (text.startswith(through) and through.startswith(before)):
            raise CheckpointError(
                "The chat template rewrites earlier turns, so answers cannot be found "
                "in its text. Ask one question at a time, or use another template."
            )
        start = len(before)
        answer = message.content.strip()
        written = max(start, text.find(answer, start) + len(answer))
        ends = [
            text.find(mark, written) + len(mark)
            for mark in _marks(tokenizer)
            if mark in text[written : len(through)]
        ]
        spans.append((start, min(ends, default=len(through))))
    return spans


@lru_cache
def examples(language: str) -> tuple[tuple[str, str], ...]:
    """Return questions with answers in a language, or in English.

    They show a pretrained model that is no chat model what a short answer looks like;
    its chat template takes them as the variable ``examples``.
    """
    known = tomllib.loads(paths.FEW_SHOT.read_text(encoding="utf-8"))
    chosen = known.get(language) or known["en"]
    return tuple((question, answer) for question, answer in chosen)


def translation_prompt(text: str, language_name: str) -> str:
    """Return the user turn that asks for a translation, as XE-IT's data put it."""
    return f"Translate into {language_name}:\n{text}"


def ask(text: str, language: str = "") -> list[Message]:
    """Return a conversation of one question; ``language`` is the answer's."""
    return [Message("user", text, language)]


def answered(text: str, answer: str, language: str = "") -> list[Message]:
    """Return a conversation of one question and its answer."""
    return [Message("user", text, language), Message("assistant", answer)]
