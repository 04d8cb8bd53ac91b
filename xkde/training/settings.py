"""Settings of a training: YAML files that TRL's parser reads into dataclasses.

A file in ``assets/settings`` holds the fields of several classes side by side. For a
stage these are ``StageConfig`` (ours: which stage, which data), TRL's config of its
trainer (``SFTConfig``, or ``ORPOConfig`` and the like) and ``ModelConfig`` (which
model, number format, LoRA). The other trainings read their own classes by
``read_settings``.
"""

import argparse
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from transformers import TrainingArguments
from trl import ModelConfig, SFTConfig, TrlParser

from xkde.data.atlas.corpus import MIXES
from xkde.errors import SettingsError
from xkde.paths import SETTINGS
from xkde.training.preference.trainers import OBJECTIVES, PreferenceConfig

TrainingConfig = SFTConfig | PreferenceConfig
Value = TypeVar("Value")

STAGES = ("base", "xe-it", "tl-po")
LEARN = ("answers", "all")
OPTIMIZERS = ("default", "muon")
HEAD = 64  # width of one attention head of a model trained from scratch
# The Trainer's settings that define a run; others say where and how it is written
RUN_SETTINGS = (
    "learning_rate weight_decay optim lr_scheduler_type lr_scheduler_kwargs "
    "warmup_steps max_grad_norm num_train_epochs max_steps seed bf16 "
    "per_device_train_batch_size gradient_accumulation_steps train_sampling_strategy"
).split()


def option(default: Value, help_: str) -> Value:
    """Return a field of a settings dataclass, which is an option of its command."""
    return field(default=default, metadata={"help": help_})


@dataclass
class StageConfig:
    """What a stage is trained on, beside TRL's own settings."""

    stage: str = field(
        default="xe-it",
        metadata={
            "help": "base (from scratch), xe-it (stage one) or tl-po (stage two)."
        },
    )
    data: str = field(
        default="atlas",
        metadata={
            "help": "atlas, a file or folder of conversations (JSON, JSONL, Parquet), "
            "or the id of a dataset on the Hub; for tl-po a file of pairs."
        },
    )
    objective: str = field(
        default="orpo",
        metadata={"help": "What tl-po minimises: orpo, dpo, cpo, simpo or kto."},
    )
    samples: int = field(
        default=0, metadata={"help": "How many samples of Atlas to draw."}
    )
    mix: str = field(
        default="",
        metadata={
            "help": "What Atlas's samples are made of: reading (to copy what was never "
            "seen), base, xe-it or xe-it-end (its last round); by itself the stage's "
            "own."
        },
    )
    forgotten: int = field(
        default=0,
        metadata={
            "help": "Ask the checkpoint every fact of Atlas first, and draw those that "
            "it answers wrongly this many times more often."
        },
    )
    learn: str = field(
        default="answers",
        metadata={
            "help": "answers, or all: a loss on prompts too, as the released ORPO "
            "script has it."
        },
    )
    cross_lingual: bool = field(
        default=True,
        metadata={"help": "False leaves out queries in another language (LTE)."},
    )
    vocabulary: int = field(
        default=10240, metadata={"help": "Entries of a tokenizer trained from scratch."}
    )
    hidden_size: int = field(
        default=256, metadata={"help": "Width of a model trained from scratch."}
    )
    layers: int = field(
        default=6, metadata={"help": "Layers of a model trained from scratch."}
    )
    optimizer: str = field(
        default="default",
        metadata={"help": "default (TRL's optim), or muon (AdamW for the rest)."},
    )
    adapter: bool = field(
        default=False,
        metadata={
            "help": "Keep LoRA's weights as an adapter beside their base, instead of "
            "merging them into a whole checkpoint."
        },
    )
    name: str = field(
        default="", metadata={"help": "Name of the checkpoint that the run makes."}
    )


def load_settings(
    name_or_path: str, overrides: Sequence[str] = ()
) -> tuple[StageConfig, TrainingConfig, ModelConfig]:
    """Read a stage's settings; ``overrides`` are options, ``--learning_rate 1e-5``.

    The second part is an SFTConfig, or for tl-po the config of its objective.
    Raises SettingsError for an unknown option or a value that does not fit.
    """
    path = settings_file(name_or_path)
    known = written_settings(path)
    stage, training, model = read_settings(
        path, (StageConfig, _training_config(known, overrides), ModelConfig), overrides
    )
    _check(stage, training, model)
    return stage, training, model


def _training_config(
    known: Mapping[str, object], overrides: Sequence[str]
) -> type[TrainingConfig]:
    """Return TRL's config class for the chosen stage and objective."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--stage", default=known.get("stage"))
    parser.add_argument("--objective", default=known.get("objective", "orpo"))
    chosen = parser.parse_known_args(list(overrides))[0]
    objective = str(chosen.objective)
    if chosen.stage != "tl-po" or objective not in OBJECTIVES:
        return SFTConfig
    return OBJECTIVES[objective][0]


def _check(stage: StageConfig, training: TrainingConfig, model: ModelConfig) -> None:
    """Raise SettingsError for values that TRL accepts but a stage does not support."""
    wanted: list[tuple[str, object, Collection[object]]] = [
        ("stage", stage.stage, STAGES),
        ("objective", stage.objective, OBJECTIVES),
        ("optimizer", stage.optimizer, OPTIMIZERS),
        ("learn", stage.learn, LEARN),
        ("label_smoothing_factor", training.label_smoothing_factor, (0.0,)),
    ]
    if isinstance(training, SFTConfig):
        wanted += [
            ("mix", stage.mix or "base", MIXES),
            ("loss_type", training.loss_type, ("nll",)),
            ("packing", training.packing, (False,)),
        ]
    for key, chosen, choices in wanted:
        if chosen not in choices:
            allowed = " or ".join(str(choice) for choice in choices)
            raise SettingsError(f"{key} is “{chosen}”; expected {allowed}.")
    if stage.adapter and not model.use_peft:
        raise SettingsError("adapter keeps LoRA's weights: set use_peft to true.")
    if stage.stage == "tl-po":
        _check_preferences(stage, training)
    elif stage.data == "atlas" and stage.samples < 1:
        raise SettingsError(
            "samples says how many conversations of Atlas to draw; set it to 1 or more."
        )
    if stage.stage == "base" and (stage.hidden_size < 1 or stage.hidden_size % HEAD):
        raise SettingsError(
            f"hidden_size is {stage.hidden_size}; expected a multiple of {HEAD}."
        )


def _check_preferences(stage: StageConfig, training: TrainingConfig) -> None:
    if stage.data == "atlas":
        raise SettingsError(
            "tl-po learns from pairs: set data to the file that “python -m xkde pair” "
            "wrote."
        )
    loss = (getattr(training, "loss_type", ""), getattr(training, "cpo_alpha", 0.0))
    if stage.objective == "simpo" and loss != ("simpo", 0.0):
        # With another cpo_alpha TRL adds CPO's loss of the chosen answer.
        raise SettingsError("For simpo, set loss_type to simpo and cpo_alpha to 0.")
    if stage.objective == "kto" and training.train_sampling_strategy != "sequential":
        raise SettingsError("For kto, set train_sampling_strategy to sequential.")


# Files

# What TRL's parser and the settings' own classes raise for a value that does not fit.
UNFIT = (
    ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError,
    argparse.ArgumentError,
)  # fmt: skip


def presets(folder: Path = SETTINGS, pattern: str = "*.yaml") -> list[str]:
    """Return the names of the settings files in a folder."""
    return sorted(path.stem for path in folder.glob(pattern))


def settings_file(
    name_or_path: str, folder: Path = SETTINGS, pattern: str = "*.yaml"
) -> Path:
    """Return the file of a preset or a path; raises SettingsError without one."""
    for path in (folder / f"{name_or_path}.yaml", Path(name_or_path)):
        if path.is_file():
            return path
    raise SettingsError(
        f"There are no settings “{name_or_path}”. Name a YAML file or one of: "
        f"{', '.join(presets(folder, pattern))}."
    )


def written_settings(path: Path) -> dict[str, object]:
    """Return the content of a file, unchecked."""
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"{path} is not valid YAML: {_one_line(error)}. Write one setting a line, "
            "“name: value”."
        ) from error
    if not isinstance(known, dict):
        raise SettingsError(f"{path} must hold one setting a line, “name: value”.")
    return known


def read_settings(
    path: Path, kinds: Sequence[type[object]], overrides: Sequence[str] = ()
) -> tuple[Any, ...]:
    """Read a file into one object of each class; ``overrides`` take precedence.

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
    except UNFIT as error:
        raise _does_not_fit(path, error) from error


def run_settings(settings: Any, training: TrainingArguments) -> dict[str, object]:
    """Return the settings that define a run, as its folder and its card keep them."""
    chosen = asdict(settings) | {name: getattr(training, name) for name in RUN_SETTINGS}
    chosen |= data_digest(getattr(settings, "data", "atlas"))
    return {name: getattr(value, "value", value) for name, value in chosen.items()}


def data_digest(data: str) -> dict[str, str]:
    """Return the SHA-256 of a file or folder of training data, as a run's setting.

    Nothing where the rows are not here: for Atlas and datasets of the Hub.
    """
    path = Path(data)
    if data == "atlas" or not path.exists():
        return {}
    if path.is_file():
        return {"data_sha256": file_digest(path)}
    files = [p for p in sorted(path.rglob("*")) if p.is_file()]
    known = [f"{p.relative_to(path).as_posix()} {file_digest(p)}" for p in files]
    return {"data_sha256": hashlib.sha256("\n".join(known).encode()).hexdigest()}


def file_digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
