"""General tasks (the paper's Table 3): does editing leave a model's other skills alone?

Runs tasks of ``lm-eval``, its own or those of YAML files given, on one of our engines.
Each question is a row as in any evaluation: ``relation`` is the task, ``exact`` its
acc or exact_match where it is right or wrong, ``f1`` its f1. A stopped run goes on with
the next task. Beside the rows the run's folder keeps

    <run>/general/TASK.json     measures with errors, shots, questions, version

which can be read without lm-eval; to run tasks needs the extra ``general``.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from xkde.engines.transformers import TransformersEngine
from xkde.errors import DataError, InputError
from xkde.evaluation.results.rows import HERE, Result
from xkde.evaluation.results.store import (
    append_part,
    finish,
    open_store,
    run_id,
)
from xkde.evaluation.run.runner import NOT_MEASURED, versions
from xkde.locks import held
from xkde.prompts import ask
from xkde.text import Json
from xkde.writing import write_aside

GENERAL = "general"  # benchmark, probe and protocol of their rows
FOLDER = "general"
RIGHT_OR_WRONG = ("acc", "exact_match")
# Of what lm-eval returns, all by task
KEPT = ("results", "versions", "n-shot", "n-samples", "higher_is_better", "configs")


@dataclass(frozen=True)
class Number:
    """One measure of one task; ``error`` is its standard error, if lm-eval has one."""

    task: str
    measure: str
    value: float
    error: float | None
    n: int


def write_numbers(folder: Path, task: str, report: Json) -> None:
    """Keep what lm-eval says of a task."""
    kept = {name: report[name].get(task) for name in KEPT if name in report}
    text = json.dumps(kept, ensure_ascii=False, indent=1, default=str)
    file = folder / FOLDER / f"{task}.json"
    write_aside(file, text)


def read_numbers(folder: Path) -> list[Number]:
    """Return the numbers of all tasks of a run."""
    found: list[Number] = []
    for file in sorted((folder / FOLDER).glob("*.json")):
        try:
            report = json.loads(file.read_text("utf-8"))
            results, n = report["results"], int(report["n-samples"]["effective"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{file} is damaged. Remove the run's folder and repeat the command."
            ) from error
        found += [
            Number(file.stem, _named(key), value, _error(results, key), n)
            for key, value in results.items()
            if isinstance(value, float) and "_stderr," not in key
        ]
    return found


def _named(key: str) -> str:
    """Return "acc", or "exact_match (strict)" where answers went through a filter."""
    measure, _, filtered = key.partition(",")
    return measure if filtered in ("", "none") else f"{measure} ({filtered})"


def _error(results: Json, key: str) -> float | None:
    measure, _, filtered = key.partition(",")
    error = results.get(f"{measure}_stderr,{filtered}")
    return error if isinstance(error, float) else None


def scores_of(sample: Json) -> dict[str, object]:
    """Return those of a task's measures that mean what our columns mean."""
    found: dict[str, object] = {}
    for name in RIGHT_OR_WRONG:
        value = sample.get(name)
        if name in sample["metrics"] and value in (0, 1):
            found.setdefault("exact", bool(value))
    if "f1" in sample["metrics"] and isinstance(sample["f1"], float):
        found["f1"] = sample["f1"]
    return found


def texts_of(sample: Json) -> tuple[str, str | None]:
    """Return gold and answer as texts; of choices the likeliest is the answer."""
    target, given = sample["target"], sample["filtered_resps"]
    if len(given) > 1 and all(isinstance(one, list | tuple) for one in given):
        choices = [str(each[1]).strip() for each in sample["arguments"]]
        likely = max(range(len(given)), key=lambda i: float(given[i][0]))
        if isinstance(target, int) and 0 <= target < len(choices):
            target = choices[target]
        return str(target), choices[likely % len(choices)]
    answer = given[0] if given and isinstance(given[0], str) else None
    return str(target), answer


@dataclass(frozen=True)
class GeneralSettings:
    """All that decides what the rows of a run say."""

    checkpoint: str
    revision: str
    tasks: tuple[str, ...]  # as they were asked for
    shots: int | None = None  # None: as each task says
    chat: bool = True  # questions in the checkpoint's chat template
    limit: int = 0  # questions a task; 0: all
    seed: int = 1234  # draws the shots
    engine: str = "transformers"
    lm_eval: str = ""

    @property
    def run(self) -> str:
        """The run's id: equal settings are one run."""
        return run_id(self)


def run_tasks(
    engine: TransformersEngine,
    settings: GeneralSettings,
    folder: Path,
    *,
    include: Sequence[Path] = (),
    batch_size: int = 16,
    on_task: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Ask every task that is not there yet; return the file of all rows.

    ``include`` are folders with YAML files of tasks. Raises InputError for a task that
    is not known, SettingsError for a folder of another run, CheckpointError for a
    checkpoint without chat template.
    """
    if settings.chat:
        engine.encode(ask("?"))  # refuses a checkpoint without a chat template
    manager = import_module("lm_eval.tasks").TaskManager(
        include_path=[str(path) for path in include] or None
    )
    names = known_tasks(manager, settings.tasks)
    with held(folder):
        done = {key[0].rpartition("/")[0] for key in open_store(folder, settings)}
        lm = import_module("lm_eval.models.huggingface").HFLM(
            pretrained=engine.model, tokenizer=engine.tokenizer, batch_size=batch_size
        )
        for number, name in enumerate(names):
            if on_task is not None:
                on_task(name, number, len(names))
            if name in done:
                continue
            started = perf_counter()
            report = _evaluated(lm, manager, name, settings, batch_size)
            write_numbers(folder, name, report)
            rows = [
                _row(settings, name, sample, question)
                for question, of in enumerate(_by_filter(report["samples"][name]))
                for sample in of
            ]
            append_part(folder, rows, perf_counter() - started)
        return finish(folder, settings, versions(engine, settings) | lm_eval_version())


def lm_eval_version() -> dict[str, str]:
    """Return which lm-eval is at work."""
    return {"lm_eval": version("lm_eval")}


def known_tasks(manager: Any, wanted: Sequence[str]) -> list[str]:
    """Return single tasks; a group or tag stands for all of its own."""
    unknown = [name for name in wanted if name not in manager.task_index]
    if unknown or not wanted:
        raise InputError(
            f"lm-eval knows no task “{', '.join(unknown)}”. Give names that “lm-eval "
            "ls tasks” lists, or the folder of a task's YAML file with --include."
        )
    try:
        return list(manager.load(list(wanted))["tasks"])
    except (OSError, ValueError) as error:  # no data, or a YAML file that is wrong
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise InputError(
            f"{', '.join(wanted)} cannot be loaded: {reason}. Mend its YAML file, or "
            "fetch its data while there is a network."
        ) from error


def _evaluated(
    lm: object, manager: Any, name: str, settings: GeneralSettings, batch_size: int
) -> Any:
    return import_module("lm_eval").simple_evaluate(
        model=lm,
        tasks=[name],
        num_fewshot=settings.shots,
        batch_size=batch_size,
        limit=settings.limit or None,
        apply_chat_template=settings.chat,
        task_manager=manager,
        random_seed=settings.seed,
        numpy_random_seed=settings.seed,
        torch_random_seed=settings.seed,
        fewshot_random_seed=settings.seed,
        log_samples=True,
    )


def _by_filter(samples: Sequence[Json]) -> list[list[Json]]:
    """Return the samples of each of a task's filters of answers, in their order."""
    found: dict[str, list[Json]] = {}
    for sample in samples:
        found.setdefault(sample["filter"], []).append(sample)
    return list(found.values())


def _row(settings: GeneralSettings, task: str, sample: Json, question: int) -> Result:
    asked = str(sample["arguments"][0][0])
    gold, answer = texts_of(sample)
    return Result(
        run=settings.run,
        benchmark=GENERAL,
        case=f"{task}/{sample['doc_id']}",
        probe=GENERAL,
        question=question,
        relation=task,
        subject="",
        source="",
        target="",
        editor="none",
        protocol=GENERAL,
        engine=settings.engine,
        checkpoint=settings.checkpoint,
        revision=settings.revision,
        base="",
        base_revision="",
        wrapper="hf_template" if settings.chat else "none",
        parity=False,
        seed=settings.seed,
        edit="",
        query=asked,
        prompt=asked,
        gold=gold,
        defects="",
        clean=True,
        provenance=HERE,
        date=datetime.now(UTC).date().isoformat(),
        notes="" if sample["filter"] == "none" else f"filter {sample['filter']}",
        **(NOT_MEASURED | {"answer": answer} | scores_of(sample)),
    )
