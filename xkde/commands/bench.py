"""Measure speed here, and print what was measured and on what.

python -m xkde bench app
python -m xkde bench app --json
python -m xkde bench preferences
python -m xkde bench align
python -m xkde bench sampling
python -m xkde bench evaluation
python -m xkde bench languages
python -m xkde bench editors
python -m xkde bench retrieval
python -m xkde bench rivals
python -m xkde bench analysis
python -m xkde bench serving
python -m xkde bench training
"""

import argparse
from importlib import import_module

from xkde.commands.output import print_json, print_table

BENCHES = (
    "align",
    "analysis",
    "app",
    "editors",
    "evaluation",
    "languages",
    "preferences",
    "retrieval",
    "rivals",
    "sampling",
    "serving",
    "training",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", choices=BENCHES)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    found = import_module(f"xkde.bench.{arguments.what}").measure()
    if arguments.json:
        print_json(found)
    else:
        print_table(["what", "value"], [[k, str(v)] for k, v in found.items()])


def add_screenshots_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: none."""


def run_screenshots(arguments: argparse.Namespace) -> None:
    """Take the README's pictures of the app: light, dark, phone, English and Chinese.

        python -m xkde screenshots

    Starts the app on a free port, uses it in a real browser, writes PNG files into
    ``assets/screenshots``.
    """
    from xkde.bench.screenshots import take

    for path in take():
        print(path)
