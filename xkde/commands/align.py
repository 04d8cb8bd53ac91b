"""Score sampled answers with a translation model: stage two's (TL-PO's) second step.

    python -m xkde align --samples runs/samples.jsonl --out runs/scores.jsonl
    python -m xkde align --samples FILE --out FILE --aligner FOLDER --parity
    python -m xkde align check --aligner atlas-aligner
    python -m xkde align check --aligner FOLDER --by-direction --json

Each answer, and the gold, is scored against the gold in the edit's language, in both
directions; --parity scores as the released script does, whatever the languages are.
Stopped and started again, it goes on where it was. The aligner is atlas-aligner, or a
folder or Hub id of NLLB-200 with safetensors weights. Next: ``python -m xkde pair``.

check: how often the gold ranks above a wrong name, in Atlas's 132 directions.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xkde import paths
from xkde.commands.output import print_json, print_table, progress
from xkde.commands.retrieval import open_encoder
from xkde.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from xkde.engines.aligner import Aligner

ATLAS_ALIGNER = "atlas-aligner"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "action", nargs="?", default="score", choices=("score", "check")
    )
    parser.add_argument("--samples", type=Path, help="sampled answers, JSON lines")
    parser.add_argument("--out", type=Path, help="file of scores, or of the check")
    parser.add_argument("--aligner", default=ATLAS_ALIGNER, help="name, folder or id")
    parser.add_argument(
        "--parity", action="store_true", help="score as the released script does"
    )
    parser.add_argument(
        "--no-language-token",
        action="store_true",
        help="leave the forced language out of the mean",
    )
    parser.add_argument(
        "--encoder", default="", help="sentence-transformers model, for cosines"
    )
    parser.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument(
        "--limit", type=int, default=24, help="check: entities a direction"
    )
    parser.add_argument(
        "--by-direction", action="store_true", help="check: show all 132"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Score, or check."""
    if min(arguments.batch_size, arguments.limit) < 1:
        raise InputError("--batch-size and --limit must be 1 or more.")
    if arguments.parity and arguments.no_language_token:
        raise InputError(
            "The released script counts the language: leave out --parity or "
            "--no-language-token."
        )
    if arguments.action == "check":
        _check(arguments)
    else:
        _score(arguments)


def open_aligner(reference: str, device: str = "auto") -> "tuple[Aligner, str]":
    """Return an aligner by name, folder or Hub id, and which weights it has."""
    from xkde.checkpoints import resolve
    from xkde.checkpoints.weights import fingerprint
    from xkde.engines.aligner import load_aligner

    if reference == ATLAS_ALIGNER and not (paths.checkpoints() / reference).is_dir():
        raise CheckpointError(
            f"There is no {ATLAS_ALIGNER} here. Train one: python -m xkde "
            f"train-aligner {ATLAS_ALIGNER}-laptop; then give --aligner its folder."
        )
    place = resolve(reference)
    if place.path is not None:
        return load_aligner(place.path, device=device), fingerprint(place.path)
    aligner = load_aligner(
        str(place.repository), device=device, revision=place.revision
    )
    commit = getattr(aligner.model.config, "_commit_hash", None)
    return aligner, str(commit or place.revision or "")


def _score(arguments: argparse.Namespace) -> None:
    if arguments.samples is None or arguments.out is None:
        raise InputError("Name the files: --samples FILE --out FILE.")
    from xkde.training.preference.alignment import (
        AlignmentSetting,
        Measures,
        align,
        chrf,
        chrf_version,
    )

    aligner, weights = open_aligner(arguments.aligner, arguments.device)
    encode = None
    if arguments.encoder:
        encoder = open_encoder(arguments.encoder, arguments.device)
        encode = partial(encoder.encode, kind="edit")
    setting = AlignmentSetting(
        aligner=arguments.aligner,
        weights=weights,
        parity=arguments.parity,
        language_token=not arguments.no_language_token,
        encoder=arguments.encoder,
        chrf=chrf_version(),
    )
    began = time.perf_counter()
    counts = align(
        arguments.samples,
        arguments.out,
        Measures(aligner, chrf(), encode),
        setting,
        batch_size=arguments.batch_size,
        on_progress=progress("answers"),
    )
    seconds = time.perf_counter() - began
    report: dict[str, Any] = {
        **counts,
        "seconds": round(seconds, 1),
        "answers_per_second": round(counts["scored"] / seconds, 1),
        "setting": vars(setting),
        "out": str(arguments.out),
    }
    if arguments.json:
        print_json(report)
        return
    print(
        f"{arguments.out}: {counts['scored']} answers and golds of "
        f"{counts['samples']} prompts scored in {seconds:.1f} s, {counts['before']} "
        "were there before."
    )


def _check(arguments: argparse.Namespace) -> None:
    from xkde.checkpoints import read_card
    from xkde.data.atlas.world import atlas
    from xkde.evaluation.run.alignment_check import check
    from xkde.training.atlas_models.aligner import is_held_out

    aligner, weights = open_aligner(arguments.aligner, arguments.device)
    folder = Path(aligner.model.name_or_path or "")
    card = read_card(folder) if folder.is_dir() else None
    one_in = int(card.settings.get("held_out", 0)) if card else 0
    found = check(
        aligner,
        atlas(),
        limit=arguments.limit,
        language_token=not arguments.no_language_token,
        held_out=partial(is_held_out, one_in=one_in),
        on_progress=progress("translations"),
    )
    found = {"aligner": arguments.aligner, "weights": weights, **found}
    if arguments.out:
        import json

        text = json.dumps(found, ensure_ascii=False, indent=1)
        paths.write_aside(arguments.out, text + "\n")
    if arguments.json:
        print_json(found)
    else:
        print_check(found, arguments.by_direction)


def print_check(found: dict[str, Any], by_direction: bool) -> None:
    """Print how often the gold won, overall and in each direction."""
    for title, part in (("all", "overall"), ("never trained on", "held_out")):
        rows = [
            [reward, *(_share(count) for count in table[part])]
            for reward, table in found["rewards"].items()
        ]
        print_table([f"gold above ({title})", *found["contrasts"]], rows)
        print()
    if by_direction:
        counts = found["rewards"]["symmetric"]["directions"]
        cells = {(c["source"], c["target"], c["contrast"]): _share(c) for c in counts}
        directions = dict.fromkeys((c["source"], c["target"]) for c in counts)
        rows = [
            [f"{s}→{t}", *(cells.get((s, t, kind), "–") for kind in found["contrasts"])]
            for s, t in directions
        ]
        print_table(["symmetric", *found["contrasts"]], rows)


def _share(count: dict[str, Any]) -> str:
    if not count["n"]:
        return "– n=0"
    interval = f"{count['low']:.3f}–{count['high']:.3f}"
    return f"{count['share']:.3f} [{interval}] n={count['n']}"
