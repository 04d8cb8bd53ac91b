"""Encoders: vectors by hand, prompts, calibration, mistakes."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import BertModel

from tests.helpers.tiny_encoder import LONGEST, WIDTH, saved
from xkde import paths
from xkde.engines.encoder import E5_PROMPTS, TextEncoder, load_encoder
from xkde.engines.loading import load_tokenizer
from xkde.errors import CheckpointError
from xkde.memory.retrieval import Calibration

TEXTS = ["Japan", "What is the capital of Japan?", "日本的首都是哪里？", "Japan"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> TextEncoder:
    return load_encoder(folder, device="cpu")


def copied(folder: Path, target: Path, **files: Any) -> Path:
    """Copy an encoder with other files; None removes one. A __ stands for a slash."""
    shutil.copytree(folder, target)
    for name, content in files.items():
        path = target / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(exist_ok=True)
        if content is None:
            path.unlink()
        else:
            path.write_text(json.dumps(content), encoding="utf-8")
    return target


def means_by_hand(folder: Path, texts: list[str]) -> torch.Tensor:
    """Return the mean of a BERT's last states for each text, read alone."""
    tokenizer = load_tokenizer(folder)
    model = BertModel.from_pretrained(
        folder, dtype=torch.float32, add_pooling_layer=False
    )
    rows = []
    for text in texts:
        ids = tokenizer([text], truncation=True, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            rows.append(model.eval()(input_ids=ids).last_hidden_state[0].mean(dim=0))
    return torch.stack(rows)


# Vectors


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(
    encoder: TextEncoder,
) -> None:
    vectors = encoder.encode(TEXTS, "query")
    assert (vectors.shape, vectors.dtype) == ((4, WIDTH), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        alone = encoder.encode([text], "query")[0]
        np.testing.assert_allclose(alone, vector, atol=1e-5)
    assert not np.allclose(vectors[0], vectors[1], atol=1e-2)
    assert encoder.encode([], "query").shape == (0, 0)


def test_long_and_empty_texts_have_vectors(encoder: TextEncoder) -> None:
    assert encoder.model.max_seq_length == LONGEST
    long = " ".join(["Japan"] * 300)
    vectors = encoder.encode([long, ""], "edit")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_shipped_encoder_is_the_mean_of_its_last_states() -> None:
    folder = paths.EMBEDDED_CHECKPOINTS / "atlas-encoder"
    texts = [*TEXTS, "İzmir", "Какова столица Японии?", "เมืองหลวง", "Osaka " * 200]
    means = means_by_hand(folder, [text.strip() for text in texts])
    by_hand = (means / means.norm(dim=-1, keepdim=True)).numpy()
    encoder = load_encoder(folder, device="cpu")
    for kind in ("query", "edit"):
        assert np.abs(encoder.encode(texts, kind) - by_hand).max() < 1e-5


# Files


def test_a_folder_without_modules_is_read_by_the_mean(
    folder: Path, encoder: TextEncoder, tmp_path: Path
) -> None:
    plain = load_encoder(copied(folder, tmp_path / "a", modules=None), device="cpu")
    np.testing.assert_allclose(
        plain.encode(TEXTS, "query"), encoder.encode(TEXTS, "query"), atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "prompts", "expected"),
    [
        ("multilingual-e5-small", None, E5_PROMPTS),
        ("intfloat--multilingual-e5-base", None, E5_PROMPTS),
        ("some-fe5x", None, {"query": "", "document": ""}),
        ("a-e5", {"query": "Q ", "document": ""}, {"query": "Q ", "document": ""}),
    ],
)
def test_prompts(
    folder: Path,
    encoder: TextEncoder,
    tmp_path: Path,
    name: str,
    prompts: Any,
    expected: dict[str, str],
) -> None:
    config = {"prompts": prompts} if prompts else {}
    other = copied(folder, tmp_path / name, config_sentence_transformers=config)
    found = load_encoder(other, device="cpu")
    assert found.model.prompts == expected
    for kind, key in (("query", "query"), ("edit", "document")):
        np.testing.assert_allclose(
            found.encode(["Japan"], kind),
            encoder.encode([f"{expected[key]}Japan"], kind),
            atol=1e-6,
        )


def test_a_dense_layer(folder: Path, tmp_path: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    modules[2] |= {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    config = {
        "in_features": WIDTH,
        "out_features": 8,
        "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    }
    other = copied(
        folder, tmp_path / "a", modules=modules, **{"2_Dense__config": config}
    )
    weights = torch.eye(WIDTH)[:8].contiguous()
    file = other / "2_Dense/model.safetensors"
    save_file({"linear.weight": weights, "linear.bias": torch.ones(8)}, file)
    found = load_encoder(other, device="cpu").encode(["Japan"], "edit")[0]
    by_hand = torch.tanh(means_by_hand(folder, ["Japan"])[0, :8] + 1)
    by_hand = by_hand / by_hand.norm()
    np.testing.assert_allclose(found, by_hand.numpy(), atol=1e-5)


def test_what_was_measured_stands_in_the_card(folder: Path, tmp_path: Path) -> None:
    card = {"retrieval": {"threshold": 0.61, "weight": 0.3}}
    known = load_encoder(copied(folder, tmp_path / "a", card=card), device="cpu")
    assert known.calibration == Calibration(0.61, 0.3)
    assert load_encoder(folder, device="cpu").calibration == Calibration()


def test_mistakes(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no folder “nowhere”"):
        load_encoder("nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="could not be loaded as an encoder"):
        load_encoder(tmp_path / "empty")
    broken = copied(folder, tmp_path / "broken")
    (broken / "modules.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="could not be loaded as an encoder"):
        load_encoder(broken, device="cpu")
    (broken / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        load_encoder(broken, device="cpu")
    lacking = copied(folder, tmp_path / "lacking")
    file = lacking / "model.safetensors"
    save_file({"x": torch.zeros(1)}, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="lacks weights"):
        load_encoder(lacking, device="cpu")
