"""Measure retrieval across languages: does a query find its edit, and nothing else?

    python -m xkde retrieval
    python -m xkde retrieval --sources en,zh --by-pair
    python -m xkde retrieval --encoder intfloat/multilingual-e5-small --json
    python -m xkde retrieval --encoder runs/atlas-encoder-laptop/atlas-encoder --keep

Edits of Atlas's held-out subjects are the memory; all four probes are asked in every
language. Threshold and lexical weight are chosen on the dev split and reported on the
test split; ``--keep`` writes them into the encoder's card, where the app and the
editors find them.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xkde import paths
from xkde.commands.output import print_json, print_table, progress
from xkde.errors import CheckpointError, InputError
from xkde.languages import ATLAS_LANGUAGES
from xkde.paths import CARD
from xkde.writing import write_aside

if TYPE_CHECKING:
    from xkde.engines.encoder import TextEncoder

ATLAS_ENCODER = "atlas-encoder"
MEASURES = ("hit@1", "hit@3", "found", "false_trigger")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--encoder", default=ATLAS_ENCODER, help="name, folder or id")
    parser.add_argument("--sources", default="", help="languages of edits (all)")
    parser.add_argument("--targets", default="", help="languages of queries (all)")
    parser.add_argument("--limit", type=int, default=0, help="cases a split; 0: all")
    parser.add_argument(
        "--size", type=int, default=0, help="edits in a memory; 0: all cases in one"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--by-pair", action="store_true", help="a row for each pair of languages"
    )
    parser.add_argument(
        "--keep", action="store_true", help="write threshold and weight into the card"
    )
    parser.add_argument("--out", type=Path, help="also write JSON to this file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    from xkde.evaluation.run.retrieval import measure_retrieval

    encoder = open_encoder(arguments.encoder, arguments.device)
    card = Path(encoder.name) / CARD
    if arguments.keep and not card.is_file():
        raise InputError(
            f"--keep needs an encoder's folder with a card; “{arguments.encoder}” has "
            "none. Leave --keep out."
        )
    report = measure_retrieval(
        encoder,
        _languages(arguments.sources),
        _languages(arguments.targets),
        limit=arguments.limit,
        size=arguments.size,
        progress=progress,
    )
    if arguments.keep:
        kept = json.loads(card.read_text(encoding="utf-8"))
        kept["retrieval"] = {
            "weight": report["weight"],
            "threshold": report["threshold"],
            "dev_gain": report["dev_gain"],
        }
        write_aside(card, json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
    if arguments.out:
        text = json.dumps(report, ensure_ascii=False, indent=1)
        write_aside(arguments.out, text + "\n")
    if arguments.json:
        print_json(report)
    else:
        _print(report, arguments.by_pair)


def open_encoder(reference: str, device: str = "auto") -> "TextEncoder":
    """Return an encoder by name, folder or Hub id."""
    from xkde.checkpoints import resolve
    from xkde.engines.encoder import load_encoder

    if reference == ATLAS_ENCODER and not (paths.checkpoints() / reference).is_dir():
        raise CheckpointError(
            f"There is no {ATLAS_ENCODER} here. Train one: python -m xkde "
            f"train-encoder {ATLAS_ENCODER}-laptop; then give --encoder its folder."
        )
    place = resolve(reference)
    where = place.path or str(place.repository)
    return load_encoder(where, device=device, revision=place.revision)


def _languages(chosen: str) -> list[str]:
    codes = [code.strip() for code in chosen.split(",") if code.strip()]
    unknown = sorted(set(codes) - set(ATLAS_LANGUAGES))
    if unknown:
        raise InputError(
            f"Atlas has no “{unknown[0]}”. Choose from: {', '.join(ATLAS_LANGUAGES)}."
        )
    return codes or list(ATLAS_LANGUAGES)


def _print(report: dict[str, Any], by_pair: bool) -> None:
    print(
        f"{report['encoder']}: threshold {report['threshold']:.3f}, lexical weight "
        f"{report['weight']}, both chosen on dev (gain {report['dev_gain']:.3f})."
    )
    rows = [["all", *_cells(report["overall"])]]
    rows += [[name, *_cells(t)] for name, t in report["probes"].items()]
    if by_pair:
        rows += [[f"{t['source']}→{t['target']}", *_cells(t)] for t in report["pairs"]]
    print_table(["queries", *(m.replace("_", " ") for m in MEASURES), "n"], rows)
    print(f"Memory of {report['edits']} edits. {report['protocol']}.")


def _cells(numbers: dict[str, Any]) -> list[str]:
    shares = [numbers[measure] for measure in MEASURES]
    return [
        *("–" if s["share"] is None else f"{s['share']:.3f}" for s in shares),
        str(max(s["n"] for s in shares)),
    ]
