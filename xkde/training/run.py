"""A run: one execution of a stage, with its folder, log, resume and result.

    runs/<name>/settings.yaml     what was asked for
    runs/<name>/log.jsonl         one line for every logged step
    runs/<name>/checkpoint-N/     where it goes on after a stop
    runs/<name>/<checkpoint>/     the result: bf16 safetensors, tokenizer, card.json

Started again with the same settings it resumes; with other settings it refuses. Knows
no data and no settings by name.

Run its tests: ``python -m pytest tests/xkde/training/test_run.py``
"""

import json
import logging
import math
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
import trl
import yaml
from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from xkde.checkpoints.weights import read_header
from xkde.errors import CheckpointError, SettingsError
from xkde.paths import CARD, write_aside

logger = logging.getLogger(__name__)


def open_run(folder: Path, settings: Mapping[str, Any]) -> str | None:
    """Create or reopen a run's folder; return the checkpoint to resume from, or None.

    A checkpoint that a kill left half-written is removed; the one before it is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "settings.yaml"
    if file.exists():
        _refuse_changes(folder, yaml.safe_load(file.read_text("utf-8")), settings)
    else:
        write_aside(
            file, yaml.safe_dump(dict(settings), allow_unicode=True, sort_keys=True)
        )
    while True:
        found: str | None = get_last_checkpoint(str(folder))
        if found is None or is_whole(Path(found)):
            return found
        logger.warning("%s was cut off while it was written; removed", found)
        shutil.rmtree(found)


def _refuse_changes(
    folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    # A setting that an earlier version did not write down is taken as unchanged.
    changed = [
        f"{key} was {before[key]} and is {value}"
        for key, value in now.items()
        if key in before and before[key] != value
    ]
    if changed:
        raise SettingsError(
            f"The run “{folder.name}” was begun with other settings: "
            f"{'; '.join(changed)}. Choose another output_dir, or remove that folder."
        )


def is_whole(checkpoint: Path) -> bool:
    """Whether a folder to resume from was written to its end.

    Its trainer_state.json is written last; weights and states are looked at as well,
    since a machine that goes down may lose what it had not yet put on the disk.
    """
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        for file in checkpoint.glob("*.safetensors"):
            read_header(file)
    except (OSError, ValueError, CheckpointError):
        return False
    states = [*checkpoint.glob("*.pt"), *checkpoint.glob("*.pth")]
    return all(zipfile.is_zipfile(file) for file in states)


class Log(TrainerCallback):
    """Appends every logged step to ``log.jsonl``, and checks that losses are finite."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.monotonic()

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Forget what was logged after the step that the run goes on from."""
        if state.is_world_process_zero:
            kept = [line for line in read_log(self.folder) if _is_past(line, state)]
            lines = "".join(json.dumps(line) + "\n" for line in kept)
            write_aside(self.folder / "log.jsonl", lines)
            self.began = time.monotonic() - (kept[-1]["seconds"] if kept else 0)

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
        if state.is_world_process_zero:
            line = {
                "step": state.global_step,
                "of": state.max_steps,
                "seconds": round(time.monotonic() - self.began, 1),
                **numbers,
            }
            with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        # In float16 a scaler skips steps with infinite gradients; elsewhere such a step
        # has just spoilt the weights.
        for key in ("loss",) if args.fp16 else ("loss", "grad_norm"):
            if not math.isfinite(numbers.get(key, 0.0)):
                raise SettingsError(
                    f"The {key} is {numbers[key]} at step {state.global_step}, so the "
                    "run was stopped. Start it with a lower learning_rate and another "
                    "output_dir."
                )


def _is_past(line: Mapping[str, Any], state: TrainerState) -> bool:
    return "loss" in line and int(line["step"]) <= state.global_step


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return the run's logged steps; a line that a kill cut off is left out."""
    file = folder / "log.jsonl"
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    return [dict(json.loads(line)) for line in lines if line.endswith("}")]


def last_log(folder: Path) -> dict[str, Any]:
    """Return the run's last logged step that has a loss; {} if none was logged."""
    return next((line for line in reversed(read_log(folder)) if "loss" in line), {})


def save_checkpoint(
    trainer: Trainer,
    folder: Path,
    card: Mapping[str, Any],
    more: Callable[[Path], None] | None = None,
) -> Path:
    """Write a finished checkpoint with its card, aside and then renamed.

    Every process must call it; one writes. The weights become bf16, LoRA merged into
    them; those that are spread over GPUs are gathered and stay in their own format.
    ``more`` writes what else belongs into the folder.
    """
    writes, aside = trainer.is_world_process_zero(), aside_of(folder)
    if writes:
        shutil.rmtree(aside, ignore_errors=True)
    if is_sharded(trainer):
        trainer.save_model(str(aside))
    elif writes:
        network: Any = trainer.model
        if hasattr(network, "merge_and_unload"):
            network = network.merge_and_unload()
        network.to(torch.bfloat16).save_pretrained(aside)
    if writes:
        tokenizer: Any = trainer.processing_class
        tokenizer.save_pretrained(aside)
        (aside / "training_args.bin").unlink(missing_ok=True)  # a pickle
        if more is not None:
            more(aside)
        put_in_place(aside, folder, card)
    return folder


def aside_of(folder: Path) -> Path:
    """Return where a result is written before it is whole."""
    return folder.with_name(folder.name + ".part")


def put_in_place(aside: Path, folder: Path, card: Mapping[str, Any]) -> Path:
    """Write a result's card, with the libraries' versions, and rename the whole."""
    versions = {m.__name__: m.__version__ for m in (torch, transformers, trl)}
    text = json.dumps({**card, "versions": versions}, ensure_ascii=False, indent=1)
    write_aside(aside / CARD, text + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)
    return folder


def is_sharded(trainer: Trainer) -> bool:
    """Whether no process holds all weights (FSDP, DeepSpeed)."""
    return bool(trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled)
