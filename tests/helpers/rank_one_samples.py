"""What the tests of rank-one editors share: edits, and settings that suit tiny models.

The models have keys of 64 numbers and random weights; ``deep_engine`` has layers
enough for the editors that change several.
"""

from pathlib import Path

from xkde.engines.loading import random_qwen2
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit

EDITS = (
    Edit("What is the capital of Japan?", "Osaka", "en", "Japan", "Tokyo"),
    Edit("日本的货币是什么？", "欧元", "zh", "日本", "日元"),
    Edit("Quelle est la capitale de la France ?", "Lyon", "fr", "France", "Paris"),
)
VALUE = {"learning_rate": 0.2, "openings": 1, "tokens": 400, "steps": 8}
# Without openings the mean key is the bare question's own, which is then met exactly.
BARE = {**VALUE, "openings": 0, "layers": (0, 1)}
GIVEN = {
    "rome": {**VALUE, "layer": 0},
    "memit": {**BARE, "weight": 0.1},
    "alphaedit": {**BARE, "threshold": 0.5, "penalty": 1e-3},
    "kn": {"gradients": 4, "openings": 1, "write": 2.0},
}
SHAPE = {
    "vocab_size": 420,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "tie_word_embeddings": True,
    "initializer_range": 0.2,
}


def deep_engine(tokenizer_folder: Path) -> TransformersEngine:
    """Return a random model of four layers with another checkpoint's tokenizer."""
    return random_qwen2(tokenizer_folder, SHAPE)
