"""Settings of a training stage: TRL's own config classes, from YAML plus overrides.

One file holds the fields of three classes side by side, as TRL's scripts read them:
``StageConfig`` (ours: which stage, which data), ``SFTConfig`` (everything about
training) and ``ModelConfig`` (which model, which dtype, LoRA). Files lie in
``assets/settings``. Knows no model and no data.

Run its tests: ``python -m pytest tests/test_settings.py``
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from trl import ModelConfig, SFTConfig, TrlParser

from xkde.errors import SettingsError
from xkde.paths import SETTINGS

STAGES = ("base", "xe-it")
LEARN = ("answers", "all")
OPTIMIZERS = ("default", "muon")
HEAD = 64  # width of one attention head of a model made from nothing


@dataclass
class StageConfig:
    """What a stage is trained on, beside TRL's own settings."""

    stage: str = field(
        default="xe-it", metadata={"help": "base (from nothing) or xe-it (stage one)."}
    )
    data: str = field(
        default="atlas",
        metadata={
            "help": "atlas, a file or folder of conversations (JSON, JSONL, Parquet), "
            "or the id of a dataset on the Hub."
        },
    )
    samples: int = field(
        default=0, metadata={"help": "How many samples of Atlas to draw."}
    )
    learn: str = field(
        default="answers",
        metadata={
            "help": "answers, or all: a loss on questions too. A base needs it to "
            "learn to copy from its prompt."
        },
    )
    cross_lingual: bool = field(
        default=True,
        metadata={"help": "False leaves out queries in another language (LTE)."},
    )
    vocabulary: int = field(
        default=10240, metadata={"help": "Entries of a tokenizer made from nothing."}
    )
    hidden_size: int = field(
        default=256, metadata={"help": "Width of a model made from nothing."}
    )
    layers: int = field(
        default=6, metadata={"help": "Layers of a model made from nothing."}
    )
    optimizer: str = field(
        default="default",
        metadata={"help": "default (TRL's optim), or muon (AdamW for the rest)."},
    )
    name: str = field(
        default="", metadata={"help": "Name of the checkpoint that the run makes."}
    )


def presets() -> list[str]:
    """Return the names of the settings files that come with the project."""
    return sorted(path.stem for path in SETTINGS.glob("*.yaml"))


def settings_file(name_or_path: str) -> Path:
    """Return a preset's file, or the file itself."""
    preset = SETTINGS / f"{name_or_path}.yaml"
    for path in (preset, Path(name_or_path)):
        if path.is_file():
            return path
    raise SettingsError(
        f"There are no settings “{name_or_path}”. Name a YAML file or one of: "
        f"{', '.join(presets())}."
    )


def load_settings(
    name_or_path: str, overrides: Sequence[str] = ()
) -> tuple[StageConfig, SFTConfig, ModelConfig]:
    """Read a settings file; ``overrides`` are options, ``--learning_rate 1e-5``.

    Raises SettingsError for an unknown option or a value that does not fit.
    """
    path = settings_file(name_or_path)
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} is not valid YAML: {_one_line(error)}. Write one setting a line, "
            "“name: value”."
        ) from error
    if not isinstance(known, dict):
        raise SettingsError(f"{path} must hold one setting a line, “name: value”.")
    parser = TrlParser(
        (StageConfig, SFTConfig, ModelConfig),
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    try:
        stage, training, model = parser.parse_args_and_config(
            ["--config", str(path), *overrides]
        )
    except (ValueError, TypeError, argparse.ArgumentError) as error:
        raise _does_not_fit(path, error) from error
    _check(stage, training)
    return stage, training, model


def _does_not_fit(path: Path, error: Exception) -> SettingsError:
    reason = _one_line(error)
    if "use_cpu" in reason:  # transformers, about bf16 where no GPU has it
        return SettingsError(
            f"{path.name} asks for bfloat16 on a GPU, and there is none here that has "
            "it. To train on the CPU, slowly, add: --use_cpu true"
        )
    return SettingsError(
        f"{path.name} or an override does not fit: {reason}. Correct it there; an "
        "override is written as “--learning_rate 1e-5”."
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _check(stage: StageConfig, training: SFTConfig) -> None:
    """Refuse what TRL's classes let pass but a stage cannot do."""
    for key, chosen, choices in (
        ("stage", stage.stage, STAGES),
        ("optimizer", stage.optimizer, OPTIMIZERS),
        ("learn", stage.learn, LEARN),
        ("loss_type", training.loss_type, ("nll",)),
        ("label_smoothing_factor", training.label_smoothing_factor, (0.0,)),
        ("packing", training.packing, (False,)),
    ):
        if chosen not in choices:
            allowed = " or ".join(str(choice) for choice in choices)
            raise SettingsError(f"{key} is “{chosen}”; expected {allowed}.")
    if stage.data == "atlas" and stage.samples < 1:
        raise SettingsError(
            "samples says how many conversations of Atlas to draw; set it to 1 or more."
        )
    if stage.stage == "base" and (stage.hidden_size < 1 or stage.hidden_size % HEAD):
        raise SettingsError(
            f"hidden_size is {stage.hidden_size}; expected a multiple of {HEAD}."
        )
