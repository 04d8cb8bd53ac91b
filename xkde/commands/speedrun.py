"""Run the paper in miniature on Atlas, from nothing: base, XE-IT, TL-PO, tables.

    python -m xkde speedrun --preset smoke     under two minutes: every part moves
    python -m xkde speedrun --preset laptop    some three hours of two CPU cores
    python -m xkde speedrun --preset full      a GPU

What is finished is not done again; what was stopped goes on.
"""

import argparse
import sys

from xkde.commands import atlas
from xkde.commands.output import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--preset", default="smoke", choices=("smoke", "laptop", "full")
    )
    parser.add_argument("--limit", type=int, default=26, help="cases of the table")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Run every stage, then measure."""
    from xkde.speedrun import speedrun

    folders = speedrun(arguments.preset, lambda line: print(line, file=sys.stderr))
    parser = argparse.ArgumentParser()
    atlas.add_arguments(parser)
    limit = ["--limit", str(arguments.limit)]
    models = ["--base", folders["base"], "--edited", folders["edited"]]
    table = parser.parse_args(["table", *models, *limit])
    compared = parser.parse_args(["table", *limit, "--stages", *folders.values()])
    if arguments.json:
        report = {"checkpoints": folders, "stages": atlas.stages(compared)}
        print_json(atlas.measure(table) | report)
    else:
        atlas.print_atlas(table)
        print()
        atlas.print_stages(atlas.stages(compared))
