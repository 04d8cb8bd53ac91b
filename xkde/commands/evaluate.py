"""Evaluate a checkpoint on a benchmark: all probes, any direction, both protocols.

    python -m xkde evaluate --checkpoint atlas-xe-it --benchmark atlas --limit 50 \\
        --directions en-zh,zh-en --out runs/evaluation
    python -m xkde evaluate --checkpoint FOLDER --benchmark bizsre_test.json \\
        --protocol teacher-forced --wrapper xkde_eval --parity --out runs/bizsre
    python -m xkde evaluate --checkpoint FOLDER --benchmark FOLDER_OF_MZSRE \\
        --engine vllm --protocol generated --directions en-all --out runs/mzsre

Teacher-forced is the paper's protocol: token accuracy. It equals the released code on a
Llama-2 or Qwen2.5 with “--wrapper xkde_eval --parity”. Generated: greedy answers, exact
match after normalisation. Stopped and started again, it goes on where it was. In a
direction, “all” is every language of the benchmark.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xkde.commands.output import print_json, print_table
from xkde.prompts import WRAPPERS

SHOWN = 6  # directions of which a terminal shows each


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--checkpoint", default="atlas-xe-it", help="name, folder, id")
    parser.add_argument("--revision", help="of a Hub id")
    parser.add_argument(
        "--benchmark", default="atlas", help="atlas, or a benchmark's file or folder"
    )
    parser.add_argument(
        "--format", default="", help="the benchmark's name, if files are mixed"
    )
    parser.add_argument(
        "--directions", default="en-zh", help="edit-query: en-zh,zh-en or en-all"
    )
    parser.add_argument(
        "--protocol", default="both", choices=("teacher-forced", "generated", "both")
    )
    parser.add_argument(
        "--engine",
        default="transformers",
        help="transformers, vllm, or a server's address (both: generated only)",
    )
    parser.add_argument(
        "--editor", default="prompt", choices=("prompt", "none"), help="none: no edit"
    )
    parser.add_argument("--wrapper", default="hf_template", choices=WRAPPERS)
    parser.add_argument(
        "--parity",
        action="store_true",
        help="say “Chinese” for every language but English, as the released code",
    )
    parser.add_argument("--limit", type=int, default=0, help="cases; 0: all")
    parser.add_argument("--seed", type=int, default=7, help="draws Atlas's cases")
    parser.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument(
        "--export-released", type=Path, help="also write the released form (JSON)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, then print shares with their intervals."""
    from xkde.engines.engine import open_engine
    from xkde.evaluation.choosing import choose
    from xkde.evaluation.released import export_released
    from xkde.evaluation.results import load_results

    protocols = _protocols(arguments)
    chosen = choose(
        arguments.benchmark,
        arguments.directions,
        name=arguments.format or None,
        limit=arguments.limit,
        seed=arguments.seed,
    )
    from xkde.evaluation.runner import evaluate

    engine = open_engine(arguments.engine, arguments.checkpoint, arguments.revision)
    settings = _settings(arguments, protocols, chosen)
    file = evaluate(
        engine,
        chosen.cases,
        settings,
        arguments.out,
        batch_size=arguments.batch_size,
        on_progress=progress(),
    )
    table = load_results([file])
    written = (
        export_released(table, arguments.export_released)
        if arguments.export_released
        else []
    )
    _print(table, settings, file, arguments.json)
    for path in written:
        print(f"Released form: {path}", file=sys.stderr)


def _protocols(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return what to measure; refuse options that do not fit together."""
    from xkde.errors import InputError
    from xkde.evaluation.results import PROTOCOLS, TEACHER_FORCED

    if min(arguments.batch_size, arguments.max_new_tokens) < 1 or arguments.limit < 0:
        raise InputError(
            "--batch-size and --max-new-tokens must be 1 or more, --limit 0 or more."
        )
    both = arguments.protocol == "both"
    protocols = PROTOCOLS if both else (str(arguments.protocol),)
    if TEACHER_FORCED in protocols and arguments.engine != "transformers":
        raise InputError(
            "The protocol teacher-forced runs on the engine transformers only: other "
            "engines do not show the model's choice at every token. Add “--protocol "
            "generated”, or leave --engine out."
        )
    if arguments.export_released and TEACHER_FORCED not in protocols:
        raise InputError(
            "--export-released writes teacher-forced scores. Use --protocol "
            "teacher-forced or both."
        )
    return protocols


def _settings(
    arguments: argparse.Namespace, protocols: tuple[str, ...], chosen: Any
) -> Any:
    from xkde.checkpoints import resolve
    from xkde.checkpoints.weights import fingerprint
    from xkde.evaluation.store import RunSettings

    place = resolve(arguments.checkpoint, arguments.revision)
    revision = place.revision or "main"
    if place.path is not None:
        hub = place.kind == "hub"
        revision = place.path.name if hub else fingerprint(place.path)
    is_folder = place.kind == "folder" and place.path is not None
    server = "://" in arguments.engine
    return RunSettings(
        benchmark=chosen.benchmark,
        benchmark_sha256=chosen.sha256,
        cases=len(chosen.cases),
        checkpoint=place.path.name if is_folder else place.name,
        revision=revision,
        engine="server" if server else arguments.engine,
        editor=arguments.editor,
        protocols=protocols,
        wrapper=arguments.wrapper,
        parity=arguments.parity,
        directions=tuple(f"{source}→{target}" for source, target in chosen.directions),
        max_new_tokens=arguments.max_new_tokens,
        seed=arguments.seed,
    )


def progress() -> Callable[[float, int], None]:
    """Return a function (done, of) that shows the time left on a terminal's stderr."""
    started = time.monotonic()
    first: list[float] = []

    def show(done: float, of: int) -> None:
        first.append(done) if not first else None
        if not sys.stderr.isatty():
            return
        passed, made = time.monotonic() - started, done - first[0]
        left = f", {_time((of - done) * passed / made)} left" if made > 0 else ""
        end = "\n" if done >= of else ""
        line = f"\ranswers {round(done)}/{of}{left}".ljust(50)
        print(line, end=end, file=sys.stderr, flush=True)

    return show


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _print(table: Any, settings: Any, file: Path, as_json: bool) -> None:
    from xkde.evaluation.summary import in_words, not_measured, summary

    lines = summary(table)
    if as_json:
        print_json(
            {
                "run": settings.run,
                "file": str(file),
                "rows": table.num_rows,
                "settings": asdict(settings),
                "results": [asdict(line) for line in [*summary(table, False), *lines]],
            }
        )
        return
    many = len(settings.directions)
    shown = lines if many <= SHOWN else []
    if many > 1:
        shown = [*shown, *summary(table, by_direction=False)]
    print(
        f"{settings.checkpoint} ({settings.revision}) on {settings.benchmark}, "
        f"{settings.cases} cases; wrapper {settings.wrapper}, editor {settings.editor}."
        "\nMeasured here; 95 % intervals in brackets.\n"
    )
    print_table(
        ["direction", "protocol", "probe", "measure", "all cases", "n", "clean", "n"],
        [
            [
                "all" if line.source == "all" else f"{line.source}→{line.target}",
                line.protocol,
                line.probe,
                line.measure.replace("_", " "),
                in_words(line.whole),
                str(line.whole.n),
                in_words(line.clean),
                str(line.clean.n),
            ]
            for line in shown
        ],
    )
    if many > SHOWN:
        print(f"\nEach of the {many} directions: add --json.")
    missing = not_measured(lines)
    if missing:
        print(f"\n{missing} questions did not fit the model and are in no number.")
    print(f"\n{file}")
