"""Tiny random LoRA adapters for tiny checkpoints, as PEFT writes them."""

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from xkde.paths import CARD, CHAT_TEMPLATE


def lora(base: Path, folder: Path, template: str = "", named: str = "") -> Path:
    """Write an adapter for the checkpoint in ``base``; its card says ``named``."""
    network: Any = AutoModelForCausalLM.from_pretrained(base)
    settings = LoraConfig(
        r=2, lora_alpha=2, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    adapted = get_peft_model(network, settings)
    generator = torch.Generator().manual_seed(5)
    for name, factor in adapted.named_parameters():
        if "lora_" in name:
            factor.data = torch.randn(factor.shape, generator=generator)
    adapted.to(torch.bfloat16).save_pretrained(folder)
    card = {"name": folder.name, "base": named or str(base), "stage": "xe-it"}
    (folder / CARD).write_text(json.dumps(card))
    if template:
        (folder / CHAT_TEMPLATE).write_text(template)
    return folder
