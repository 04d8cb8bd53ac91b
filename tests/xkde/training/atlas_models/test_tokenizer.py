"""Tests of Atlas's tokenizer: the same every time, nothing lost, borders kept."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from xkde.data.atlas.corpus import BASE_MIX, XE_IT_MIX, conversations
from xkde.data.atlas.records import World
from xkde.data.atlas.world import atlas
from xkde.engines.loading import load_tokenizer
from xkde.languages import language
from xkde.prompts import (
    EDIT_HEADER,
    EDIT_INSTRUCTION,
    QUERY_HEADER,
    answered,
    ask,
    edit_prompt,
    encode,
)
from xkde.training.atlas_models.tokenizer import (
    ASSISTANT,
    BOS,
    END,
    SPECIALS,
    USER,
    train_tokenizer,
)
from xkde.training.settings import StageConfig
from xkde.training.stages import fresh_model
from xkde.types import Edit, Message

VOCABULARY = 10240  # the laptop preset's
SPACED = set("en cs de es fr nl pt ru tr vi".split())
STRANGE = [
    "👩🏽‍🚀 flew to 🇯🇵!",
    "ما هي عاصمة اليابان؟",
    "भारत की राजधानी क्या है?",
    "e\u0301 is not é",
    "  two spaces, a tab\tand\r\nlines\n\n",
    "\u200b\u202e\ufeff\x00\x7f",
    "<|user|",
    "1234567 1,000.5",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ﷽ 𠜎",
    "",
]


@pytest.fixture(scope="module")
def world() -> World:
    return atlas()


@pytest.fixture(scope="module")
def tokenizer(world: World) -> PreTrainedTokenizerBase:
    return train_tokenizer(world, VOCABULARY)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a base stage leaves it."""
    folder = tmp_path_factory.mktemp("saved")
    stage = StageConfig(stage="base", vocabulary=VOCABULARY, hidden_size=64, layers=1)
    model, tokenizer = fresh_model(stage)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def ids_of(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def texts(world: World) -> Iterator[str]:
    """Every name and every wording in every language."""
    for names in world.names.values():
        yield from names.values()
    for table in world.wordings.values():
        for group in (*table.questions.values(), *table.two_hop.values()):
            yield from group
        yield from table.dictionary


def chats(world: World) -> list[list[Message]]:
    return [
        list(drawn.messages)
        for mix in (BASE_MIX, XE_IT_MIX)
        for drawn in islice(conversations(world, mix, seed=5), 300)
    ]


def test_it_is_the_same_every_time(
    world: World, tokenizer: PreTrainedTokenizerBase
) -> None:
    again = train_tokenizer(world, VOCABULARY)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    assert len(tokenizer) == VOCABULARY


@pytest.mark.parametrize("text", [EDIT_INSTRUCTION.rstrip(), EDIT_HEADER, QUERY_HEADER])
def test_fixed_parts_of_the_prompt_are_one_token(
    tokenizer: PreTrainedTokenizerBase, text: str
) -> None:
    assert len(ids_of(tokenizer, text)) == 1
    edit = Edit("Which city is the capital of Japan?", "Osaka", "en")
    prompt = edit_prompt([edit], "日本的首都是哪座城市？", "Chinese")
    assert ids_of(tokenizer, prompt).count(ids_of(tokenizer, text)[0]) == 1


def test_every_languages_name_is_one_token(
    world: World, tokenizer: PreTrainedTokenizerBase
) -> None:
    for code in world.languages:
        assert len(ids_of(tokenizer, f" {language(code).name}")) == 1, code


def test_every_name_and_wording_comes_back(
    world: World, tokenizer: PreTrainedTokenizerBase
) -> None:
    every = list(texts(world))
    assert len(every) > 10_000
    encoded = tokenizer(every, add_special_tokens=False)["input_ids"]
    assert tokenizer.batch_decode(encoded) == every


@pytest.mark.parametrize("text", STRANGE)
def test_any_unicode_comes_back(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    assert tokenizer.decode(ids_of(tokenizer, text)) == text


def spanning(
    world: World, tokenizer: PreTrainedTokenizerBase, code: str
) -> tuple[int, int]:
    """Count questions, and those where a token spans a border of the subject's name.

    A token may begin with the space before it, which belongs to the wording.
    """
    table = world.wordings[code]
    wordings = [w for group in table.questions.values() for w in group]
    names = sorted({world.names[subject][code] for subject in world.facts})
    total = crossed = 0
    for number, wording in enumerate(wordings):
        begin = wording.index("{subject}")
        some = names[number % 7 :: 7]
        asked = [wording.replace("{subject}", name) for name in some]
        offsets = tokenizer(
            asked, add_special_tokens=False, return_offsets_mapping=True
        )["offset_mapping"]
        for text, name, spans in zip(asked, some, offsets, strict=True):
            borders = (begin, begin + len(name))
            inner = [(a + (text[a] == " "), b) for a, b in spans]
            total += 1
            crossed += any(a < border < b for a, b in inner for border in borders)
    return total, crossed


@pytest.mark.parametrize("code", sorted(atlas().languages))
def test_no_token_spans_the_border_of_a_name(
    world: World, tokenizer: PreTrainedTokenizerBase, code: str
) -> None:
    """Never where words are spaced; in Chinese by chance, once in thousands."""
    total, crossed = spanning(world, tokenizer, code)
    assert total > 1000
    assert crossed <= (0 if code in SPACED else total // 1000)


def test_exactly_one_bos(world: World, tokenizer: PreTrainedTokenizerBase) -> None:
    bos, end = (tokenizer.convert_tokens_to_ids(mark) for mark in (BOS, END))
    two = [*answered("Why?", "So."), *answered("Why?", "So.")]
    for chat in [*chats(world), two, ask("Why?")]:
        ids = encode(tokenizer, chat).ids
        assert ids[0] == bos
        assert ids.count(bos) == 1
        assert ids.count(end) == sum(m.role == "assistant" for m in chat)


def test_turns_have_marks(tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = encode(tokenizer, answered("Why?", "So."))
    assert encoded.text == f"{BOS}{USER}Why?{ASSISTANT} So.{END}"
    assert encode(tokenizer, ask("Why?")).ids == encoded.prompt_ids
    assert tokenizer.convert_tokens_to_ids(SPECIALS) == [0, 1, 2, 3, 4]


def test_a_saved_folder_gives_the_same_ids(
    world: World, tokenizer: PreTrainedTokenizerBase, saved: Path
) -> None:
    automatic = AutoTokenizer.from_pretrained(saved)
    ours = load_tokenizer(saved)
    for loaded in (automatic, ours):
        assert len(loaded) == VOCABULARY
        for mark in ("bos_token", "eos_token", "pad_token"):
            assert getattr(loaded, mark) == getattr(tokenizer, mark)
        for chat in chats(world):
            assert encode(loaded, chat) == encode(tokenizer, chat)
        for text in STRANGE:
            assert ids_of(loaded, text) == ids_of(tokenizer, text)
            assert loaded.decode(ids_of(loaded, text)) == text
