"""The stages' table for ``python -m xkde atlas table --stages``: Tables 4 and 6.

    python -m xkde atlas table --stages
    python -m xkde atlas table --stages atlas-xe-it runs/dpo/atlas-tl-po --json

Every checkpoint answers the same questions; all are compared with the first stage.
"""

import argparse
from pathlib import Path
from typing import Any

from xkde.checkpoints import resolve
from xkde.commands.output import print_table, progress
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.errors import CheckpointError
from xkde.paths import checkpoints

# What the project ships of the paper's Table 4, as far as it is there.
SHIPPED = ("atlas-base", "atlas-xe-it", "atlas-tl-po-alone", "atlas-tl-po")
REFERENCE = "atlas-xe-it"


def stages(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the table of the checkpoints that are named, else of the shipped ones."""
    from xkde.engines.loading import load
    from xkde.evaluation.stages_table import Marks, marks, stages_table

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
        cells = [f"{share['share']:.3f} n={share['n']}" for share in shares.values()]
        rows.append([*where, *cells])
        if row["comparisons"]:
            told = [
                f"{c['difference']:+.3f} [{c['low']:+.3f}, {c['high']:+.3f}] "
                f"p={c['p']:.3g}"
                for c in row["comparisons"]
            ]
            shifts.append([*where, *told])
    measures = list(table["rows"][0]["measures"])
    print_table(["checkpoint", "edit in", *measures], rows)
    if shifts:
        print(f"\nDifference from {table['reference']}; p is McNemar's, by Holm:")
        print_table(["checkpoint", "edit in", *measures], shifts)
