"""A run: one execution of a stage, with its folder, log, resume and finished checkpoint.

    runs/<name>/settings.yaml     what was asked for
    runs/<name>/log.jsonl         one line for every logged step
    runs/<name>/checkpoint-N/     where it goes on after a stop
    runs/<name>/<checkpoint>/     the result: bf16 safetensors, tokenizer, card.json

Started again with the same settings it resumes; with other settings it refuses.
"""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch
import transformers
import trl
import yaml
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from xkde.errors import SettingsError
from xkde.paths import CARD


def write_aside(path: Path, text: str) -> None:
    """Write a file so that it is there wholly or not at all."""
    aside = path.with_name(path.name + ".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def open_run(folder: Path, settings: dict[str, Any]) -> str | None:
    """Create or reopen a run's folder; return the checkpoint to resume from, or None."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "settings.yaml"
    text = yaml.safe_dump(settings, allow_unicode=True, sort_keys=True)
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise SettingsError(
            f"The run “{folder.name}” was begun with other settings. Choose another "
            "output_dir, or remove that folder."
        )
    write_aside(file, text)
    return get_last_checkpoint(str(folder))


class Log(TrainerCallback):
    """Appends every logged step to ``log.jsonl``, and checks that losses are finite."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "log.jsonl"
        self.began = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Write one line; stop a run whose loss is no longer a number."""
        numbers = {k: v for k, v in (logs or {}).items() if isinstance(v, int | float)}
        line = {"step": state.global_step, "of": state.max_steps,
                "seconds": round(time.monotonic() - self.began, 1), **numbers}  # fmt: skip
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        loss = numbers.get("loss", 0.0)
        if loss != loss or loss in (float("inf"), float("-inf")):
            raise SettingsError(
                f"The loss is {loss} at step {state.global_step}. Lower learning_rate; "
                "the last checkpoint of the run is good."
            )


def last_log(folder: Path) -> dict[str, Any]:
    """Return the run's last logged step."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return dict(json.loads(lines[-1])) if lines else {}


def save_checkpoint(
    model: Any, tokenizer: Any, folder: Path, card: dict[str, Any]
) -> Path:
    """Write a finished checkpoint in bf16 with its card, aside and then renamed."""
    aside = folder.with_name(folder.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(aside, safe_serialization=True)
    tokenizer.save_pretrained(aside)
    versions = {m.__name__: m.__version__ for m in (torch, transformers, trl)}
    write_aside(
        aside / CARD,
        json.dumps(card | {"versions": versions}, ensure_ascii=False, indent=1) + "\n",
    )
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)
    return folder
