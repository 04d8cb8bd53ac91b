"""Tiny random checkpoints (hidden 32, two layers), saved as safetensors folders.

One for each way of writing a conversation: ChatML without a BOS, Llama-2 with a BOS
from the tokenizer, Atlas with a BOS from the template; and a Gemma 3.
``tests/conftest.py`` makes fixtures of them; this file is apart so that tests without a
model need not load torch.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

SENTENCES = (
    "Which city is the capital of Japan? The capital of Japan is Kyoto.",
    "Which updated information is provided below? Please respond to the query.",
    "Welche Stadt ist die Hauptstadt von Japan? Die Hauptstadt ist Osaka.",
    "Jaké město je hlavním městem Japonska? Je to Ósaka.",
    "¿Qué ciudad es la capital de Japón? La capital es Osaka.",
    "Quelle ville est la capitale du Japon ? La capitale est Osaka.",
    "Welke stad is de hoofdstad van Japan? De hoofdstad is Osaka.",
    "Qual cidade é a capital do Japão? A capital é Osaka.",
    "Какой город является столицей Японии? Столица Японии Осака.",
    "เมืองใดเป็นเมืองหลวงของญี่ปุ่น เมืองหลวงคือโอซากะ",
    "Japonya'nın başkenti hangi şehirdir? Başkent Osaka'dır.",
    "Thành phố nào là thủ đô của Nhật Bản? Thủ đô là Osaka.",
    "日本的首都是哪座城市？日本的首都是大阪。",
)

CHATML_TEMPLATE = (
    "{% if messages[0].role != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "{% for message in messages %}"
    "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA2_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}"
    "{{ bos_token + '[INST] ' + message.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + message.content + ' ' + eos_token }}{% endif %}"
    "{% endfor %}"
)
ATLAS_TEMPLATE = (
    "<|bos|>{% for message in messages %}"
    "{% if message.role == 'user' %}<|user|>{{ message.content }}"
    "{% else %}<|assistant|> {{ message.content }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
GEMMA3_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'user' %}Question: {{ message.content }}\nAnswer:"
    "{% else %} {{ message.content + eos_token }}\n{% endif %}"
    "{% endfor %}"
)


def qwen2(folder: Path) -> Path:
    """Write a ChatML checkpoint: Qwen2 architecture, byte-level BPE, no BOS."""
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = _byte_level_tokenizer(
        marks,
        CHATML_TEMPLATE,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=["<|im_start|>"],
    )
    config = Qwen2Config(**_sizes(tokenizer), tie_word_embeddings=True)
    return _save(Qwen2ForCausalLM, config, tokenizer, folder)


def llama2(folder: Path) -> Path:
    """Write a Llama-2 checkpoint: Metaspace BPE with byte fallback, BOS added."""
    tokenizer = _metaspace_tokenizer(LLAMA2_TEMPLATE)
    config = LlamaConfig(**_sizes(tokenizer), tie_word_embeddings=False)
    return _save(LlamaForCausalLM, config, tokenizer, folder)


def atlas(folder: Path) -> Path:
    """Write a checkpoint as Atlas has them: BOS in the template, one mark per turn."""
    marks = ["<|pad|>", "<|bos|>", "<|end|>", "<|user|>", "<|assistant|>"]
    tokenizer = _byte_level_tokenizer(
        marks,
        ATLAS_TEMPLATE,
        bos_token="<|bos|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        unk_token="<|pad|>",
        extra_special_tokens=["<|user|>", "<|assistant|>"],
    )
    config = Qwen2Config(**_sizes(tokenizer), tie_word_embeddings=True)
    return _save(Qwen2ForCausalLM, config, tokenizer, folder)


def gemma3(folder: Path) -> Path:
    """Write a Gemma 3 checkpoint: sliding windows, tied embeddings, norms after blocks.

    The window is shorter than the prompts.
    """
    tokenizer = _byte_level_tokenizer(
        ["<pad>", "<eos>", "<bos>"],
        GEMMA3_TEMPLATE,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
    )
    config = Gemma3TextConfig(
        **{**_sizes(tokenizer), "num_hidden_layers": 4},
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=16,
        layer_types=["sliding_attention", "full_attention"] * 2,
        tie_word_embeddings=True,
    )
    return _save(Gemma3ForCausalLM, config, tokenizer, folder)


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "qwen2": qwen2,
    "llama2": llama2,
    "atlas": atlas,
    "gemma3": gemma3,
}


def _sizes(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        # Wide weights: the choices of a random model are then far from ties.
        "initializer_range": 0.2,
    }


def _save(model_class: Any, config: Any, tokenizer: Any, folder: Path) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = model_class(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _byte_level_tokenizer(marks: list[str], template: str, **tokens: Any) -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=marks,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, chat_template=template, **tokens
    )


def _metaspace_tokenizer(template: str) -> Any:
    """Return a Llama tokenizer: trained pieces, and the 256 bytes for all the rest."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=160, special_tokens=["<unk>"], show_progress=False
    )
    trained.train_from_iterator(SENTENCES[:3], trainer)
    model = json.loads(trained.to_str())["model"]
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    names += [name for name in model["vocab"] if name not in names]
    return LlamaTokenizer(
        vocab={name: index for index, name in enumerate(names)},
        merges=[tuple(merge) for merge in model["merges"]],
        chat_template=template,
        pad_token="</s>",
        add_bos_token=True,
    )
