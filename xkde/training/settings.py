"""Settings of a training stage: TRL's own config classes, from a YAML file plus overrides.

One file holds the fields of three classes side by side, as TRL's scripts read them:
``StageConfig`` (ours: which stage, which data), ``SFTConfig`` (everything about training)
and ``ModelConfig`` (which model, which dtype, LoRA). Files lie in ``assets/settings``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from trl import ModelConfig, SFTConfig, TrlParser

from xkde.errors import SettingsError
from xkde.paths import SETTINGS


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
    cross_lingual: bool = field(
        default=True,
        metadata={"help": "False leaves out edits asked about in another language (LTE)."},
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
        metadata={"help": "default (TRL's optim), or muon for matrices, AdamW for rest."},
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
    """Read a settings file; ``overrides`` are further options, ``--learning_rate 1e-5``.

    Raises SettingsError for an unknown option or a value that does not fit.
    """
    path = settings_file(name_or_path)
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML: {error}.") from error
    if not isinstance(known, dict):
        raise SettingsError(f"{path} must hold one setting a line, “name: value”.")
    parser = TrlParser((StageConfig, SFTConfig, ModelConfig), add_help=False)
    try:
        stage, training, model = parser.parse_args_and_config(
            ["--config", str(path), *overrides]
        )
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path.name} or an override does not fit: {error}") from error
    except SystemExit as error:  # argparse has printed what it did not understand
        raise SettingsError(
            "An override was not understood; see the line above. Write it as "
            "“--learning_rate 1e-5”."
        ) from error
    return stage, training, model
