"""A tiny random translation model (hidden 32, two layers) for tests of alignment."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from tests.helpers.tiny_checkpoints import SENTENCES
from xkde.engines.aligner import Aligner, Rewards, Translation, both_ways
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES

CODES = [str(LANGUAGES[code].nllb_code) for code in ATLAS_LANGUAGES]


def tokenizer(codes: list[str] = CODES) -> PreTrainedTokenizerBase:
    """Return a byte-level tokenizer with a token for each of some languages."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(SENTENCES, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=trained,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    made.add_tokens(codes, special_tokens=True)
    return made


def model(vocabulary: int) -> M2M100ForConditionalGeneration:
    """Return a random model whose special tokens have NLLB's ids."""
    config = M2M100Config(
        vocab_size=vocabulary,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        # Wide weights: the rewards of a random model are then far from ties.
        init_std=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return M2M100ForConditionalGeneration(config).eval()


def aligner() -> Aligner:
    """Return the tiny model with its tokenizer."""
    words = tokenizer()
    made = model(len(words))
    return Aligner(made, words, made.device)


def saved(folder: Path) -> Path:
    """Write the tiny model as a safetensors folder."""
    made = aligner()
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return folder


def rewards(
    aligner: Aligner,
    pairs: list[tuple[str, str]],
    source_language: str,
    target_language: str,
    *,
    language_token: bool = True,
) -> list[Rewards]:
    """Score pairs of texts of two languages."""
    translations = [
        Translation(source, source_language, target, target_language)
        for source, target in pairs
    ]
    return both_ways(aligner, translations, language_token=language_token)
