"""Settings: defaults, the preset of a model's shape, what was given."""

from dataclasses import dataclass

import pytest
import yaml
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from xkde.editors.registry import (
    EDITORS,
    FOLDER,
    preset_of,
    read_settings,
    settings_for,
)
from xkde.errors import InputError, SettingsError
from xkde.paths import EMBEDDED_CHECKPOINTS


@dataclass(frozen=True)
class Settings:
    layer: int | float = 0.5
    layers: tuple[int, ...] = (1, 2)
    steps: int = 25


@pytest.fixture
def model() -> PreTrainedModel:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=20,
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
        )
    )


def test_given_over_defaults(model: PreTrainedModel) -> None:
    assert settings_for(Settings, "rome", model, {}) == Settings()
    read = settings_for(Settings, "rome", model, {"layers": [3], "layer": 4})
    assert read == Settings(4, (3,))


def test_what_does_not_fit_is_said(model: PreTrainedModel) -> None:
    with pytest.raises(SettingsError, match="no setting “lair”"):
        settings_for(Settings, "rome", model, {"lair": 1})
    with pytest.raises(SettingsError, match="a number"):
        settings_for(Settings, "rome", model, {"layer": "deep"})
    with pytest.raises(SettingsError, match=r"a whole number, not “2\.5”"):
        settings_for(Settings, "rome", model, {"steps": 2.5})
    with pytest.raises(SettingsError, match="a list"):
        settings_for(Settings, "rome", model, {"layers": 4})


def test_presets_are_for_editors_that_exist(model: PreTrainedModel) -> None:
    assert preset_of(model) == {}
    for path in FOLDER.glob("*.yaml"):
        preset = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert set(preset) - {"shape"} <= set(EDITORS)


def test_atlas_is_known_by_its_shape(model: PreTrainedModel) -> None:
    config = LlamaConfig.from_pretrained(EMBEDDED_CHECKPOINTS / "atlas-base")
    model.config = config
    assert preset_of(model)["shape"]["hidden_size"] == 256


def test_options_are_read_as_yaml_reads_them() -> None:
    words = ["layer=4", "learning-rate=5e-4", "layers=[1, 2]", "key=original", "a=true"]
    assert read_settings(words) == {
        "layer": 4,
        "learning_rate": 5e-4,
        "layers": [1, 2],
        "key": "original",
        "a": True,
    }
    for wrong in ("layer", "layer=["):
        with pytest.raises(InputError):
            read_settings([wrong])
