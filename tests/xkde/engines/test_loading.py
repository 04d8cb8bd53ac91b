"""Tests of loading: number formats, devices, whole tokenizers, readable refusals."""

import json
import shutil
import socket
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file
from trl import ModelConfig

from xkde.commands.measure import open_encoder
from xkde.commands.preferences import open_aligner
from xkde.engines.engine import open_engine
from xkde.engines.loading import (
    PLAIN_TOKENIZERS,
    choose_device,
    choose_dtype,
    load,
    load_tokenizer,
    local_folder,
    random_qwen2,
)
from xkde.errors import CheckpointError, SettingsError
from xkde.training.stages import trained_model
from xkde.types import Sampling


@pytest.fixture
def copied(qwen2_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(qwen2_folder, tmp_path / "copied")


def test_load_gives_a_model_ready_to_answer(checkpoint_folder: Path) -> None:
    engine = load(checkpoint_folder, device="cpu")
    assert not engine.model.training
    assert engine.model.dtype == torch.float32
    assert engine.max_length == 256
    assert engine.stop_ids == {engine.tokenizer.eos_token_id}


def test_bfloat16_weights_are_widened_on_the_cpu(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    narrow = {name: tensor.bfloat16() for name, tensor in weights.items()}
    save_file(narrow, copied / "model.safetensors", metadata={"format": "pt"})
    engine = load(copied, device="cpu")
    assert {p.dtype for p in engine.model.parameters()} == {torch.float32}
    assert load(copied, device="cpu", dtype="bfloat16").model.dtype == torch.bfloat16


def test_dtype_and_device_auto() -> None:
    assert choose_dtype("auto", torch.device("cuda")) == torch.bfloat16
    assert choose_dtype("auto", torch.device("mps")) == torch.float32
    assert choose_dtype("float16", torch.device("cpu")) == torch.float16
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(SettingsError, match="There is no device “tpu” here"):
        choose_device("tpu")


def test_tokenizer_is_taken_as_it_stands(checkpoint_folder: Path) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    saved = json.loads((checkpoint_folder / "tokenizer.json").read_text("utf-8"))
    loaded = json.loads(tokenizer.backend_tokenizer.to_str())
    for part in ("normalizer", "pre_tokenizer", "added_tokens"):
        assert loaded[part] == saved[part]
    config = json.loads((checkpoint_folder / "config.json").read_text("utf-8"))
    assert len(tokenizer) == config["vocab_size"]


def test_a_plain_tokenizer_of_qwen2_as_released(qwen2_folder: Path) -> None:
    """AutoTokenizer lays Qwen2's rules over a file: digits stand singly, as there."""
    config = json.loads((qwen2_folder / "tokenizer_config.json").read_text("utf-8"))
    assert config["tokenizer_class"] in PLAIN_TOKENIZERS
    ours = load_tokenizer(qwen2_folder)
    released = load_tokenizer(qwen2_folder, as_released=True)
    assert "Qwen2" in type(released).__name__
    assert type(ours).__name__ in PLAIN_TOKENIZERS
    asked = load(qwen2_folder, device="cpu", as_released=True).tokenizer
    assert type(asked) is type(released)
    rules = json.loads(released.backend_tokenizer.to_str())
    assert rules["normalizer"] == {"type": "NFC"}
    assert "\\p{N}" in json.dumps(rules["pre_tokenizer"])


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no folder"):
        load(tmp_path / "missing")
    with pytest.raises(CheckpointError, match="There is no folder"):
        load("no/such/folder")


def test_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no config\.json"):
        load(tmp_path)


def test_pickled_weights_are_not_read(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    (copied / "model.safetensors").unlink()
    torch.save(weights, copied / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="are pickle files. Only safetensors"):
        load(copied)


def test_cut_off_weights(copied: Path) -> None:
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="was cut off or altered"):
        load(copied)


def test_missing_weights(copied: Path) -> None:
    path = copied / "model.safetensors"
    weights = load_file(path)
    del weights["model.layers.0.mlp.up_proj.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="lacks 1 of its weights"):
        load(copied)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_broken_tokenizer_file(copied: Path, name: str) -> None:
    (copied / name).write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="could not be loaded"):
        load(copied)


def test_missing_tokenizer(copied: Path) -> None:
    (copied / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer"):
        load(copied)


def test_unknown_architecture(copied: Path) -> None:
    path = copied / "config.json"
    config = json.loads(path.read_text("utf-8")) | {"model_type": "unheard_of"}
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError, match="could not be loaded"):
        load(copied)


def test_a_hub_id_is_never_fetched_by_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    how = "checkpoints download owner/name --dry-run"
    for use in (
        load,
        local_folder,
        open_encoder,
        open_aligner,
        lambda name: open_engine("transformers", name),
        lambda name: open_engine("vllm", name),
        lambda name: trained_model(ModelConfig(model_name_or_path=name)),
    ):
        with pytest.raises(CheckpointError, match=how):
            use("owner/name")


SMALL = {
    "vocab_size": 1000,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}


def test_a_random_model_reads_chatml_and_is_the_same_again(atlas_folder: Path) -> None:
    engine = random_qwen2(atlas_folder, SMALL)
    prompt = engine.encode_query("Why?")
    text = engine.tokenizer.decode(list(prompt))
    assert text == "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    assert prompt[0] == engine.tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert len(engine.generate([prompt], Sampling(3))) == 1
    again = random_qwen2(atlas_folder, SMALL)
    for name, weights in engine.model.state_dict().items():
        assert torch.equal(weights, again.model.state_dict()[name])


def test_the_vocabulary_projection_reads_contiguous_rows(
    checkpoint_folder: Path,
) -> None:
    engine = load(checkpoint_folder)
    head = engine.model.get_output_embeddings()
    seen: list[bool] = []
    hook = head.register_forward_hook(
        lambda _, rows, __: seen.append(rows[0].is_contiguous())
    )
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    with torch.inference_mode():
        last = engine.model(ids, logits_to_keep=1).logits
        all_ = engine.model(ids).logits
    hook.remove()
    assert seen == [True, True]
    torch.testing.assert_close(last[:, 0], all_[:, -1])
