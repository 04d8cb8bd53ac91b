"""What general tasks leave beside their rows: each task's own numbers, as lm-eval says.

    <run>/general/TASK.json     measures with errors, shots, questions, version

Knows no model and needs no lm-eval, so that results can be read anywhere.

Run its tests: ``python -m pytest tests/xkde/evaluation/run/test_general.py``
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xkde.errors import DataError
from xkde.evaluation.results.store import writing
from xkde.paths import write_aside

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


def write_numbers(folder: Path, task: str, told: Mapping[str, Any]) -> None:
    """Keep what lm-eval says of a task."""
    kept = {name: told[name].get(task) for name in KEPT if name in told}
    text = json.dumps(kept, ensure_ascii=False, indent=1, default=str)
    file = folder / FOLDER / f"{task}.json"
    with writing(file):
        write_aside(file, text)


def read_numbers(folder: Path) -> list[Number]:
    """Return the numbers of all tasks of a run."""
    found: list[Number] = []
    for file in sorted((folder / FOLDER).glob("*.json")):
        try:
            told = json.loads(file.read_text("utf-8"))
            results, n = told["results"], int(told["n-samples"]["effective"])
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


def _error(results: Mapping[str, Any], key: str) -> float | None:
    measure, _, filtered = key.partition(",")
    error = results.get(f"{measure}_stderr,{filtered}")
    return error if isinstance(error, float) else None


def scores_of(sample: Any) -> dict[str, Any]:
    """Return those of a task's measures that mean what our columns mean."""
    found: dict[str, Any] = {}
    for name in RIGHT_OR_WRONG:
        value = sample.get(name)
        if name in sample["metrics"] and value in (0, 1):
            found.setdefault("exact", bool(value))
    if "f1" in sample["metrics"] and isinstance(sample["f1"], float):
        found["f1"] = sample["f1"]
    return found


def texts_of(sample: Any) -> tuple[str, str | None]:
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
