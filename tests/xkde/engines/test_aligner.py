"""Rewards by hand against a plain forward pass, in any batch, in any language."""

import itertools
import math
from pathlib import Path

import pytest
import torch
from transformers import NllbTokenizer

from tests.helpers import tiny_aligner
from xkde.engines.aligner import (
    LONGEST,
    Aligner,
    Rewards,
    Translation,
    both_ways,
    load_aligner,
    released,
    text_ids,
)
from xkde.errors import CheckpointError, InputError
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES

PAIRS = [
    ("Osaka", "大阪"),
    ("Kyoto", "京都是日本的一座城市"),
    ("Which city is the capital of Japan?", "大阪"),
    ("a", ""),
    ("Osaka", "大阪"),
]


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return tiny_aligner.aligner()


def ids_by_hand(aligner: Aligner, text: str, code: str) -> list[int]:
    plain = aligner.tokenizer(text, add_special_tokens=False).input_ids
    mark = aligner.tokenizer.convert_tokens_to_ids(LANGUAGES[code].nllb_code)
    return [mark, *plain, 2]  # 2: NLLB's end mark


def plain_forward(aligner: Aligner, read: list[int], labels: list[int]) -> torch.Tensor:
    """Return each label's log-probability by the model's own forward pass."""
    with torch.no_grad():
        output = aligner.model(
            input_ids=torch.tensor([read]), labels=torch.tensor([labels])
        )
    logs = output.logits[0].log_softmax(-1)
    chosen = logs.gather(-1, torch.tensor(labels)[:, None])[:, 0]
    assert math.isclose(float(output.loss), -float(chosen.mean()), rel_tol=1e-5)
    return chosen


# Ids


def test_ids_are_language_tokens_end(aligner: Aligner) -> None:
    texts, codes = ["Osaka", "大阪", ""], ["en", "zh", "cs"]
    expected = [
        ids_by_hand(aligner, text, code)
        for text, code in zip(texts, codes, strict=True)
    ]
    assert text_ids(aligner.tokenizer, texts, codes) == expected
    assert len(expected[2]) == 2
    assert text_ids(aligner.tokenizer, [], []) == []


def test_ids_are_those_of_nllbs_own_tokenizer() -> None:
    letters = "▁Osaka大阪"
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    vocabulary |= {letter: 4 + i for i, letter in enumerate(dict.fromkeys(letters))}
    tokenizer = NllbTokenizer(vocab=vocabulary, merges=[])
    for text, code in (("Osaka", "en"), ("大阪", "zh"), ("asaka Osaka", "de")):
        tokenizer.src_lang = LANGUAGES[code].nllb_code
        assert text_ids(tokenizer, [text], [code]) == [tokenizer(text).input_ids]


def test_nllb_has_every_language_but_latin() -> None:
    tokenizer = NllbTokenizer(vocab={"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3})
    known = [code for code in LANGUAGES if code != "la"]
    marks = [ids[0] for ids in text_ids(tokenizer, [""] * len(known), known)]
    assert len(set(marks)) == len(known)
    assert tokenizer.unk_token_id not in marks


def test_a_long_text_is_cut_and_keeps_its_end(aligner: Aligner) -> None:
    (ids,) = text_ids(aligner.tokenizer, ["Kyoto " * LONGEST], ["en"])
    assert len(ids) == LONGEST
    assert ids[-1] == aligner.tokenizer.eos_token_id


def test_languages_that_cannot_be_aligned(aligner: Aligner) -> None:
    aligner.check_languages(ATLAS_LANGUAGES)
    with pytest.raises(InputError, match="NLLB-200 does not know Latin"):
        aligner.check_languages(["en", "la"])
    with pytest.raises(CheckpointError, match="no token swe_Latn for Swedish"):
        tiny_aligner.rewards(aligner, [("Osaka", "Osaka")], "en", "sv")
    with pytest.raises(InputError, match="not a language"):
        tiny_aligner.rewards(aligner, [("Osaka", "Osaka")], "en", "xx")


# Rewards


@pytest.mark.parametrize("language_token", [True, False])
def test_rewards_by_hand(aligner: Aligner, language_token: bool) -> None:
    found = tiny_aligner.rewards(
        aligner, PAIRS, "en", "zh", language_token=language_token
    )
    for (source, target), reward in zip(PAIRS, found, strict=True):
        english = ids_by_hand(aligner, source, "en")
        chinese = ids_by_hand(aligner, target, "zh")
        first = 0 if language_token else 1
        there = plain_forward(aligner, english, chinese)[first:].mean()
        back = plain_forward(aligner, chinese, english)[first:].mean()
        assert reward.source_target == pytest.approx(float(there), abs=1e-5)
        assert reward.target_source == pytest.approx(float(back), abs=1e-5)
        assert reward.symmetric == pytest.approx(float(there + back) / 2, abs=1e-5)
        assert reward.symmetric < 0


def test_symmetric_is_the_mean() -> None:
    assert Rewards(-1.0, -4.0).symmetric == -2.5


def test_a_batch_gives_what_each_alone_gives(aligner: Aligner) -> None:
    texts = ["Osaka", "Kyoto is a city in Japan", "大阪", ""]
    codes = itertools.cycle(ATLAS_LANGUAGES)
    asked = [
        Translation(a, next(codes), b, next(codes))
        for a, b in itertools.product(texts, texts)
    ]
    alone_each = [both_ways(aligner, [translation])[0] for translation in asked]
    for batch_size in (5, 64):
        batched = both_ways(aligner, asked, batch_size=batch_size)
        assert_same(alone_each, batched)


def assert_same(alone_each: list[Rewards], batched: list[Rewards]) -> None:
    for alone, reward in zip(alone_each, batched, strict=True):
        assert reward.source_target == pytest.approx(alone.source_target, abs=1e-5)
        assert reward.target_source == pytest.approx(alone.target_source, abs=1e-5)


def test_equal_translations_are_computed_once(aligner: Aligner) -> None:
    done: list[tuple[int, int]] = []
    asked = [Translation("Osaka", "en", "大阪", "zh")] * 7
    asked.append(Translation("Osaka", "en", "Ósaka", "cs"))
    means = aligner.mean_log_probabilities(
        asked, batch_size=1, on_progress=lambda *told: done.append(told)
    )
    assert done == [(2, 2)]
    assert len(set(means[:7])) == 1
    assert means[7] != means[0]


def test_nothing_to_score(aligner: Aligner) -> None:
    assert tiny_aligner.rewards(aligner, [], "en", "zh") == []
    assert released(aligner, []) == []


def test_released_by_hand(aligner: Aligner) -> None:
    """Minus the cross-entropy of the gold as English, given the answer as Chinese."""
    pairs = [(" \n大阪", "Osaka"), ("Kyoto", "京都"), ("大阪", "大阪")]
    found = released(aligner, pairs)
    for (answer, gold), mean in zip(pairs, found, strict=True):
        read = ids_by_hand(aligner, answer.lstrip(), "zh")
        labels = ids_by_hand(aligner, gold, "en")
        loss = -float(plain_forward(aligner, read, labels).mean())
        assert mean == pytest.approx(-loss, rel=1e-5)


def test_weights_that_are_no_numbers() -> None:
    broken = tiny_aligner.aligner()
    broken.model.lm_head.weight.data[0] = math.nan
    with pytest.raises(CheckpointError, match="no numbers"):
        tiny_aligner.rewards(broken, [("Osaka", "大阪")], "en", "zh")


# Loading


def test_a_saved_model_gives_the_same_rewards(aligner: Aligner, tmp_path: Path) -> None:
    loaded = load_aligner(tiny_aligner.saved(tmp_path / "tiny"), device="cpu")
    before = tiny_aligner.rewards(aligner, PAIRS, "en", "zh")
    for one, other in zip(
        before, tiny_aligner.rewards(loaded, PAIRS, "en", "zh"), strict=True
    ):
        assert one.symmetric == pytest.approx(other.symmetric, abs=1e-5)


def test_folders_that_are_no_translation_model(
    tmp_path: Path, llama2_folder: Path
) -> None:
    with pytest.raises(CheckpointError, match="no NLLB-200 or M2M100"):
        load_aligner(llama2_folder)
    with pytest.raises(CheckpointError, match="no folder"):
        load_aligner(tmp_path / "nowhere")
    folder = tiny_aligner.saved(tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="safetensors weights"):
        load_aligner(folder)
