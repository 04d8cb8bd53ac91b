"""The rival's way and ours make the same change of the weights, so speeds compare."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.rank_one_samples import BARE, EDITS, VALUE, deep_engine
from xkde.editors.weights import released
from xkde.editors.weights.released import cosine, our_change, released_change
from xkde.engines.transformers import TransformersEngine


@pytest.fixture(scope="module")
def engine(atlas_folder: Path) -> TransformersEngine:
    return deep_engine(atlas_folder)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "given", "count"),
    [
        ("rome", {**VALUE, "openings": 0, "layer": 0, "kl": 0.0}, 1),
        ("rome", {**VALUE, "openings": 2, "layer": 1, "key": "original"}, 1),
        ("memit", {**BARE, "weight": 0.1}, 2),
        ("alphaedit", {**BARE, "threshold": 0.5, "penalty": 1e-3}, 2),
    ],
)
def test_both_ways_make_the_same_change(
    engine: TransformersEngine, name: str, given: Mapping[str, Any], count: int
) -> None:
    before = {n: p.detach().clone() for n, p in engine.model.named_parameters()}
    edits = EDITS[:count]
    theirs = released_change(engine, name, given)(edits)
    assert all(
        torch.equal(before[n], p.detach()) for n, p in engine.model.named_parameters()
    )
    ours = our_change(engine, name, given)(edits)
    assert set(ours) == set(theirs)
    assert cosine(ours, theirs) > 0.999
    for weight, change in ours.items():
        assert float(theirs[weight].norm() / change.norm()) == pytest.approx(
            1, rel=0.02
        )


def test_loss_is_the_answers_own() -> None:
    """Two prompts of one and two answer tokens; logits of a vocabulary of two."""
    logits = torch.log(torch.tensor([[[0.5, 0.5], [0.1, 0.9]], [[0.2, 0.8]] * 2]))
    none = released.NO_TARGET
    targets = torch.tensor([[0, none], [0, 1]])
    expected = -(
        torch.log(torch.tensor([0.5, 0.2, 0.8])) @ torch.tensor([0.5, 0.25, 0.25])
    )
    torch.testing.assert_close(released.nll_loss(logits, targets), expected)
