"""List the languages: the twelve of Atlas and MzsRE, and the rest of BMIKE-53's 53.

python -m xkde languages
python -m xkde languages --json
"""

import argparse
from dataclasses import asdict

from xkde.commands.output import print_json, print_table
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--atlas", action="store_true", help="only Atlas's twelve")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print the table."""
    chosen = [
        known
        for code, known in LANGUAGES.items()
        if code in ATLAS_LANGUAGES or not arguments.atlas
    ]
    if arguments.json:
        print_json([asdict(known) for known in chosen])
        return
    print_table(
        ["code", "name", "own name", "MzsRE", "NLLB", "script", "direction", "spaced"],
        [
            [
                k.code,
                k.name,
                k.own_name,
                k.mzsre_code or "–",
                k.nllb_code or "–",
                k.script,
                k.direction,
                "yes" if k.spaced else "no",
            ]
            for k in chosen
        ],
    )
