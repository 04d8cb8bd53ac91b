"""Tests of the settings: presets parse, overrides win, mistakes say what to do."""

from pathlib import Path

import pytest
import torch
import yaml
from accelerate.commands.config.config_args import load_config_from_file

from xkde.errors import SettingsError
from xkde.paths import SETTINGS
from xkde.training.settings import load_settings, presets, settings_file

PAPER = ("llama-2-7b-chat-xe-it", "qwen2.5-7b-instruct-xe-it")
# On a machine without a GPU those that ask for one need this, and only this.
ON_CPU = ("--use_cpu", "true")


def written(folder: Path, text: str) -> str:
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


# The files that come with the project


def test_there_are_presets() -> None:
    assert {"atlas-base-smoke", "atlas-xe-it-laptop", *PAPER} <= set(presets())


@pytest.mark.parametrize("name", presets())
def test_every_preset_parses_on_a_cpu(name: str) -> None:
    stage, training, _ = load_settings(name, ON_CPU)
    assert stage.name
    assert training.output_dir == f"runs/{settings_file(name).stem}" or (
        training.output_dir == f"runs/{stage.name}"
    )
    assert training.max_length is not None


@pytest.mark.parametrize("name", presets())
def test_every_preset_with_every_key_known(name: str) -> None:
    wanted = yaml.safe_load(settings_file(name).read_text(encoding="utf-8"))
    parts = load_settings(name, ON_CPU)
    for key, value in wanted.items():
        if key not in ("use_cpu", "report_to"):  # overridden; "none" becomes []
            assert getattr(next(p for p in parts if hasattr(p, key)), key) == value


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("name", [*PAPER, "atlas-base-full", "atlas-xe-it-full"])
def test_a_gpus_preset_without_a_gpu_says_what_to_add(name: str) -> None:
    with pytest.raises(SettingsError, match="add: --use_cpu true"):
        load_settings(name)


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_table_7(name: str) -> None:
    stage, training, model = load_settings(name, ON_CPU)
    assert stage.stage == "xe-it"
    assert stage.optimizer == "default"
    assert stage.data == "YukinoKaren/X_KDE_train_data"
    assert training.learning_rate == 5e-6
    assert training.max_length == 2560
    assert training.weight_decay == 0.1
    assert training.warmup_steps == 100
    assert training.lr_scheduler_type == "cosine"
    assert training.optim == "adamw_torch"
    assert model.dtype == "bfloat16"


@pytest.mark.parametrize("name", ["llama-2-7b-chat-tl-po", "qwen2.5-7b-instruct-tl-po"])
def test_the_papers_table_7_of_stage_two(name: str) -> None:
    stage, training, model = load_settings(name, ON_CPU)
    assert (stage.stage, stage.objective) == ("tl-po", "orpo")
    assert stage.learn == "all"  # as the released trainer
    assert training.learning_rate == 1e-6
    assert training.beta == 0.1
    assert training.max_length == 1024
    assert training.weight_decay == 0.05
    assert training.warmup_steps == 100
    assert model.dtype == "bfloat16"


@pytest.mark.parametrize("file", sorted((SETTINGS / "accelerate").glob("*.yaml")))
def test_accelerate_reads_its_files(file: Path) -> None:
    config = load_config_from_file(str(file))
    assert config.mixed_precision == "bf16"
    assert config.distributed_type in ("FSDP", "DEEPSPEED")
    assert config.num_machines == 1


# Overrides


def test_overrides_win_in_all_three_classes() -> None:
    stage, training, model = load_settings(
        "atlas-base-smoke",
        ["--samples", "7", "--learning_rate", "1e-5", "--use_peft", "true"],
    )
    assert (stage.samples, training.learning_rate, model.use_peft) == (7, 1e-5, True)
    assert stage.vocabulary == 6000  # the file's


def test_a_number_without_a_point_is_a_number(tmp_path: Path) -> None:
    """YAML 1.1 reads 1e-5 as text."""
    _, training, _ = load_settings(
        written(tmp_path, "samples: 1\nlearning_rate: 1e-5\nuse_cpu: true\nbf16: false")
    )
    assert training.learning_rate == 1e-5


# Mistakes


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["--learning_rat", "1"], "learning_rat"),
        (["--learning", "1"], "learning"),  # no guessing of what was meant
        (["--learning_rate", "fast"], "fast"),
        (["--learning_rate"], "learning_rate"),
        (["--bf16", "perhaps"], "perhaps"),
        (["--samples", "many"], "many"),
        (["--samples", "0"], "samples"),
        (["--stage", "tl"], "stage is “tl”; expected base or xe-it"),
        (["--optimizer", "lion"], "optimizer is “lion”; expected default or muon"),
        (["--hidden_size", "100"], "multiple of 64"),
        (["--loss_type", "dft"], "loss_type"),
        (["--packing", "true"], "packing"),
        (["--label_smoothing_factor", "0.1"], "label_smoothing_factor"),
        (["--lr_scheduler_type", "sine"], "sine"),
        (["stray"], "stray"),
    ],
)
def test_a_wrong_override_is_named(overrides: list[str], named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings("atlas-base-smoke", overrides)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("learning_rat: 1", "learning_rat"),
        ("learning_rate: fast", "fast"),
        ("bf16: perhaps", "perhaps"),
        ("samples: [1, 2", "not valid YAML"),
        ("- a\n- b", "one setting a line"),
        ("", "one setting a line"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, text), ["--use_cpu", "true"])
    assert named in str(caught.value)
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes("name: Příliš".encode("utf-16"))
    with pytest.raises(SettingsError, match="not valid YAML"):
        load_settings(str(tmp_path / "mine.yaml"))


def test_a_missing_file_names_the_presets() -> None:
    with pytest.raises(SettingsError, match="atlas-base-smoke"):
        load_settings("no-such-thing")
