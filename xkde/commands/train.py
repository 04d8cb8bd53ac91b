"""Train from a settings file; a run that was stopped continues from its last step.

    python -m xkde train atlas-base-smoke
    python -m xkde train atlas-xe-it-laptop --output_dir runs/mine --learning_rate 1e-3
    accelerate launch --config_file assets/settings/accelerate/zero3.yaml \\
        -m xkde train llama-2-7b-chat-xe-it
    python -m xkde train-aligner atlas-aligner-laptop
    python -m xkde train-encoder atlas-encoder-laptop
    python -m xkde train-editor serac --settings atlas-serac-laptop

``train`` runs a stage of the paper (XE-IT or TL-PO), ``train-aligner`` trains the
translation model that ``align`` scores with, ``train-encoder`` the encoder that
retrieves edits, ``train-editor`` what SERAC and MEND need beside the model.

Every option after the name overrides the file. The fields of the trainer's settings
are options: TRL's SFTConfig and ModelConfig for ``train``, transformers'
TrainingArguments for the others. The run's folder holds its settings, log.jsonl, the
steps to resume from, and the result with its card.
"""

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from xkde.commands.output import print_json

PASSES_ON = True  # unknown options are overrides of the settings

# command, or editor of train-editor -> where it is trained
TRAINERS = {
    "train": "xkde.training.stages:train",
    "train-aligner": "xkde.training.atlas_models.aligner:train_aligner",
    "train-encoder": "xkde.training.atlas_models.encoder:train_encoder",
    "serac": "xkde.training.editors.serac:train_serac",
    "mend": "xkde.training.editors.mend:train_mend",
}
PRESETS = {
    "train": "assets/settings",
    "train-aligner": "assets/settings/aligner",
    "train-encoder": "assets/settings/encoder",
    "train-editor": "assets/settings/editors/training",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of whichever of the four commands the parser is for."""
    command = parser.get_default("command")
    presets = f"a preset of {PRESETS[command]}, or a YAML file"
    if command == "train-editor":
        parser.add_argument("editor", choices=("serac", "mend"))
        parser.add_argument("--settings", required=True, help=presets)
    else:
        parser.add_argument("settings", help=presets)
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(arguments: argparse.Namespace) -> None:
    """Train and print where the result is."""
    editor = getattr(arguments, "editor", None)
    module, _, function = TRAINERS[editor or arguments.command].partition(":")
    train: Callable[[str, Sequence[str]], Path]
    train = getattr(import_module(module), function)
    folder = str(train(arguments.settings, arguments.overrides))
    if editor is not None:
        report, line = {"editor": editor, "folder": folder}, f"Trained part of {editor}"
    else:
        report, line = {"checkpoint": folder}, "Checkpoint"
    if arguments.json:
        print_json(report)
    else:
        print(f"{line}: {folder}")
