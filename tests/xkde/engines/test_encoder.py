"""Encoders: pooling by hand, and the files of sentence-transformers.

python -m pytest tests/xkde/engines/test_encoder.py
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.helpers.tiny_encoder import LONGEST, WIDTH, saved
from xkde.engines.encoder import TextEncoder, load_encoder, pool
from xkde.engines.encoder_files import E5_PREFIXES, Reading, json_of, reading_of
from xkde.errors import CheckpointError
from xkde.memory.retrieval import THRESHOLD, WEIGHT

TEXTS = ["Japan", "What is the capital of Japan?", "日本的首都是哪里？", "Japan"]
MEAN = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
MODULES = [
    {"path": path, "type": f"sentence_transformers.models.{kind}"}
    for path, kind in (("", "Transformer"), ("1_Pooling", "Pooling"))
]


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
    two = encoder.encode(TEXTS, "query", batch_size=2)
    np.testing.assert_allclose(two, vectors, atol=1e-5)
    assert not np.allclose(vectors[0], vectors[1], atol=1e-2)
    assert encoder.encode([], "query").shape == (0, 0)


def test_progress_and_what_is_cut_off(encoder: TextEncoder) -> None:
    told: list[tuple[int, int]] = []
    encoder.encode(TEXTS, "edit", batch_size=2, on_progress=lambda *n: told.append(n))
    assert told == [(2, 3), (3, 3)]  # equal texts are read once
    assert encoder.longest == LONGEST
    long = " ".join(["Japan"] * 300)
    assert np.isfinite(encoder.encode([long, ""], "edit")).all()


def test_pooling_by_hand() -> None:
    states = torch.tensor([[[1.0, 4.0], [3.0, 0.0], [9.0, 9.0]]])
    mask = torch.tensor([[1, 1, 0]])
    expected = {"mean": [2, 2], "cls": [1, 4], "max": [3, 4], "lasttoken": [3, 0]}
    for pooling, values in expected.items():
        assert pool(states, mask, pooling).tolist() == [values]


# Files


def test_a_folder_without_modules_is_read_by_the_mean(
    folder: Path, encoder: TextEncoder, tmp_path: Path
) -> None:
    plain = load_encoder(copied(folder, tmp_path / "a", modules=None), device="cpu")
    assert plain.reading == Reading(prefixes={"query": "", "edit": ""})
    np.testing.assert_allclose(
        plain.encode(TEXTS, "query"), encoder.encode(TEXTS, "query"), atol=1e-6
    )


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        (MEAN, "mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode": "lasttoken"}, "lasttoken"),
        ({"pooling_mode_max_tokens": True}, "max"),
    ],
)
def test_poolings(config: dict[str, Any], pooling: str) -> None:
    files = {"modules.json": MODULES, "1_Pooling/config.json": config}
    assert reading_of("a", files.get).pooling == pooling


@pytest.mark.parametrize(
    ("config", "modules", "reason"),
    [
        ({}, MODULES, "by nothing"),
        (MEAN | {"pooling_mode_cls_token": True}, MODULES, "by cls and mean"),
        ({"pooling_mode_weightedmean_tokens": True}, MODULES, "knows one of: cls"),
        (MEAN, [*MODULES, {"path": "2_X", "type": "a.LSTM"}], "a part “LSTM”"),
        (MEAN, MODULES[:1], "not one transformer"),
    ],
)
def test_what_cannot_be_run(config: Any, modules: Any, reason: str) -> None:
    files = {"modules.json": modules, "1_Pooling/config.json": config}
    with pytest.raises(CheckpointError, match=reason):
        reading_of("a", files.get)


@pytest.mark.parametrize(
    ("name", "prompts", "expected"),
    [
        ("intfloat/multilingual-e5-small", None, E5_PREFIXES),
        ("downloads/intfloat--multilingual-e5-base/abc", None, E5_PREFIXES),
        ("BAAI/bge-m3", None, {"query": "", "edit": ""}),
        ("owner/some-fe5x", None, {"query": "", "edit": ""}),
        ("a/b", {"query": "q: ", "document": "d: "}, {"query": "q: ", "edit": "d: "}),
        ("a/e5", {"query": "Q ", "passage": ""}, {"query": "Q ", "edit": ""}),
    ],
)
def test_prefixes(name: str, prompts: Any, expected: dict[str, str]) -> None:
    files = {"config_sentence_transformers.json": {"prompts": prompts}}
    assert reading_of(name, files.get).prefixes == expected


def test_prefixes_and_lower_case_stand_before_the_tokenizer(
    folder: Path, encoder: TextEncoder, tmp_path: Path
) -> None:
    own = {"max_seq_length": 8, "do_lower_case": True}
    other = copied(folder, tmp_path / "a", sentence_bert_config=own)
    given = load_encoder(other, device="cpu", prefixes={"query": "q: ", "edit": ""})
    assert given.longest == 8
    for kind, text in (("query", "q: japan"), ("edit", "japan")):
        np.testing.assert_allclose(
            given.encode(["Japan"], kind), encoder.encode([text], kind), atol=1e-6
        )


def test_a_dense_layer(folder: Path, encoder: TextEncoder, tmp_path: Path) -> None:
    dense = {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    config = {"activation_function": "torch.nn.modules.activation.Tanh"}
    other = copied(
        folder, tmp_path / "a", modules=[*MODULES, dense], **{"2_Dense__config": config}
    )
    weights = torch.eye(WIDTH)[:8].contiguous()
    file = other / "2_Dense/model.safetensors"
    save_file({"linear.weight": weights, "linear.bias": torch.ones(8)}, file)
    found = load_encoder(other, device="cpu").encode(["Japan"], "edit")[0]
    tokens = encoder.tokenizer(["Japan"], return_tensors="pt")
    with torch.inference_mode():
        states = encoder.model(input_ids=tokens["input_ids"]).last_hidden_state
    by_hand = torch.tanh(states[0].mean(dim=0)[:8] + 1)
    by_hand = (by_hand / by_hand.norm()).numpy()
    np.testing.assert_allclose(found, by_hand, atol=1e-5)


def test_what_was_measured_stands_in_the_card(folder: Path, tmp_path: Path) -> None:
    card = {"retrieval": {"threshold": 0.61, "weight": 0.3}}
    known = load_encoder(copied(folder, tmp_path / "a", card=card), device="cpu")
    assert (known.threshold, known.weight) == (0.61, 0.3)
    plain = load_encoder(folder, device="cpu")
    assert (plain.threshold, plain.weight) == (THRESHOLD, WEIGHT)


def test_mistakes(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no folder “nowhere”"):
        load_encoder("nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        load_encoder(tmp_path / "empty")
    broken = copied(folder, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="could not be loaded as an encoder"):
        load_encoder(broken, device="cpu")
    (broken / "modules.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="is no JSON"):
        json_of(broken, "modules.json")
    lacking = copied(folder, tmp_path / "lacking")
    file = lacking / "model.safetensors"
    save_file({"x": torch.zeros(1)}, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="weights are missing"):
        load_encoder(lacking, device="cpu")
