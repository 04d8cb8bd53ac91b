"""A random model has the shape asked for, speaks ChatML, and is the same again.

python -m pytest tests/xkde/engines/test_random_model.py
"""

from pathlib import Path

import torch

from xkde.engines.random_model import random_qwen2
from xkde.types import Sampling

SHAPE = {
    "vocab_size": 1000,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}


def test_random_model(atlas_folder: Path) -> None:
    engine = random_qwen2(atlas_folder, SHAPE)
    prompt = engine.encode_query("Why?")
    text = engine.tokenizer.decode(list(prompt))
    assert text == "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    assert prompt[0] == engine.tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert len(engine.generate([prompt], Sampling(3))) == 1
    again = random_qwen2(atlas_folder, SHAPE)
    for name, weights in engine.model.state_dict().items():
        assert torch.equal(weights, again.model.state_dict()[name])
