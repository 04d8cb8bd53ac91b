"""An encoder from a loopback Hub: all of its files come, and it runs as before."""

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest

from tests.helpers import tiny_encoder
from tests.helpers.hub_server import REPOSITORY, Hub, serving
from xkde.checkpoints import Reference
from xkde.commands.measure import open_encoder
from xkde.engines.encoder import load_encoder
from xkde.hub import download, plan

REFERENCE = Reference(REPOSITORY, "hub", None, REPOSITORY, None)
TEXTS = ["What is the capital of Japan?", "日本的首都是哪里？"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder with the files of sentence-transformers."""
    made = tiny_encoder.saved(tmp_path_factory.mktemp("encoder"))
    (made / "config_sentence_transformers.json").write_text("{}", encoding="utf-8")
    return made


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    others = ("1_Pooling/pytorch_model.bin", "onnx/config.json", "sentence.json")
    with serving(files | dict.fromkeys(others, b"no")) as served:
        yield served
        huggingface_hub.close_session()


def test_all_files_of_an_encoder_come_and_no_others(
    hub: Hub, folder: Path, tmp_path: Path
) -> None:
    planned = plan(REFERENCE, target=tmp_path, endpoint=hub.endpoint)
    names = {file.name for file in planned.files}
    assert names == {
        "1_Pooling/config.json",
        "config.json",
        "config_sentence_transformers.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    fetched = download(planned, tmp_path)
    for name in names:
        assert (fetched / name).read_bytes() == (folder / name).read_bytes()
    again = plan(REFERENCE, target=tmp_path, endpoint=hub.endpoint)
    assert again.bytes_here == again.bytes


def test_a_fetched_encoder_is_found_by_its_id_and_runs(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    download(plan(REFERENCE, endpoint=hub.endpoint))
    encoder = open_encoder(REPOSITORY, "cpu")
    own = load_encoder(folder, device="cpu")
    assert encoder.model.max_seq_length == tiny_encoder.LONGEST
    ours, theirs = (each.encode(TEXTS, "query") for each in (own, encoder))
    np.testing.assert_array_equal(ours, theirs)


def test_without_modules_only_what_a_language_model_needs_comes(
    hub: Hub, tmp_path: Path
) -> None:
    del hub.files["modules.json"]
    planned = plan(REFERENCE, target=tmp_path, endpoint=hub.endpoint)
    assert {file.name for file in planned.files} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
