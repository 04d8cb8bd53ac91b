"""Sort a run's answers by kind of failure, and find the slices that are worse.

    python -m xkde analyse shipped/atlas-xe-it
    python -m xkde analyse runs/FOLDER --probe portability
    python -m xkde analyse shipped/atlas-tl-po shipped/atlas-xe-it --json

A run is a folder, a file, or a key of the app's list. The kinds are found by rules from
the rows; slices are parts of the questions, and pairs of them, that differ from the
rest, worst first: intervals by edit, p by Holm over all that were tested. Of two runs,
slices are where the first loses or gains against the second.
"""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xkde.commands.output import print_json, print_table
from xkde.commands.results import opened_run
from xkde.types import PROBES

if TYPE_CHECKING:
    import pandas as pd

    from xkde.evaluation.analysis.slices import SlicesFound

SHOWN = 20  # slices in print


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="one run, or two")
    parser.add_argument(
        "--protocol", choices=("generated", "teacher-forced"), default="generated"
    )
    parser.add_argument("--probe", choices=PROBES, help="default: all together")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print kinds and slices."""
    from xkde.errors import InputError
    from xkde.evaluation.results.compared import values_beside
    from xkde.evaluation.results.rows import SCORE

    if len(arguments.runs) > 2:
        raise InputError("Give one run, or two to compare.")
    frames = [opened_run(name, kinds=True) for name in arguments.runs]
    kinds = [_kinds(rows, arguments) for rows in frames]
    beside = None
    if len(frames) == 2:
        is_plain = bool((frames[1]["editor"] == "none").all())
        beside = values_beside(frames[0], frames[1], SCORE, is_plain)
    slices, reason = _slices(frames[0], beside, arguments)
    if arguments.json:
        print_json(
            {
                "runs": arguments.runs,
                "protocol": arguments.protocol,
                "probe": arguments.probe,
                "kinds": kinds,
                "slices": [asdict(its) for its in slices.slices] if slices else [],
                "tested": slices.tested if slices else 0,
                "note": reason,
            }
        )
        return
    _print_kinds(arguments.runs, kinds)
    print()
    print(reason) if slices is None else _print_slices(slices, len(frames) == 2)


def _chosen(rows: "pd.DataFrame", arguments: argparse.Namespace) -> Any:
    from xkde.evaluation.results.rows import where

    wanted = {"protocol": arguments.protocol, "probe": arguments.probe or ""}
    return where(rows, wanted)


def _kinds(
    rows: "pd.DataFrame", arguments: argparse.Namespace
) -> dict[str, dict[str, int]]:
    """Return how many answers of each probe are of each kind."""
    chosen = rows[_chosen(rows, arguments)]
    counts = chosen.groupby(["probe", "kind"], observed=True).size()
    found: dict[str, dict[str, int]] = {}
    for (probe, kind), count in counts.items():
        found.setdefault(str(probe), {})[str(kind)] = int(count)
    return found


def _slices(
    rows: "pd.DataFrame", beside: Any, arguments: argparse.Namespace
) -> "tuple[SlicesFound | None, str]":
    """Return the slices, or why there are none."""
    import numpy as np

    from xkde.errors import InputError
    from xkde.evaluation.analysis.slices import slices_of_two, worst_slices
    from xkde.evaluation.results.rows import SCORE, values_of

    value = np.where(_chosen(rows, arguments), values_of(rows, SCORE), np.nan)
    try:
        if beside is not None:
            return slices_of_two(rows, value, beside), ""
        return worst_slices(rows, value), ""
    except InputError as error:
        return None, str(error)


def _print_kinds(names: list[str], kinds: list[dict[str, dict[str, int]]]) -> None:
    from xkde.evaluation.analysis.kinds import Kind

    for name, by_probe in zip(names, kinds, strict=True):
        print(f"{name}: answers by kind")
        probes = [probe for probe in PROBES if probe in by_probe]
        lines = [
            [kind.replace("_", " "), *(_share(by_probe[p], kind) for p in probes)]
            for kind in Kind
            if any(kind in by_probe[probe] for probe in probes)
        ]
        print_table(["kind", *probes], lines)


def _share(counts: dict[str, int], kind: str) -> str:
    count = counts.get(kind, 0)
    return f"{count} ({100 * count / sum(counts.values()):.1f} %)" if count else ""


def _print_slices(found: "SlicesFound", of_two: bool) -> None:
    heads = ("first", "second") if of_two else ("inside", "the rest")
    print(
        f"{found.tested} slices of {found.edits} edits tested; p by Holm, 95 % "
        "intervals over edits."
    )
    lines = [
        [
            ", ".join(f"{name} {value}" for name, value in its.parts),
            f"{its.mean:.3f}",
            f"{its.rest:.3f}",
            f"{its.difference:+.3f} [{its.low:+.3f}, {its.high:+.3f}]",
            str(its.edits),
            str(its.answers),
            f"{its.p:.2g}",
        ]
        for its in found.slices[:SHOWN]
    ]
    if not lines:
        print("None surely differs.")
        return
    print_table(["slice", *heads, "difference", "edits", "answers", "p by Holm"], lines)
