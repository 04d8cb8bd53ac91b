"""The two protocols: how a question is put to an engine, and what counts as its answer.

``teacher-forced`` reads, at each token of the gold answer, the model's first choice.
With the wrapper ``xkde_eval`` it equals the released evaluation number for number: its
text, its slices and its offsets, by the family that the tokenizer's chat template
tells. Under every other wrapper the tokens of the answer itself count, without its end
mark. ``generated`` is the greedy answer of any engine, scored as text.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from xkde.engines.engine import Engine
from xkde.engines.forward import Pair
from xkde.engines.prefix_trees import first_choices
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.prompts import RELEASED_WRAPPERS, Tokenizer, Wrapper, answered, ask
from xkde.types import AskedPrompt, Generation, Sampling

Family = Literal["llama2", "chatml", "generic"]
Choose = Callable[[list[int], list[Pair]], Sequence[tuple[int, ...]]]


@dataclass(frozen=True)
class Span:
    """A text as ids, and which of its places are compared with which gold ids."""

    prompt: tuple[int, ...]
    read: tuple[int, ...]  # what stands at the compared places
    gold: tuple[int, ...]  # what the first choices there are compared with


@dataclass(frozen=True)
class TeacherForcedAnswer:
    """The first choices for one answer."""

    predicted: tuple[int, ...]
    gold: tuple[int, ...]
    text: str

    @property
    def accuracy(self) -> float:
        """Which share of the answer's tokens is the first choice."""
        equal = [a == b for a, b in zip(self.predicted, self.gold, strict=True)]
        return sum(equal) / len(equal)


def family_of(tokenizer: Tokenizer) -> Family:
    """Return how the released evaluation wraps a model, by its turn marks.

    It goes by names instead: "llama2" in the path, else Qwen.
    """
    template = tokenizer.chat_template
    if isinstance(template, str) and "[INST]" in template:
        return "llama2"
    if isinstance(template, str) and "<|im_start|>" in template:
        return "chatml"
    return "generic"


def span(
    engine: TransformersEngine,
    question: str,
    answer: str,
    wrapper: Wrapper = "hf_template",
) -> Span:
    """Return what is read and compared for one question and its gold answer."""
    return spans(engine, [AskedPrompt(question, answer)], wrapper)[0]


def spans(
    engine: TransformersEngine,
    asked: Sequence[AskedPrompt],
    wrapper: Wrapper = "hf_template",
) -> list[Span]:
    """Return what is read and compared for questions and their gold answers."""
    if wrapper == "xkde_eval":
        return _released(engine.tokenizer, asked) if asked else []
    return [_own(engine, one, wrapper) for one in asked]


def _own(engine: TransformersEngine, asked: AskedPrompt, wrapper: Wrapper) -> Span:
    """Return the tokens of the answer itself."""
    encoded = engine.encode(answered(*asked), wrapper)
    ids, tokenizer = list(encoded.answer_ids), engine.tokenizer
    closing = set(tokenizer.all_special_ids)
    while ids and (ids[-1] in closing or not str(tokenizer.decode([ids[-1]])).strip()):
        ids.pop()
    return Span(encoded.prompt_ids, tuple(ids), tuple(ids))


def _released(tokenizer: Tokenizer, asked: Sequence[AskedPrompt]) -> list[Span]:
    """Return the slices of the released code: of ``logits[…]`` and of the target."""
    family = family_of(tokenizer)
    if family == "generic":
        texts = [f"{question} {answer}" for question, answer, _ in asked]
        targets = [f" {one.gold}\n" for one in asked]
    else:
        mark = {"llama2": "[INST]", "chatml": "<|im_start|>"}[family]
        before, after = RELEASED_WRAPPERS["xkde_eval", mark]
        texts = [
            before.replace("{user}", question) + answer + after
            for question, answer, _ in asked
        ]
        targets = [one.gold for one in asked]
    # All in one call, each of them once: a call costs more than what it encodes.
    unique = list(dict.fromkeys(targets))
    encoded = tokenizer(texts + unique)["input_ids"]
    golds = dict(zip(unique, encoded[len(texts) :], strict=True))
    return [
        _slices(family, ids, golds[target])
        for ids, target in zip(encoded, targets, strict=False)
    ]


def _slices(family: Family, ids: Sequence[int], gold: Sequence[int]) -> Span:
    # The logits at i choose the token at i + 1.
    if family == "chatml":  # logits[-(T + 2) : -2], before the end mark
        start, stop = len(ids) - len(gold) - 1, len(ids) - 1
    else:  # logits[-T : -1]
        start, stop = len(ids) - len(gold) + 1, len(ids)
        # Llama-2's target begins with a BOS; elsewhere it ends in the line break.
        gold = gold[1:] if family == "llama2" else gold[:-1]
    return Span(tuple(ids[:start]), tuple(ids[start:stop]), tuple(gold))


def check_engine(engine: object) -> TransformersEngine:
    """Return the engine; raise InputError for one that does not show its choices."""
    if not isinstance(engine, TransformersEngine):
        raise InputError(
            "The protocol teacher-forced reads the model's choice at every token, "
            "which only the engine transformers shows. Use --engine transformers, or "
            "--protocol generated."
        )
    return engine


def teacher_forced(
    engine: TransformersEngine,
    asked: Sequence[AskedPrompt],
    wrapper: Wrapper = "hf_template",
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[TeacherForcedAnswer | None]:
    """Return the first choices for each question and gold answer; equal ones read once.

    None where the text does not fit the model, or the answer has no tokens.
    """
    check_engine(engine)
    unique = list(dict.fromkeys(asked))

    def choose(_: list[int], pairs: list[Pair]) -> list[tuple[int, ...]]:
        return first_choices(engine.model, pairs, batch_size, on_progress)

    found = dict(
        zip(unique, teacher_forced_by(engine, unique, wrapper, choose), strict=True)
    )
    return [found[one] for one in asked]


def teacher_forced_by(
    engine: TransformersEngine,
    asked: Sequence[AskedPrompt],
    wrapper: Wrapper,
    choose: Choose,
) -> list[TeacherForcedAnswer | None]:
    """Return the first choices that ``choose`` finds; see ``teacher_forced``.

    It is given the places of the questions that fit, and their prompts and answers.
    """
    spanned = spans(engine, asked, wrapper)
    limit = engine.max_length or sys.maxsize
    kept = [
        place
        for place, its in enumerate(spanned)
        if its.gold and len(its.prompt) + len(its.read) <= limit
    ]
    chosen = choose(kept, [(spanned[at].prompt, spanned[at].read) for at in kept])
    decode = engine.tokenizer.decode
    found = {
        place: TeacherForcedAnswer(ids, spanned[place].gold, str(decode(list(ids))))
        for place, ids in zip(kept, chosen, strict=True)
    }
    return [found.get(place) for place in range(len(asked))]


MAX_NEW_TOKENS = 48
Ids = Sequence[int]
Generate = Callable[[list[int], list[Ids]], Sequence[Generation]]


def generations(
    engine: Engine,
    asked: Sequence[AskedPrompt],
    wrapper: Wrapper = "hf_template",
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Generation | None]:
    """Return the greedy answer to each prompt; equal ones are asked once.

    None where a prompt leaves the model no room for an answer of full length.
    """
    prompts = [(one.prompt, one.language) for one in asked]
    unique = list(dict.fromkeys(prompts))

    def generate(_: list[int], ids: list[Ids]) -> list[Generation]:
        return engine.generate(
            ids,
            Sampling(max_new_tokens),
            batch_size=batch_size,
            on_progress=on_progress,
        )

    chosen = generations_by(engine, unique, wrapper, max_new_tokens, generate)
    found = dict(zip(unique, chosen, strict=True))
    return [found[one] for one in prompts]


def generations_by(
    engine: Engine,
    prompts: Sequence[tuple[str, str]],
    wrapper: Wrapper,
    max_new_tokens: int,
    generate: Generate,
) -> list[Generation | None]:
    """Return the answers that ``generate`` gives; see ``generations``.

    ``prompts`` come with the language of their answer. ``generate`` is given the places
    of those that leave room, and their token ids.
    """
    room = (engine.max_length or sys.maxsize) - max_new_tokens
    ids = [engine.encode(ask(*one), wrapper).ids for one in prompts]
    kept = [place for place, its in enumerate(ids) if len(its) <= room]
    chosen = generate(kept, [ids[place] for place in kept])
    found = dict(zip(kept, chosen, strict=True))
    return [found.get(place) for place in range(len(prompts))]
