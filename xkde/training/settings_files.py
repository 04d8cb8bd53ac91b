"""Settings files: YAML that TRL's parser reads into dataclasses, options over it.

One way in for all that is trained here: stages, aligner, encoder, parts of editors.
Knows none of their settings.

Run its tests: ``python -m pytest tests/xkde/training/test_settings.py``
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from trl import TrlParser

from xkde.errors import SettingsError
from xkde.paths import SETTINGS

# What makes a run what it is, of the settings that every Trainer has
OF_TRAINING = (
    "learning_rate weight_decay optim lr_scheduler_type lr_scheduler_kwargs "
    "warmup_steps max_grad_norm num_train_epochs max_steps seed bf16 "
    "per_device_train_batch_size gradient_accumulation_steps train_sampling_strategy"
).split()


def presets(folder: Path = SETTINGS, pattern: str = "*.yaml") -> list[str]:
    """Return the names of the settings files that come with the project."""
    return sorted(path.stem for path in folder.glob(pattern))


def settings_file(
    name_or_path: str, folder: Path = SETTINGS, pattern: str = "*.yaml"
) -> Path:
    """Return a preset's file, or the file itself."""
    for path in (folder / f"{name_or_path}.yaml", Path(name_or_path)):
        if path.is_file():
            return path
    raise SettingsError(
        f"There are no settings “{name_or_path}”. Name a YAML file or one of: "
        f"{', '.join(presets(folder, pattern))}."
    )


def written_settings(path: Path) -> dict[str, Any]:
    """Return what a file says, as it stands."""
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} is not valid YAML: {_one_line(error)}. Write one setting a line, "
            "“name: value”."
        ) from error
    if not isinstance(known, dict):
        raise SettingsError(f"{path} must hold one setting a line, “name: value”.")
    return known


def read_settings(
    path: Path, kinds: Sequence[type[Any]], overrides: Sequence[str] = ()
) -> tuple[Any, ...]:
    """Read a file into one object of each kind; options stand over it.

    Raises SettingsError for an unknown option or a value that does not fit.
    """
    written_settings(path)
    parser = TrlParser(
        kinds,  # type: ignore[arg-type]
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    try:
        return tuple(parser.parse_args_and_config(["--config", str(path), *overrides]))
    except (ValueError, TypeError, argparse.ArgumentError) as error:
        raise _does_not_fit(path, error) from error


def asked(settings: Any, training: Any) -> dict[str, Any]:
    """Return what makes a run what it is, as a card and a run's folder keep it."""
    chosen = asdict(settings) | {name: getattr(training, name) for name in OF_TRAINING}
    return {name: getattr(value, "value", value) for name, value in chosen.items()}


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
