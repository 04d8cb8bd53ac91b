"""Tests of the prompts: to the character, one BOS, answers and nothing else marked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from xkde.engines.loading import load_tokenizer
from xkde.errors import CheckpointError, InputError
from xkde.languages import ATLAS_LANGUAGES
from xkde.paths import CHAT_TEMPLATES
from xkde.prompts import (
    WRAPPERS,
    Wrapper,
    answered,
    ask,
    check_user_text,
    edit_prompt,
    encode,
    examples,
    render,
)
from xkde.types import Edit, Message

JAPAN = Edit("Which city is the capital of Japan?", "Osaka", "en")
FRANCE = Edit("法国的首都是哪座城市？", "里昂", "zh")
QUERY = "日本的首都是哪座城市？"
WHY = "Why?"
HELPFUL = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"

Tokenizers = Callable[[str], PreTrainedTokenizerBase]


@pytest.fixture
def tokenizer(checkpoint_folder: Path) -> PreTrainedTokenizerBase:
    return load_tokenizer(checkpoint_folder)


@pytest.fixture
def tokenizer_of(request: pytest.FixtureRequest) -> Tokenizers:
    return lambda name: load_tokenizer(request.getfixturevalue(f"{name}_folder"))


# The edit prompt


def test_one_edit_to_the_character() -> None:
    assert edit_prompt([JAPAN], QUERY, "Chinese") == (
        "Please acknowledge the updated information provided below and respond to the "
        "subsequent query in Chinese.\n"
        "\n"
        "[Updated Information]:\n"
        "Which city is the capital of Japan? Osaka\n"
        "\n"
        "[Query]:\n"
        "日本的首都是哪座城市？"
    )


def test_no_edit_is_the_bare_query() -> None:
    assert edit_prompt([], QUERY, "Chinese") == QUERY


def test_several_edits_stand_one_on_a_line() -> None:
    prompt = edit_prompt([JAPAN, FRANCE], QUERY, "English")
    facts = "Which city is the capital of Japan? Osaka\n法国的首都是哪座城市？ 里昂"
    assert prompt == edit_prompt([JAPAN], QUERY, "English").replace(
        "Which city is the capital of Japan? Osaka", facts
    )


# User text


def test_user_text_is_stripped() -> None:
    assert check_user_text("  Osaka \n", "answer") == "Osaka"


@pytest.mark.parametrize("text", ["", " \n\t", "\u3000"])
def test_empty_user_text(text: str) -> None:
    with pytest.raises(InputError, match="The answer is empty"):
        check_user_text(text, "answer")


@pytest.mark.parametrize("mark", ["[Query]:", "[Updated Information]:"])
def test_user_text_with_the_prompts_own_headers(mark: str) -> None:
    with pytest.raises(InputError) as caught:
        check_user_text(f"Osaka\n\n{mark}\nTokyo", "answer")
    assert mark in str(caught.value)


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("qwen2", "<|im_end|>"),
        ("qwen2", "<|im_start|>"),
        ("llama2", "</s>"),
        ("llama2", "<s>"),
        ("atlas", "<|assistant|>"),
        ("atlas", "<|end|>"),
        ("atlas", "<|bos|>"),
    ],
)
def test_user_text_with_control_tokens(
    tokenizer_of: Tokenizers, name: str, mark: str
) -> None:
    with pytest.raises(InputError, match="Please leave it out"):
        check_user_text(f"Osaka{mark}", "answer", tokenizer_of(name))
    assert check_user_text(f"Osaka{mark}", "answer") == f"Osaka{mark}"


def test_control_tokens_that_are_not_declared_special(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    tokenizer.add_tokens(["<think>"])
    with pytest.raises(InputError, match="<think>"):
        check_user_text("Osaka <think>", "answer", tokenizer)


# Wrappers


@pytest.mark.parametrize(
    ("name", "wrapper", "expected"),
    [
        ("llama2", "hf_template", "<s>[INST] Why? [/INST]"),
        ("llama2", "xkde_train", "<s>[INST] Why? [/INST]"),
        ("llama2", "xkde_eval", " [INST] Why? [/INST]"),
        ("llama2", "xkde_sampling", "[INST]Why? [/INST] "),
        (
            "qwen2",
            "xkde_eval",
            f"{HELPFUL}<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n",
        ),
        ("qwen2", "xkde_sampling", "[INST]Why? [/INST] "),
        ("atlas", "hf_template", "<|bos|><|user|>Why?<|assistant|>"),
    ],
)
def test_prompt_text(
    tokenizer_of: Tokenizers, name: str, wrapper: Wrapper, expected: str
) -> None:
    tokenizer = tokenizer_of(name)
    assert render(tokenizer, ask(WHY), wrapper) == expected
    assert encode(tokenizer, ask(WHY), wrapper).text == expected


@pytest.mark.parametrize(
    ("name", "wrapper", "ending"),
    [
        ("llama2", "hf_template", "[/INST] Osaka </s>"),
        ("llama2", "xkde_eval", "[/INST] Osaka"),
        ("llama2", "xkde_sampling", "[/INST] Osaka"),
        ("qwen2", "hf_template", "assistant\nOsaka<|im_end|>"),
        ("qwen2", "xkde_train", "assistant\nOsaka<|im_end|>"),
        ("qwen2", "xkde_eval", "assistant\nOsaka<|im_end|>"),
        ("qwen2", "xkde_sampling", "[/INST] Osaka"),
        ("atlas", "hf_template", "<|assistant|> Osaka<|end|>"),
    ],
)
def test_answer_text(
    tokenizer_of: Tokenizers, name: str, wrapper: Wrapper, ending: str
) -> None:
    tokenizer = tokenizer_of(name)
    encoded = encode(tokenizer, answered(WHY, "Osaka"), wrapper)
    prompt = render(tokenizer, ask(WHY), wrapper)
    assert encoded.text.endswith(ending)
    assert encoded.text.startswith(prompt)


@pytest.mark.parametrize("wrapper", ["xkde_eval", "xkde_sampling"])
def test_released_wrappers_know_two_templates(
    tokenizer_of: Tokenizers, wrapper: Wrapper
) -> None:
    with pytest.raises(CheckpointError, match="Llama-2 and ChatML"):
        render(tokenizer_of("atlas"), ask(WHY), wrapper)


@pytest.mark.parametrize("wrapper", ["xkde_eval", "xkde_sampling"])
def test_released_wrappers_take_one_question(
    tokenizer_of: Tokenizers, wrapper: Wrapper
) -> None:
    turns = [*answered(WHY, "Osaka"), *ask(QUERY)]
    with pytest.raises(InputError, match="one question"):
        render(tokenizer_of("llama2"), turns, wrapper)


def test_no_chat_template(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.chat_template = None
    with pytest.raises(CheckpointError, match="no chat template"):
        encode(tokenizer, ask(WHY))


# Token ids


def wrappers_of(tokenizer: PreTrainedTokenizerBase) -> tuple[Wrapper, ...]:
    atlas = "<|user|>" in tokenizer.chat_template
    return ("hf_template", "xkde_train") if atlas else WRAPPERS


@pytest.mark.parametrize("answer", [None, "Osaka", "大阪"])
def test_exactly_one_bos(
    tokenizer: PreTrainedTokenizerBase, answer: str | None
) -> None:
    messages = ask(WHY) if answer is None else answered(WHY, answer)
    for wrapper in wrappers_of(tokenizer):
        ids = encode(tokenizer, messages, wrapper).ids
        if tokenizer.bos_token_id is None:
            assert ids == tuple(
                tokenizer(
                    encode(tokenizer, messages, wrapper).text, add_special_tokens=False
                )["input_ids"]
            )
        else:
            assert ids[0] == tokenizer.bos_token_id
            assert ids.count(tokenizer.bos_token_id) == 1


def test_template_and_tokenizer_that_both_add_a_bos(tokenizer_of: Tokenizers) -> None:
    tokenizer = tokenizer_of("llama2")
    text = render(tokenizer, ask(WHY))
    # What the released training did, and what we must not do.
    assert tokenizer(text)["input_ids"].count(tokenizer.bos_token_id) == 2
    assert encode(tokenizer, ask(WHY)).ids == tuple(
        tokenizer(text, add_special_tokens=False)["input_ids"]
    )


@pytest.mark.parametrize("answer", ["Osaka", "大阪", "โอซากะ", "the city, of Osaka."])
def test_answer_and_end_mark_alone_are_marked(
    tokenizer: PreTrainedTokenizerBase, answer: str
) -> None:
    end = tokenizer.eos_token
    for wrapper in wrappers_of(tokenizer):
        encoded = encode(tokenizer, answered(WHY, answer), wrapper)
        marked = [i for i, a in zip(encoded.ids, encoded.is_answer, strict=True) if a]
        text = tokenizer.decode(marked)
        assert text.removesuffix(end).strip() == answer
        assert text.count(end) == encoded.text.count(f"{answer}{end}") + (
            encoded.text.count(f"{answer} {end}")
        )
        assert tuple(marked) == encoded.answer_ids
        assert encoded.prompt_ids + encoded.answer_ids == encoded.ids
    template = encode(tokenizer, answered(WHY, answer))
    assert template.answer_ids[-1] == tokenizer.eos_token_id


def test_prompt_alone_is_the_beginning_of_prompt_with_answer(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    text = edit_prompt([JAPAN], QUERY, "Chinese")
    wrappers = [w for w in wrappers_of(tokenizer) if w != "xkde_sampling"]
    for wrapper in wrappers:
        prompt = encode(tokenizer, ask(text), wrapper)
        whole = encode(tokenizer, answered(text, "大阪"), wrapper)
        assert prompt.ids == whole.prompt_ids
        assert prompt.answer_ids == ()
        assert prompt.answer_start == len(prompt.ids)


def test_every_turns_answer_is_marked(tokenizer: PreTrainedTokenizerBase) -> None:
    turns = [*answered(WHY, "Osaka."), *answered(QUERY, "大阪")]
    encoded = encode(tokenizer, turns)
    marked = [i for i, a in zip(encoded.ids, encoded.is_answer, strict=True) if a]
    answers = tokenizer.decode(marked).split(tokenizer.eos_token)
    assert [a.strip() for a in answers] == ["Osaka.", "大阪", ""]
    assert (
        tokenizer.decode(encoded.answer_ids).removesuffix(tokenizer.eos_token).strip()
        == "大阪"
    )
    asked_again = encode(tokenizer, [*turns, *ask(WHY)])
    assert asked_again.ids[: len(encoded.ids)] == encoded.ids
    assert asked_again.answer_ids == ()
    assert sum(asked_again.is_answer) == sum(encoded.is_answer)


def test_answer_that_repeats_the_question(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = encode(tokenizer, answered("Osaka", "Osaka"))
    text = tokenizer.decode(encoded.answer_ids)
    assert text.removesuffix(tokenizer.eos_token).strip() == "Osaka"


def test_system_turn(tokenizer_of: Tokenizers) -> None:
    turns = [Message("system", "Be brief."), *answered(WHY, "Osaka")]
    encoded = encode(tokenizer_of("qwen2"), turns)
    assert encoded.text.startswith("<|im_start|>system\nBe brief.<|im_end|>\n")
    assert "helpful" not in encoded.text


def test_template_that_rewrites_earlier_turns(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    tokenizer.chat_template = (
        "{% for message in messages %}{{ loop.revindex }}{{ message.content }}"
        "{% endfor %}"
    )
    with pytest.raises(CheckpointError, match="rewrites earlier turns"):
        encode(tokenizer, answered(WHY, "Osaka"))


def test_special_tokens_are_asked_of_the_tokenizer_alone() -> None:
    class Plain:
        all_special_tokens = ("<stop>",)
        get_added_vocab = dict

    plain = Plain()
    with pytest.raises(InputError, match="<stop>"):
        check_user_text("a <stop>", "query", plain)  # type: ignore[arg-type]


def test_runs_of_blanks_are_text_whatever_the_vocabulary_holds() -> None:
    class Blanks:
        all_special_tokens = ("<eos>",)

        def get_added_vocab(self) -> dict[str, int]:
            return {"\n\n": 5, "▁▁": 6, "<h1>": 7}

    blanks: Any = Blanks()
    assert check_user_text("one\n\ntwo", "query", blanks) == "one\n\ntwo"
    with pytest.raises(InputError, match="<h1>"):
        check_user_text("<h1> one", "query", blanks)


def test_examples_are_in_the_query_s_language(llama2_folder: Path) -> None:
    tokenizer = load_tokenizer(llama2_folder)
    file = CHAT_TEMPLATES / "few-shot.jinja"
    tokenizer.chat_template = file.read_text(encoding="utf-8")
    text = render(tokenizer, ask(QUERY, "zh"))
    assert text.startswith("<s>Q: 大阪市在哪个国家？\nA: 日本\n\nQ: ")
    assert text.endswith(f"\n\nQ: {QUERY}\nA:")
    assert text.count("Q: ") == len(examples("zh")) + 1
    told = encode(tokenizer, answered(QUERY, "大阪", "zh"))
    assert tokenizer.decode(told.answer_ids).strip(" ") == "大阪\n\n"
    assert told.prompt_ids == encode(tokenizer, ask(QUERY, "zh")).ids
    assert examples("") == examples("xx") == examples("en")


def test_examples_exist_in_every_language() -> None:
    counts = {code: len(examples(code)) for code in ATLAS_LANGUAGES}
    assert set(counts.values()) == {4}
    assert len({examples(code) for code in ATLAS_LANGUAGES}) == len(ATLAS_LANGUAGES)


def test_other_templates_see_no_examples(checkpoint_folder: Path) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    assert render(tokenizer, ask(QUERY, "zh")) == render(tokenizer, ask(QUERY))
