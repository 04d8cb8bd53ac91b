"""A tiny random encoder (hidden 32, two layers) for tests of retrieval."""

from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from tests.helpers.tiny_aligner import tokenizer
from xkde.training.atlas_models.encoder import write_modules

WIDTH = 32
LONGEST = 64


def model(vocabulary: int) -> BertModel:
    """Return a random model without a pooler."""
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=LONGEST,
        initializer_range=0.2,  # wide: the vectors of a random model then differ
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BertModel(config, add_pooling_layer=False).eval()


def saved(folder: Path) -> Path:
    """Write the tiny encoder as a folder that sentence-transformers would read."""
    words = tokenizer([])
    model(len(words)).save_pretrained(folder)
    words.save_pretrained(folder)
    write_modules(folder, WIDTH, LONGEST)
    return folder
