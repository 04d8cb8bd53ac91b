"""What all tests share: an offline environment and three tiny checkpoints.

Tests take the folder fixtures ``qwen2_folder``, ``llama2_folder``, ``atlas_folder``
(see ``tests/helpers/tiny_checkpoints.py``), or ``checkpoint_folder`` for all three in
turn; they may read them, never write to them.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.app_server import running, two_models
from xkde.bench.app import Served

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("XKDE_PAIR", "atlas-base,atlas-xe-it")
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_collection_finish() -> None:
    """Hold torch to two threads at most, where a test has asked for it at all."""
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        torch.set_num_threads(min(2, torch.get_num_threads()))


def _tiny_checkpoint(name: str, factory: pytest.TempPathFactory) -> Path:
    # Here, so that only tests which want a model load torch.
    from tests.helpers.tiny_checkpoints import BUILDERS

    return BUILDERS[name](factory.mktemp("checkpoints") / name)


@pytest.fixture(scope="session")
def qwen2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ChatML checkpoint without a BOS."""
    return _tiny_checkpoint("qwen2", tmp_path_factory)


@pytest.fixture(scope="session")
def llama2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama-2 checkpoint, whose tokenizer adds the BOS."""
    return _tiny_checkpoint("llama2", tmp_path_factory)


@pytest.fixture(scope="session")
def atlas_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Atlas checkpoint, whose template holds the BOS."""
    return _tiny_checkpoint("atlas", tmp_path_factory)


@pytest.fixture(scope="session")
def gemma3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Gemma 3 checkpoint, which is asked by questions and answers."""
    return _tiny_checkpoint("gemma3", tmp_path_factory)


@pytest.fixture(params=["qwen2", "llama2", "atlas"])
def checkpoint_folder(request: pytest.FixtureRequest) -> Path:
    """Each of the three tiny checkpoints in turn."""
    folder: Path = request.getfixturevalue(f"{request.param}_folder")
    return folder


@pytest.fixture
def atlas_checkpoints(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder of embedded checkpoints: both models of the app, tiny and random."""
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path))
    return two_models(atlas_folder, tmp_path)


@pytest.fixture(scope="session")
def served(
    atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The running app with tiny random models, one process for all tests."""
    with running(two_models(atlas_folder, tmp_path_factory.mktemp("app"))) as served:
        yield served
