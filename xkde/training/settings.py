"""Settings of a training stage: TRL's own config classes, from YAML plus overrides.

One file holds the fields of three classes side by side, as TRL's scripts read them:
``StageConfig`` (ours: which stage, which data), TRL's config of what is trained
(``SFTConfig``, or ``ORPOConfig`` and its like for the second stage) and
``ModelConfig`` (which model, which dtype, LoRA). Files lie in ``assets/settings``.
Knows no model and no data.

Run its tests: ``python -m pytest tests/xkde/training/test_settings.py``
"""

import argparse
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from trl import ModelConfig, SFTConfig

from xkde.data.atlas.corpus import MIXES
from xkde.errors import SettingsError
from xkde.training.preference.trainers import OBJECTIVES
from xkde.training.settings_files import (
    read_settings,
    settings_file,
    written_settings,
)

STAGES = ("base", "xe-it", "tl-po")
LEARN = ("answers", "all")
OPTIMIZERS = ("default", "muon")
HEAD = 64  # width of one attention head of a model made from nothing


@dataclass
class StageConfig:
    """What a stage is trained on, beside TRL's own settings."""

    stage: str = field(
        default="xe-it",
        metadata={
            "help": "base (from nothing), xe-it (stage one) or tl-po (stage two)."
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
            "help": "Ask the checkpoint every fact of Atlas first, and deal those that "
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


def load_settings(
    name_or_path: str, overrides: Sequence[str] = ()
) -> tuple[StageConfig, Any, ModelConfig]:
    """Read a settings file; ``overrides`` are options, ``--learning_rate 1e-5``.

    The second part is an SFTConfig, or for tl-po the config of its objective.
    Raises SettingsError for an unknown option or a value that does not fit.
    """
    path = settings_file(name_or_path)
    known = written_settings(path)
    stage, training, model = read_settings(
        path, (StageConfig, _training_config(known, overrides), ModelConfig), overrides
    )
    _check(stage, training)
    return stage, training, model


def _training_config(known: dict[str, Any], overrides: Sequence[str]) -> type[Any]:
    """Return TRL's config class for the stage and objective that are asked for."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--stage", default=known.get("stage"))
    finder.add_argument("--objective", default=known.get("objective", "orpo"))
    found = finder.parse_known_args(list(overrides))[0]
    if found.stage != "tl-po" or found.objective not in OBJECTIVES:
        return SFTConfig
    return OBJECTIVES[found.objective][0]


def _check(stage: StageConfig, training: Any) -> None:
    """Refuse what TRL's classes let pass but a stage cannot do."""
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


def _check_preferences(stage: StageConfig, training: Any) -> None:
    if stage.data == "atlas":
        raise SettingsError(
            "tl-po learns from pairs: set data to the file that “python -m xkde pair” "
            "wrote."
        )
    if stage.objective == "simpo" and training.loss_type != "simpo":
        raise SettingsError("For simpo, set loss_type to simpo and cpo_alpha to 0.")
    if stage.objective == "kto" and training.train_sampling_strategy != "sequential":
        raise SettingsError("For kto, set train_sampling_strategy to sequential.")
