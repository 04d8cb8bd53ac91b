"""Train what an editor needs beside the model: SERAC's two parts, MEND's network.

    python -m xkde train-editor serac --settings atlas-serac-smoke
    python -m xkde train-editor mend --settings atlas-mend-laptop --output_dir runs/mine

Every option after that overrides the file; all fields of transformers'
TrainingArguments are options. Stopped and started again, it goes on. What it writes is
the editor's setting “folder”.
"""

import argparse

from xkde.commands.shared.output import print_json

PASSES_ON = True  # unknown options are overrides of the settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("editor", choices=("serac", "mend"))
    parser.add_argument(
        "--settings",
        required=True,
        help="a preset of assets/settings/editors/training, or a YAML file",
    )
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(arguments: argparse.Namespace) -> None:
    """Train and say where the result is."""
    if arguments.editor == "serac":
        from xkde.training.editors.serac import train_serac as train
    else:
        from xkde.training.editors.mend import train_mend as train

    folder = train(arguments.settings, arguments.overrides)
    if arguments.json:
        print_json({"editor": arguments.editor, "folder": str(folder)})
    else:
        print(f"Trained part of {arguments.editor}: {folder}")
