"""Measure general skills with lm-eval, and retrieval across languages."""

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from xkde import paths
from xkde.checkpoints.catalogue import ATLAS_ENCODER
from xkde.commands.output import print_json, print_table, progress
from xkde.errors import CheckpointError, InputError
from xkde.languages import ATLAS_LANGUAGES
from xkde.paths import CARD
from xkde.text import Json
from xkde.writing import write_aside

if TYPE_CHECKING:
    from xkde.engines.encoder import LoadedEncoder
    from xkde.evaluation.run.general import GeneralSettings, Number
    from xkde.evaluation.run.memories import MemoryOfRun

HOW = (
    "lm-eval is not installed here. Install it beside X-KDE: pip install "
    "“x-kde[general]”, or in a checkout: .venv/bin/pip install lm-eval==0.4.13"
)


def add_general_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--checkpoint", default="atlas-xe-it", help="name, folder, id")
    parser.add_argument("--revision", help="of a Hub id")
    parser.add_argument("--tasks", required=True, help="lm-eval's names, with commas")
    parser.add_argument(
        "--include", type=Path, action="append", default=[], help="folder of YAML tasks"
    )
    parser.add_argument("--shots", type=int, help="default: as each task says")
    parser.add_argument(
        "--no-chat", action="store_true", help="without the chat template"
    )
    parser.add_argument("--limit", type=int, default=0, help="questions a task; 0: all")
    parser.add_argument("--seed", type=int, default=1234, help="draws the shots")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--out", type=Path, help="the run's folder; default: in runs/")
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run_general(arguments: argparse.Namespace) -> None:
    """Measure a checkpoint's general skills with lm-eval, as the paper's Table 3.

        python -m xkde general --checkpoint atlas-xe-it --tasks piqa,commonsense_qa
        python -m xkde general --checkpoint FOLDER --tasks mine --include FOLDER_OF_YAML

    Needs lm-eval: pip install "x-kde[general]". Tasks are its own by name, or those of
    YAML files in --include. Questions and numbers are kept in a run's folder; stopped
    and started again, it goes on with the next task. Of the paper's tasks lm-eval has
    mmlu, commonsense_qa, piqa, xsum and nq_open in English, cmmlu and ceval-valid in
    Chinese.
    """
    from xkde import paths
    from xkde.checkpoints import name_and_weights
    from xkde.engines.loading import load, local_folder
    from xkde.errors import InputError

    if importlib.util.find_spec("lm_eval") is None:
        raise InputError(HOW)
    if arguments.batch_size < 1 or arguments.limit < 0 or (arguments.shots or 0) < 0:
        raise InputError(
            "--batch-size must be 1 or more, --limit and --shots 0 or more."
        )
    from xkde.evaluation.run.general import (
        GeneralSettings,
        lm_eval_version,
        read_numbers,
        run_tasks,
    )

    missing = [str(path) for path in arguments.include if not path.is_dir()]
    if missing:
        raise InputError(f"There is no folder {missing[0]}. Check --include.")
    engine = load(local_folder(arguments.checkpoint, arguments.revision))
    name, revision = name_and_weights(arguments.checkpoint, arguments.revision)
    settings = GeneralSettings(
        name,
        revision,
        tuple(word.strip() for word in arguments.tasks.split(",") if word.strip()),
        shots=arguments.shots,
        chat=not arguments.no_chat,
        limit=arguments.limit,
        seed=arguments.seed,
        lm_eval=lm_eval_version()["lm_eval"],
    )
    folder = arguments.out or paths.runs() / "general" / f"{name}-{settings.run}"

    def say(task: str, number: int, of: int) -> None:
        print(f"task {number + 1} of {of}: {task}", file=sys.stderr)

    file = run_tasks(
        engine,
        settings,
        folder,
        include=arguments.include,
        batch_size=arguments.batch_size,
        on_task=say,
    )
    _print(file, settings, read_numbers(folder), arguments.json)


def _print(
    file: Path, settings: "GeneralSettings", numbers: "list[Number]", as_json: bool
) -> None:
    if as_json:
        about = {"run": settings.run, "file": str(file), "settings": asdict(settings)}
        print_json(about | {"results": [asdict(number) for number in numbers]})
        return
    print(
        f"{settings.checkpoint} ({settings.revision}); lm-eval {settings.lm_eval}. "
        "Measured here.\n"
    )
    print_table(
        ["task", "measure", "value", "standard error", "n"],
        [
            [
                number.task,
                number.measure,
                f"{number.value:.4f}",
                "not known" if number.error is None else f"{number.error:.4f}",
                str(number.n),
            ]
            for number in numbers
        ],
    )
    print(f"\n{file}")


MEASURES = ("hit@1", "hit@3", "found", "false_trigger")


def add_retrieval_arguments(parser: argparse.ArgumentParser) -> None:
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


def run_retrieval(arguments: argparse.Namespace) -> None:
    """Measure retrieval across languages: does a query find its edit, and nothing else?

        python -m xkde retrieval
        python -m xkde retrieval --sources en,zh --by-pair
        python -m xkde retrieval --encoder intfloat/multilingual-e5-small --json
        python -m xkde retrieval --keep \\
            --encoder runs/atlas-encoder-laptop/atlas-encoder

    Edits of Atlas's held-out subjects are the memory; all four probes are asked in
    every language. Threshold and lexical weight are chosen on the dev split and
    reported on the test split; ``--keep`` writes them into the encoder's card,
    where the app and the editors find them.
    """
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
        if outlier := encoder.calibration.outlier:  # of the encoder, as it was
            kept["retrieval"]["outlier"] = outlier
        write_aside(card, json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
    if arguments.out:
        text = json.dumps(report, ensure_ascii=False, indent=1)
        write_aside(arguments.out, text + "\n")
    if arguments.json:
        print_json(report)
    else:
        _print_retrieval(report, arguments.by_pair)


def open_encoder(reference: str, device: str = "auto") -> "LoadedEncoder":
    """Return an encoder by name, folder or Hub id."""
    from xkde.checkpoints.catalogue import folder_of, resolve
    from xkde.engines.encoder import load_encoder

    if reference == ATLAS_ENCODER and not (paths.checkpoints() / reference).is_dir():
        raise CheckpointError(
            f"There is no {ATLAS_ENCODER} here. Train one: python -m xkde "
            f"train-encoder {ATLAS_ENCODER}-laptop; then give --encoder its folder."
        )
    return load_encoder(folder_of(resolve(reference)), device=device)


def memory_of_run(
    edits: int, encoder: str, others: Sequence[str], editor: str
) -> "tuple[LoadedEncoder, MemoryOfRun] | None":
    """Return the encoder and what a run's memories hold; None for no ``edits``."""
    if not edits and others:
        raise InputError("--memory-others fills a memory. Add its size: --memory 1000")
    if not edits:
        return None
    if edits < 0 or editor != "x-kde":
        raise InputError("--memory is a number of edits, for the editor x-kde alone.")
    from xkde.checkpoints import memory_encoder
    from xkde.data.benchmarks import read_benchmark
    from xkde.evaluation.run.memories import MemoryOfRun

    found = encoder or memory_encoder()
    if found is None:
        raise InputError("There is no encoder here. Name one: --memory-encoder FOLDER")
    opened = open_encoder(str(found))
    memory = MemoryOfRun(edits, Path(opened.name).name, opened.calibration)
    read = [read_benchmark(None, file) for file in others]
    cases = [case for benchmark in read for case in benchmark.cases]
    return opened, replace(
        memory,
        others=tuple(edit for case in cases for edit in case.edits.values()),
        source=", ".join(f"{each.name} {each.sha256[:12]}" for each in read),
    )


def _languages(chosen: str) -> list[str]:
    codes = [code.strip() for code in chosen.split(",") if code.strip()]
    unknown = sorted(set(codes) - set(ATLAS_LANGUAGES))
    if unknown:
        raise InputError(
            f"Atlas has no “{unknown[0]}”. Choose from: {', '.join(ATLAS_LANGUAGES)}."
        )
    return codes or list(ATLAS_LANGUAGES)


def _print_retrieval(report: Json, by_pair: bool) -> None:
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


def _cells(numbers: Json) -> list[str]:
    shares = [numbers[measure] for measure in MEASURES]
    return [
        *("–" if s["share"] is None else f"{s['share']:.3f}" for s in shares),
        str(max(s["n"] for s in shares)),
    ]
