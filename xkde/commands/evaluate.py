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
Llama-2 or Qwen2.5 with “--wrapper xkde_eval --parity”: the wrapper also loads the
tokenizer as that code does, and --parity computes in float32. Generated: greedy
answers, exact match after normalisation. With --base, locality is measured against that
checkpoint, too. Several editors get a folder each. Stopped and started again, it goes
on where it was. In a direction, “all” is every language of the benchmark.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from xkde import paths
from xkde.checkpoints import name_and_weights
from xkde.commands.output import print_json, time_left
from xkde.commands.results import in_json, print_run
from xkde.errors import InputError
from xkde.prompts import WRAPPERS
from xkde.types import PROBES

if TYPE_CHECKING:
    from xkde.data.benchmarks.records import Skipped
    from xkde.engines.engine import Engine
    from xkde.engines.loading import Dtype
    from xkde.evaluation.results.store import RunSettings
    from xkde.evaluation.run.judge import Judge
    from xkde.evaluation.run.questions import ChosenCases

SKIPPED_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--checkpoint", default="atlas-xe-it", help="name, folder, id")
    parser.add_argument("--revision", help="of a Hub id")
    parser.add_argument(
        "--base", default="", help="a checkpoint to compare answers with; on locality"
    )
    parser.add_argument(
        "--benchmark",
        default="atlas",
        help="atlas, atlas-own-words, own-words, invented-names, or a file or folder",
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
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--dtype",
        default="",
        choices=("", "auto", "float32", "bfloat16", "float16"),
        help="number format; default: float32 with --parity, else auto",
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
    parser.add_argument(
        "--memory",
        type=int,
        default=0,
        metavar="EDITS",
        help="x-kde: state the nearest edits of a memory of so many; 0: the edit",
    )
    parser.add_argument(
        "--memory-encoder", default="", help="a memory's: name or folder"
    )
    parser.add_argument(
        "--memory-others",
        action="append",
        default=[],
        metavar="FILE",
        help="a benchmark whose edits fill a memory beyond the cases; more than once",
    )
    parser.add_argument("--probes", default=",".join(PROBES), help="some of the four")
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
        help="ask each case in so many of the languages, which take turns; 0: in all",
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
    from xkde.evaluation.run.questions import choose, parse_probes

    # What a person may have mistyped is read first: the rest takes seconds to import.
    protocols = protocols_of(arguments)
    arguments.probes = parse_probes(arguments.probes)
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
    from xkde.evaluation.run.probing import editor_names, given_settings

    editors = editor_names(arguments.editor)
    given = given_settings(arguments.settings, editors)
    judge = judge_of(arguments)
    # vLLM writes its log where the results are printed, and so do its processes.
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    is_here = arguments.engine == "transformers"
    if not is_here and (arguments.device != "auto" or arguments.dtype):
        raise InputError(
            "--device and --dtype are of the engine transformers. Leave them out."
        )
    opened = _opening(arguments) if is_here else open_engine
    engine = opened(arguments.engine, arguments.checkpoint, arguments.revision)
    # An engine that only answers has no base beside it: that one runs here.
    base = opened("transformers", arguments.base) if arguments.base else None
    reports = []
    for name in editors:
        file, settings = _evaluate(
            arguments, name, given[name], (engine, base, judge), chosen, protocols
        )
        if arguments.json:
            reports.append(in_json(file, settings))
        else:
            print_run(file, settings)
        if arguments.export_released:
            _export(arguments.export_released, file, name if editors[1:] else "")
    if arguments.json:
        print_json(reports[0] if len(reports) == 1 else reports)


def _opening(arguments: argparse.Namespace) -> "Callable[..., Engine]":
    """Return how engines are opened here: where, in which numbers, which tokenizer."""
    from xkde.engines.engine import open_engine

    return partial(
        open_engine,
        device=arguments.device,
        dtype=dtype_of(arguments),
        as_released=arguments.wrapper == "xkde_eval",
    )


def dtype_of(arguments: argparse.Namespace) -> "Dtype":
    """Return the number format that is asked for; “auto” is the checkpoint's own."""
    usual: Dtype = "float32" if arguments.parity else "auto"
    return arguments.dtype or usual


def _evaluate(
    arguments: argparse.Namespace,
    editor_name: str,
    given: Mapping[str, object],
    models: "tuple[Engine, Engine | None, Judge | None]",
    chosen: "ChosenCases",
    protocols: tuple[str, ...],
) -> "tuple[Path, RunSettings]":
    """Run one editor; return the file of its rows and its settings."""
    from xkde.commands.measure import memory_of_run
    from xkde.evaluation.run.probing import open_editor
    from xkde.evaluation.run.runner import evaluate

    engine, base, judge = models
    editor, editor_settings = open_editor(editor_name, engine, given)
    memory = memory_of_run(
        arguments.memory,
        arguments.memory_encoder,
        arguments.memory_others,
        editor_name,
    )
    if memory is not None:
        editor_settings = json.dumps(memory[1].as_settings(), sort_keys=True)
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
        memory=memory,
        on_progress=time_left(),
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


def protocols_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return what to measure; refuse options that do not fit together."""
    from xkde.evaluation.results.rows import GENERATED, PROTOCOLS, TEACHER_FORCED

    least = (arguments.limit, arguments.leave_out, arguments.languages_per_case)
    if min(arguments.batch_size, arguments.max_new_tokens) < 1 or min(least) < 0:
        raise InputError(
            "--batch-size and --max-new-tokens must be 1 or more; --limit, --leave-out "
            "and --languages-per-case 0 or more."
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
    if arguments.judge and GENERATED not in protocols:
        raise InputError(
            "--judge reads generated answers. Use --protocol generated or both."
        )
    return protocols


def judge_of(arguments: argparse.Namespace) -> "Judge | None":
    """Return the judge, if one is asked for; its server must answer."""
    if not arguments.judge:
        return None
    from xkde.evaluation.run.judge import PROMPT, open_judge

    prompt = PROMPT
    if arguments.judge_prompt:
        try:
            prompt = arguments.judge_prompt.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"The judge's prompt {arguments.judge_prompt} cannot be read. Give a "
                "text file in UTF-8."
            ) from error
    temperature = arguments.judge_temperature
    return open_judge(arguments.judge, arguments.judge_model, prompt, temperature)


def settings_of(
    arguments: argparse.Namespace,
    protocols: tuple[str, ...],
    chosen: "ChosenCases",
    editor: str,
    editor_settings: str,
) -> "RunSettings":
    """Return a run's settings: all that decides what its rows say."""
    from xkde.evaluation.results.store import RunSettings

    checkpoint, revision = name_and_weights(arguments.checkpoint, arguments.revision)
    base, base_revision = (
        name_and_weights(arguments.base) if arguments.base else ("", "")
    )
    return RunSettings(
        benchmark=chosen.benchmark,
        benchmark_sha256=chosen.sha256,
        cases=len(chosen.cases),
        checkpoint=checkpoint,
        revision=revision,
        engine="server" if "://" in arguments.engine else arguments.engine,
        editor=editor,
        editor_settings=editor_settings,
        base=base,
        base_revision=base_revision,
        protocols=protocols,
        wrapper=arguments.wrapper,
        parity=arguments.parity,
        dtype=dtype_of(arguments),
        directions=tuple(f"{source}→{target}" for source, target in chosen.directions),
        left_out=arguments.leave_out,
        languages_per_case=arguments.languages_per_case,
        probes=arguments.probes,
        max_new_tokens=arguments.max_new_tokens,
        seed=arguments.seed,
    )


def folder_of(arguments: argparse.Namespace, settings: "RunSettings") -> Path:
    """Return a run's folder; equal settings find theirs again."""
    several = "," in arguments.editor
    if arguments.out is not None:
        out = Path(arguments.out)
        return out / str(settings.editor) if several else out
    words = f"{settings.checkpoint} {settings.benchmark} {settings.editor}"
    name = re.sub(r"[^\w.-]+", "_", words)[:80]
    return paths.runs() / "evaluations" / f"{name}-{settings.run}"


def warn_of_skipped(skipped: "Sequence[Skipped]") -> None:
    """Say on stderr which records, or parts of one, will not be asked."""
    for each in skipped[:SKIPPED_SHOWN]:
        place = each.source
        print(
            f"{place.file}, record {place.row}, line {place.line}: {each.reason}; left "
            "out.",
            file=sys.stderr,
        )
    if skipped[SKIPPED_SHOWN:]:
        more = len(skipped) - SKIPPED_SHOWN
        print(
            f"… and {more} more; “python -m xkde benchmarks read” counts them.",
            file=sys.stderr,
        )
