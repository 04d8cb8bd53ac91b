"""Measure a checkpoint's general skills with lm-eval, as the paper's Table 3.

    python -m xkde general --checkpoint atlas-xe-it --tasks piqa,commonsense_qa
    python -m xkde general --checkpoint FOLDER --tasks mine --include FOLDER_OF_YAML

Needs lm-eval: pip install "x-kde[general]". Tasks are its own by name, or those of YAML
files in --include. Questions and numbers are kept in a run's folder; stopped and
started again, it goes on with the next task. Of the paper's tasks lm-eval has mmlu,
commonsense_qa, piqa, xsum and nq_open in English, cmmlu and ceval-valid in Chinese.
"""

import argparse
import importlib.util
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xkde.commands.output import print_json, print_table

HOW = (
    "lm-eval is not installed here. Install it beside X-KDE: pip install "
    "“x-kde[general]”, or in a checkout: .venv/bin/pip install lm-eval==0.4.13"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
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


def run(arguments: argparse.Namespace) -> None:
    """Run the tasks, then print their numbers."""
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


def _print(file: Path, settings: Any, numbers: list[Any], as_json: bool) -> None:
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
