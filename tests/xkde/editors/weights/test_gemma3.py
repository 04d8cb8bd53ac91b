"""Weight editors on Gemma 3, with and without a LoRA adapter on the same network."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from tests.helpers.rank_one_samples import EDITS
from xkde.editors.editor import Applied, answer, applied, score
from xkde.editors.registry import make
from xkde.editors.weights.modules import down_projections, layers_of
from xkde.editors.weights.rank_one_batch import compute_side_by_side
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.types import Query, Sampling

VALUE = {"learning_rate": 0.2, "openings": 1, "tokens": 400, "steps": 8}
GIVEN = {
    "rome": {**VALUE, "layer": 1},
    "memit": {**VALUE, "layers": (0, 1), "weight": 0.1},
    "alphaedit": {**VALUE, "layers": (0, 1), "threshold": 0.5, "penalty": 1e-3},
    "kn": {"gradients": 4, "openings": 1, "write": 2.0},
    "ft-l": {"learning_rate": 0.02, "layer": 2, "steps": 8},
    "ft-m": {"learning_rate": 0.02, "layer": 2, "steps": 8},
}
EDIT = EDITS[0]
QUERY = Query(EDIT.question, "en")


@pytest.fixture(params=["plain", "with an adapter"])
def engine(
    request: pytest.FixtureRequest,
    gemma3_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> TransformersEngine:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    plain = load(gemma3_folder, device="cpu")
    return plain if request.param == "plain" else adapted(plain)


def adapted(engine: TransformersEngine) -> TransformersEngine:
    """Return the engine with a LoRA adapter on attention and MLP, of random weights."""
    targets = ["q_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=32, lora_alpha=32, target_modules=targets)
    torch.manual_seed(1)
    wrapped = get_peft_model(engine.model, config)
    with torch.no_grad():
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.02)
    return replace(engine, model=wrapped.get_base_model().eval())


def bits(engine: TransformersEngine) -> dict[str, torch.Tensor]:
    """Return copies of all weights, an adapter's included."""
    return {n: t.detach().clone() for n, t in engine.model.state_dict().items()}


def likelihood(edited: Applied) -> float:
    [scored] = score(edited, [QUERY], [EDIT.answer])
    return scored.log_probability


def test_every_layer_has_its_base_projection(engine: TransformersEngine) -> None:
    assert type(engine.model).__name__ == "Gemma3ForCausalLM"
    assert layers_of(engine.model)[0] == "model.layers"
    found = down_projections(engine.model)
    assert [each.layer for each in found] == [0, 1, 2, 3]
    for each in found:
        assert each.matrix.shape == (32, 64)
        assert "down_proj" in each.name
        assert "lora" not in each.name
        assert engine.model.get_parameter(each.weight_name) is each.weight


@pytest.mark.parametrize("name", GIVEN)
def test_an_edit_is_made_and_undone_bit_exactly(
    engine: TransformersEngine, name: str
) -> None:
    before = bits(engine)
    with applied(make("none"), engine, [EDIT]) as base:
        unedited = likelihood(base)
        [first] = answer(base, [QUERY], Sampling(8))
    with applied(make(name, GIVEN[name]), engine, [EDIT]) as edited:
        assert edited.delta
        assert not any("lora" in parameter for parameter in edited.delta)
        if name != "kn":  # it turns one token, and others with it
            assert likelihood(edited) > unedited
        answer(edited, [QUERY], Sampling(8))
    after = bits(engine)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[n], after[n]) for n in before)
    with applied(make("none"), engine, [EDIT]) as base:
        [again] = answer(base, [QUERY], Sampling(8))
    assert again.token_ids == first.token_ids


@pytest.mark.parametrize("name", ["rome", "memit"])
def test_side_by_side_gives_the_same_updates(
    engine: TransformersEngine, name: str
) -> None:
    given = {**GIVEN[name], "steps": 4}
    together = compute_side_by_side(make(name, given), engine, EDITS[:2])
    for updates, edit in zip(together.sets, EDITS, strict=False):
        with applied(make(name, given), engine, [edit]) as alone:
            for place in down_projections(engine.model):
                if place.layer in updates:
                    own = alone.delta[place.weight_name]
                    difference = updates[place.layer].matrix - own
                    assert difference.norm() <= 0.02 * own.norm()
