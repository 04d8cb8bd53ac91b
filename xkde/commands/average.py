"""Average two checkpoints, one of which was trained on from the other.

    python -m xkde average runs/a/atlas-xe-it runs/b/atlas-xe-it --share 0.4 \\
        --out runs/average/atlas-xe-it

The share is the second's. Choose it on the dev split, never on the test split.
"""

import argparse
from pathlib import Path

from xkde.commands.output import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("first", help="a checkpoint's folder")
    parser.add_argument("second", help="what was trained on from it")
    parser.add_argument("--share", type=float, required=True, help="of the second")
    parser.add_argument("--out", required=True, help="a folder that is not there yet")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Average and say where the checkpoint is."""
    from xkde.training.averaging import average

    given = arguments
    folder = average(
        Path(given.first), Path(given.second), given.share, Path(given.out)
    )
    if given.json:
        print_json({"checkpoint": str(folder)})
    else:
        print(f"Checkpoint: {folder}")
