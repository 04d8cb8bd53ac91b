"""The down projection of every architecture, by config and shapes alone."""

from collections.abc import Callable

import pytest
import torch
from transformers import (
    GemmaConfig,
    GemmaForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from xkde.editors.weights.modules import (
    down_projections,
    hooked,
    layer_index,
    layers_of,
    projection,
)
from xkde.errors import CheckpointError, SettingsError

HIDDEN, WIDTH, LAYERS = 16, 24, 3
SIZES = {
    "vocab_size": 50,
    "hidden_size": HIDDEN,
    "intermediate_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
KEYS = {"num_key_value_heads": 2}


def gpt2(width: int = WIDTH) -> PreTrainedModel:
    config = GPT2Config(vocab_size=50, n_embd=HIDDEN, n_layer=LAYERS, n_head=2)
    config.n_inner = width
    return GPT2LMHeadModel(config)


MODELS: dict[str, tuple[Callable[[], PreTrainedModel], str]] = {
    "llama": (
        lambda: LlamaForCausalLM(LlamaConfig(**SIZES, **KEYS)),
        "model.layers.1.mlp.down_proj",
    ),
    # As wide as the hidden size, so that attention's output looks like it.
    "llama, square": (
        lambda: LlamaForCausalLM(
            LlamaConfig(**{**SIZES, "intermediate_size": HIDDEN}, **KEYS)
        ),
        "model.layers.1.mlp.down_proj",
    ),
    "qwen2": (
        lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES, **KEYS)),
        "model.layers.1.mlp.down_proj",
    ),
    "mistral": (
        lambda: MistralForCausalLM(MistralConfig(**SIZES, **KEYS)),
        "model.layers.1.mlp.down_proj",
    ),
    "gemma": (
        lambda: GemmaForCausalLM(GemmaConfig(**SIZES, **KEYS, head_dim=8)),
        "model.layers.1.mlp.down_proj",
    ),
    "gpt2": (gpt2, "transformer.h.1.mlp.c_proj"),
    "gpt-neox": (
        lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**SIZES)),
        "gpt_neox.layers.1.mlp.dense_4h_to_h",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_has_one(name: str) -> None:
    build, wanted = MODELS[name]
    model = build()
    found = down_projections(model)
    assert [each.layer for each in found] == list(range(LAYERS))
    assert found[1].name == wanted
    width = HIDDEN if name == "llama, square" else WIDTH
    for each in found:
        assert each.matrix.shape == (HIDDEN, width)
        assert model.get_parameter(each.weight_name) is each.weight
        assert each.as_stored(torch.zeros(HIDDEN, width)).shape == each.weight.shape
        assert each.is_transposed == (name == "gpt2")


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt-neox"])
def test_matrix_maps_what_goes_in_to_what_comes_out(name: str) -> None:
    model = MODELS[name][0]().eval()
    chosen = projection(model, 1)
    seen: dict[str, torch.Tensor] = {}

    def look(module: object, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        seen.update(key=inputs[0], value=output)

    with hooked(chosen.module, look), torch.no_grad():
        model(input_ids=torch.tensor([[3, 4, 5]]))
    expected = seen["key"] @ chosen.matrix.T
    if chosen.module.bias is not None:
        expected = expected + chosen.module.bias
    assert torch.allclose(seen["value"], expected, atol=1e-5)
    assert not chosen.module._forward_hooks


def test_experts_are_refused_in_words() -> None:
    model = MixtralForCausalLM(
        MixtralConfig(**SIZES, **KEYS, num_local_experts=4, num_experts_per_tok=2)
    )
    with pytest.raises(CheckpointError, match="prompt"):
        down_projections(model)


def test_layers_by_index_and_by_share() -> None:
    model = gpt2()
    assert layers_of(model)[0] == "transformer.h"
    assert [layer_index(model, layer) for layer in (0, 2, -1)] == [0, 2, 2]
    assert [layer_index(model, share) for share in (0.0, 0.33, 0.66, 0.99)] == [
        0,
        1,
        2,
        2,
    ]
    for wrong in (3, -4, 1.0, -0.5):
        with pytest.raises(SettingsError, match="layer"):
            layer_index(model, wrong)
