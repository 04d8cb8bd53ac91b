"""Compare the stages on Atlas: the paper's Tables 4 and 6 in miniature.

    python -m xkde stages
    python -m xkde stages atlas-xe-it runs/dpo/atlas-tl-po --json
    python -m xkde atlas table --stages

Every checkpoint answers the same questions, with the edit in its prompt; all of them
are compared with the first stage, question by question.
"""

import argparse
from pathlib import Path
from typing import Any

from xkde.checkpoints import resolve
from xkde.commands.shared.output import print_json, print_table, progress
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.errors import CheckpointError
from xkde.paths import checkpoints

# What the project ships of the paper's Table 4, as far as it is there.
SHIPPED = ("atlas-base", "atlas-xe-it", "atlas-tl-po-alone", "atlas-tl-po")
REFERENCE = "atlas-xe-it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "stages", nargs="*", metavar="CHECKPOINT", help="default: the shipped stages"
    )
    parser.add_argument("--split", default="test", choices=("train", "dev", "test"))
    parser.add_argument("--limit", type=int, default=0, help="cases; 0: all")
    parser.add_argument("--sources", default="en,zh", help="languages to edit in")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Compare and print."""
    table = stages(arguments)
    if arguments.json:
        print_json(table)
    else:
        print_stages(table)


def stages(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the table of the checkpoints that are named, else of the shipped ones."""
    from xkde.engines.loading import load
    from xkde.evaluation.results.stages_table import Marks, marks, stages_table

    names = arguments.stages or [
        name for name in SHIPPED if (checkpoints() / name).is_dir()
    ]
    world = atlas()
    cases = atlas_cases(world, arguments.split, arguments.limit)
    found: dict[str, dict[str, Marks]] = {}
    for name in names:
        place = resolve(name)
        if place.path is None:
            raise CheckpointError(f"“{name}” is not on this machine.")
        engine = load(place.path)
        found[name] = {
            source: marks(
                engine, cases, source, world.languages, progress(f"{name} {source}")
            )
            for source in (code.strip() for code in arguments.sources.split(","))
        }
    # Runs' folders end in the name of the checkpoint that they made.
    named = (name for name in found if Path(name).name == REFERENCE)
    reference = next(named, next(iter(found)))
    return {
        "protocol": "generated, greedy, exact match after normalisation",
        "provenance": "measured here",
        "split": arguments.split,
        "cases": len(cases),
        "reference": reference,
        "rows": stages_table(found, reference),
    }


def print_stages(table: dict[str, Any]) -> None:
    """Print shares, and what changed against the reference."""
    print(
        f"Atlas, split {table['split']}, {table['cases']} edits of held-out subjects "
        f"in twelve languages; {table['protocol']}; {table['provenance']}."
    )
    rows, shifts = [], []
    for row in table["rows"]:
        shares = row["measures"]
        where = [row["checkpoint"], row["source"]]
        told = [
            f"{share['share']:.3f} n={share['n']}" if share["n"] else "not measured"
            for share in shares.values()
        ]
        rows.append([*where, *told])
        if row["comparisons"]:
            by_measure = {
                c["measure"]: f"{c['difference']:+.3f} "
                f"[{c['low']:+.3f}, {c['high']:+.3f}] p={c['p']:.3g}"
                for c in row["comparisons"]
            }
            shifts.append([*where, *(by_measure.get(m, "") for m in shares)])
    measures = list(table["rows"][0]["measures"])
    print_table(["checkpoint", "edit in", *measures], rows)
    if shifts:
        print(f"\nDifference from {table['reference']}; p is McNemar's, by Holm:")
        print_table(["checkpoint", "edit in", *measures], shifts)
