"""Train Atlas's small encoder, which finds the edits that concern a query.

    python -m xkde train-encoder atlas-encoder-smoke
    python -m xkde train-encoder atlas-encoder-laptop --output_dir runs/mine

Every option after the name overrides the file; all fields of transformers'
TrainingArguments are options. Stopped and started again, it goes on.
"""

import argparse

from xkde.commands.shared.output import print_json

PASSES_ON = True  # unknown options are overrides of the settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "settings", help="a preset of assets/settings/encoder, or a YAML file"
    )
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(arguments: argparse.Namespace) -> None:
    """Train and say where the checkpoint is."""
    from xkde.training.atlas_models.encoder import train_encoder

    folder = train_encoder(arguments.settings, arguments.overrides)
    if arguments.json:
        print_json({"checkpoint": str(folder)})
    else:
        print(f"Checkpoint: {folder}")
