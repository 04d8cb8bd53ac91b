"""Train Atlas's small translation model, which scores answers in ``align``.

    python -m xkde train-aligner atlas-aligner-smoke
    python -m xkde train-aligner atlas-aligner-laptop --output_dir runs/mine

Every option after the name overrides the file; all fields of transformers'
Seq2SeqTrainingArguments are options. Stopped and started again, it goes on.
"""

import argparse

from xkde.commands.shared.output import print_json

PASSES_ON = True  # unknown options are overrides of the settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "settings", help="a preset of assets/settings/aligner, or a YAML file"
    )
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(arguments: argparse.Namespace) -> None:
    """Train and say where the checkpoint is."""
    from xkde.training.atlas_models.aligner import train_aligner

    folder = train_aligner(arguments.settings, arguments.overrides)
    if arguments.json:
        print_json({"checkpoint": str(folder)})
    else:
        print(f"Checkpoint: {folder}")
