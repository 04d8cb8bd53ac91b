"""A random model of a given shape, to measure speed where no weights are at hand.

It speaks ChatML as Qwen2.5 does, with another checkpoint's tokenizer. Its answers mean
nothing. Run by ``python -m xkde bench evaluation``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from xkde.engines.loading import load_tokenizer
from xkde.engines.transformers import TransformersEngine

MARKS = ["<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def random_qwen2(
    tokenizer_folder: Path, shape: Mapping[str, Any], seed: int = 0
) -> TransformersEngine:
    """Return a Qwen2 model on the CPU; ``shape`` is what its configuration takes."""
    tokenizer = load_tokenizer(tokenizer_folder)
    tokenizer.add_special_tokens({"extra_special_tokens": list(MARKS)})
    tokenizer.chat_template = CHATML
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(Qwen2Config(**shape)).eval()
    return TransformersEngine(model, tokenizer, torch.device("cpu"))
