"""Run one training stage from a settings file, resuming where an earlier start stopped.

    python -m xkde train atlas-base-smoke
    python -m xkde train atlas-xe-it-laptop --output_dir runs/mine --learning_rate 1e-3
    accelerate launch --config_file assets/settings/accelerate/zero3.yaml \\
        -m xkde train llama-2-7b-chat-xe-it

Every option after the name overrides the file; all fields of TRL's SFTConfig and
ModelConfig are options. The run's folder holds its settings, log.jsonl, the steps it
can resume from, and the finished checkpoint with its card.
"""

import argparse

from xkde.commands.shared.output import print_json

PASSES_ON = True  # unknown options are overrides of the settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("settings", help="a preset of assets/settings, or a YAML file")
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(arguments: argparse.Namespace) -> None:
    """Train and say where the checkpoint is."""
    from xkde.training.stages import train

    folder = train(arguments.settings, arguments.overrides)
    if arguments.json:
        print_json({"checkpoint": str(folder)})
    else:
        print(f"Checkpoint: {folder}")
