"""Evaluate a checkpoint on a benchmark: all probes, any direction, both protocols.

    python -m xkde evaluate --checkpoint atlas-xe-it --benchmark atlas --limit 50 \\
        --directions en-zh,zh-en --base atlas-base
    python -m xkde evaluate --checkpoint FOLDER --benchmark bizsre_test.json \\
        --protocol teacher-forced --wrapper xkde_eval --parity --out runs/bizsre
    python -m xkde evaluate --checkpoint FOLDER --editor rome,ike,x-kde --limit 100 \\
        --set rome.layer=4 --out runs/editors
    python -m xkde evaluate --checkpoint FOLDER --benchmark FOLDER_OF_MZSRE \\
        --engine vllm --protocol generated --directions en-all --out runs/mzsre
    python -m xkde evaluate --checkpoint FOLDER --protocol generated \\
        --judge http://127.0.0.1:8000/v1 --out runs/judged

Teacher-forced is the paper's protocol: token accuracy. It equals the released code on a
Llama-2 or Qwen2.5 with “--wrapper xkde_eval --parity”. Generated: greedy answers, exact
match after normalisation. With --base, locality is measured against that checkpoint,
too. Several editors get a folder each. Stopped and started again, it goes on where it
was. In a direction, “all” is every language of the benchmark.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from xkde.commands.shared.evaluation_output import (
    in_json,
    print_run,
    progress,
    warn_of_skipped,
)
from xkde.commands.shared.evaluation_settings import (
    folder_of,
    judge_of,
    protocols_of,
    settings_of,
)
from xkde.commands.shared.output import print_json
from xkde.prompts import WRAPPERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--checkpoint", default="atlas-xe-it", help="name, folder, id")
    parser.add_argument("--revision", help="of a Hub id")
    parser.add_argument(
        "--base", default="", help="a checkpoint to compare answers with; on locality"
    )
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
        "--editor", default="x-kde", help="its name, or several: rome,ike,x-kde; none"
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="EDITOR.SETTING=VALUE",
        help="an editor's setting, such as rome.layer=4; more than once",
    )
    parser.add_argument("--wrapper", default="hf_template", choices=WRAPPERS)
    parser.add_argument(
        "--parity",
        action="store_true",
        help="say “Chinese” for every language but English, as the released code",
    )
    _add_sample(parser)
    parser.add_argument("--seed", type=int, default=7, help="draws Atlas's cases")
    parser.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=64)
    _add_judge(parser)
    parser.add_argument("--out", type=Path, help="the run's folder; default: in runs/")
    parser.add_argument(
        "--export-released", type=Path, help="also write the released form (JSON)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=0, help="cases; 0: all")
    parser.add_argument(
        "--leave-out",
        type=int,
        default=0,
        help="first cases that are not asked: an editor's settings were chosen on them",
    )
    parser.add_argument(
        "--languages-per-case",
        type=int,
        default=0,
        help="ask each case in so many of the languages, dealt in turn; 0: in all",
    )


def _add_judge(parser: argparse.ArgumentParser) -> None:
    judge = parser.add_argument_group(
        "a judge", "another model's word on generated answers, in a column of its own"
    )
    judge.add_argument(
        "--judge", default="", help="address of its server (http://…/v1)"
    )
    judge.add_argument("--judge-model", default="", help="default: the server's first")
    judge.add_argument("--judge-prompt", type=Path, help="a text file; default: ours")
    judge.add_argument("--judge-temperature", type=float, default=0.0)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate every editor, then print shares with their intervals."""
    from xkde.evaluation.run.choosing import choose

    # What a person may have mistyped is read first: the rest takes seconds to import.
    protocols = protocols_of(arguments)
    chosen = choose(
        arguments.benchmark,
        arguments.directions,
        name=arguments.format or None,
        left_out=arguments.leave_out,
        limit=arguments.limit,
        seed=arguments.seed,
    )
    warn_of_skipped(chosen.skipped)
    from xkde.engines.engine import open_engine
    from xkde.evaluation.run.editing import editor_names, given_settings

    editors = editor_names(arguments.editor)
    given = given_settings(arguments.settings, editors)
    judge = judge_of(arguments)
    # vLLM writes its log where the results are printed, and so do its processes.
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    engine = open_engine(arguments.engine, arguments.checkpoint, arguments.revision)
    # An engine that only answers has no base beside it: that one runs here.
    base = open_engine("transformers", arguments.base) if arguments.base else None
    told = []
    for name in editors:
        file, settings = _evaluate(
            arguments, name, given[name], (engine, base, judge), chosen, protocols
        )
        if arguments.json:
            told.append(in_json(file, settings))
        else:
            print_run(file, settings)
        if arguments.export_released:
            _export(arguments.export_released, file, name if editors[1:] else "")
    if arguments.json:
        print_json(told[0] if len(told) == 1 else told)


def _evaluate(
    arguments: argparse.Namespace,
    editor_name: str,
    given: Any,
    models: tuple[Any, Any, Any],
    chosen: Any,
    protocols: tuple[str, ...],
) -> tuple[Path, Any]:
    """Run one editor; return the file of its rows and its settings."""
    from xkde.evaluation.run.editing import open_editor
    from xkde.evaluation.run.runner import evaluate

    engine, base, judge = models
    editor, editor_settings = open_editor(editor_name, engine, given)
    settings = settings_of(arguments, protocols, chosen, editor_name, editor_settings)
    file = evaluate(
        engine,
        chosen.cases,
        settings,
        folder_of(arguments, settings),
        batch_size=arguments.batch_size,
        base=base,
        editor=editor,
        judge=judge,
        on_progress=progress(),
    )
    return file, settings


def _export(file: Path, rows: Path, editor: str) -> None:
    """Write the released form; of several editors one each, its name in the file's."""
    from xkde.evaluation.results.released import export_released
    from xkde.evaluation.results.rows import load_results

    if editor:
        file = file.with_name(f"{file.stem}_{editor}{file.suffix}")
    for path in export_released(load_results([rows]), file):
        print(f"Released form: {path}", file=sys.stderr)
