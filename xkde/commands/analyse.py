"""Sort a run's answers by kind of failure, and find the slices that are worse.

    python -m xkde analyse shipped/atlas-xe-it
    python -m xkde analyse runs/FOLDER --probe portability
    python -m xkde analyse shipped/atlas-tl-po shipped/atlas-xe-it --json
    python -m xkde analyse shipped/propagation/atlas-xe-it --directions

A run is a folder, a file, or a key of the app's list. The kinds are found by rules from
the rows; slices are parts of the questions, and pairs of them, that differ from the
rest, worst first: intervals by edit, p by Holm over all that were tested. Of two runs,
slices are where the first loses or gains against the second. ``--directions`` prints
shares by how far the languages of edit and question are apart, and the pairs of
languages whose two ways differ; of two runs, in how many directions they differ.
"""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from xkde.commands.output import print_json, print_table
from xkde.commands.results import opened_run
from xkde.text import Json
from xkde.types import PROBES

if TYPE_CHECKING:
    import pandas as pd

    from xkde.evaluation.analysis.slices import SlicesFound

SHOWN = 20  # slices in print
SURE = 0.05  # p by Holm


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="one run, or two")
    parser.add_argument(
        "--protocol", choices=("generated", "teacher-forced"), default="generated"
    )
    parser.add_argument("--probe", choices=PROBES, help="default: all together")
    parser.add_argument(
        "--directions", action="store_true", help="by edit and query language"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print kinds and slices."""
    from xkde.errors import InputError
    from xkde.evaluation.results.compared import values_beside
    from xkde.evaluation.results.rows import SCORE

    if len(arguments.runs) > 2:
        raise InputError("Give one run, or two to compare.")
    if arguments.directions:
        _directions(arguments)
        return
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


def _chosen(rows: "pd.DataFrame", arguments: argparse.Namespace) -> "pd.DataFrame":
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
    rows: "pd.DataFrame", beside: "pd.DataFrame | None", arguments: argparse.Namespace
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


def _directions(arguments: argparse.Namespace) -> None:
    """Print how far edits carry, from language to language."""
    from xkde.errors import InputError
    from xkde.evaluation.analysis.directions import (
        asymmetries,
        changes,
        distance_means,
        of_probe,
    )
    from xkde.evaluation.results.summary import means

    frames = [opened_run(name) for name in arguments.runs]
    masks = [of_probe(rows, arguments.probe or "reliability") for rows in frames]
    found: dict[str, dict[str, object]] = {}
    for name, rows, mask in zip(arguments.runs, frames, masks, strict=True):
        if not mask.any():
            raise InputError(f"{name} has no generated answers to that probe.")
        [whole] = means(rows[mask], [])
        two_ways = asymmetries(rows, mask)
        found[name] = {
            "shares": {"all": asdict(whole)}
            | {far: asdict(its) for far, its in distance_means(rows, mask).items()},
            "two_ways": [
                asdict(its) | {"value": its.difference.value}
                for its in two_ways
                if its.corrected < SURE
            ],
            "pairs_tested": len(two_ways),
        }
    if len(frames) == 2:
        rows, others = frames
        between = list(changes(rows, others, masks[0]).values())
        sure = [its.difference.value for its in between if its.corrected < SURE]
        better = sum(value > 0 for value in sure)
        found["first against second"] = {
            "directions": len(between),
            "better": better,
            "worse": len(sure) - better,
        }
    if arguments.json:
        print_json(found)
        return
    _print_directions(arguments.runs, found)


def _print_directions(names: list[str], found: dict[str, Json]) -> None:
    shares = {name: found[name]["shares"] for name in names}
    distances = list(dict.fromkeys(far for its in shares.values() for far in its))
    print_table(
        ["run", *(far.replace("_", " ") for far in distances), "edits"],
        [
            [
                name,
                *(
                    f"{its[far]['mean']:.3f} [{its[far]['low']:.3f}–"
                    f"{its[far]['high']:.3f}]"
                    if far in its
                    else ""
                    for far in distances
                ),
                str(its["all"]["edits"]),
            ]
            for name, its in shares.items()
        ],
    )
    for name in names:
        print(
            f"\n{name}: of {found[name]['pairs_tested']} pairs of languages, p by Holm,"
        )
        if not found[name]["two_ways"]:
            print("none surely differs by the way.")
        for its in found[name]["two_ways"]:
            change = its["difference"]
            print(
                f"{its['one']} to {its['other']} is {its['value']:.3f} "
                f"[{change['low']:.3f}, {change['high']:.3f}] above the way back "
                f"(p = {its['corrected']:.2g})"
            )
    if between := found.get("first against second"):
        print(
            f"\nThe first is surely better in {between['better']} of "
            f"{between['directions']} directions, worse in {between['worse']}."
        )
