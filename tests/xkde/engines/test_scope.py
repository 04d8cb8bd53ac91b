"""SERAC's scope classifier: directions, probabilities, its folder."""

from pathlib import Path

import pytest
import torch

from tests.helpers import tiny_parts
from xkde.engines.hypernetwork import Scope, first_layers, load_scope, save_scope
from xkde.errors import CheckpointError, SettingsError

TEXTS = ["Which city is the capital of Japan?", "日本的首都？", "Osaka"]


@pytest.fixture(scope="module")
def scope(qwen2_folder: Path) -> Scope:
    return tiny_parts.scope(qwen2_folder)


def test_texts_become_directions(scope: Scope) -> None:
    read = scope.embed(TEXTS)
    assert read.shape == (3, 16)
    assert torch.allclose(read.norm(dim=-1), torch.ones(3), atol=1e-5)
    assert scope.encoder.body.config.num_hidden_layers == 1


def test_a_text_is_read_alike_alone_and_beside_longer_ones(scope: Scope) -> None:
    alone = torch.cat([scope.embed([text]) for text in TEXTS])
    assert torch.allclose(scope.embed(TEXTS), alone, atol=1e-5)


def test_probabilities_by_hand(scope: Scope) -> None:
    edits = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    queries = torch.tensor([[1.0, 0.0]])
    # A scale of 10 and a bias of -5: the logistic of 5 and of -5
    found = scope.probabilities(edits, queries)
    assert found[:, 0].tolist() == pytest.approx([0.993307, 0.006693], abs=1e-5)


def test_it_is_written_and_read(scope: Scope, tmp_path: Path) -> None:
    with torch.no_grad():
        scope.encoder.bias.fill_(-4.0)
    with torch.no_grad():  # the body is written in bfloat16
        for weight in scope.encoder.body.parameters():
            weight.copy_(weight.to(torch.bfloat16))
    save_scope(scope, tmp_path)
    again = load_scope(tmp_path, torch.device("cpu"))
    with torch.no_grad():
        scope.encoder.bias.fill_(-5.0)
    assert again.encoder.bias.item() == -4.0
    assert torch.equal(again.embed(TEXTS), scope.embed(TEXTS))


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No scope classifier"):
        load_scope(tmp_path, torch.device("cpu"))


def test_more_layers_than_there_are_are_refused(qwen2_folder: Path) -> None:
    assert first_layers(str(qwen2_folder), 0).num_hidden_layers == 2
    with pytest.raises(SettingsError, match="has 2 layers; 3 of them"):
        first_layers(str(qwen2_folder), 3)
