"""A run: one execution of a stage, with its folder, log, resume and result.

    runs/<name>/settings.yaml     its settings
    runs/<name>/log.jsonl         one line for every logged step
    runs/<name>/checkpoint-N/     where it goes on after a stop
    runs/<name>/<checkpoint>/     the result: bf16 safetensors, tokenizer, card.json

Started again with the same settings it resumes; with other settings it refuses.
``run_training`` is the whole course of a run for Atlas's own small models; ``stages``
has that of a language model.
"""

import json
import logging
import math
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
import trl
import yaml
from safetensors import SafetensorError
from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from xkde.checkpoints import CATALOGUE, folders, resolve
from xkde.checkpoints.weights import read_header, read_json
from xkde.errors import CheckpointError, SettingsError
from xkde.locks import held
from xkde.paths import CARD, CHAT_TEMPLATE, NOTICE
from xkde.training.settings import HEAD, run_settings
from xkde.writing import full_disk_in_words, write_aside

logger = logging.getLogger(__name__)


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Hold a run's folder, and say in words where its disk is full.

    Of the processes of one training the first holds it for all.
    """
    is_first = os.environ.get("RANK", "0") == "0"
    lock = held(folder) if is_first else nullcontext()
    with lock, full_disk_in_words(folder, RuntimeError, SafetensorError):
        yield


def open_run(folder: Path, settings: Mapping[str, object]) -> str | None:
    """Create or reopen a run's folder; return the checkpoint to resume from, or None.

    A checkpoint that was cut off while it was written is removed.
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
        last: str | None = get_last_checkpoint(str(folder))
        if last is None or is_whole(Path(last)):
            return last
        logger.warning("%s was cut off while it was written; removed", last)
        shutil.rmtree(last)


def _refuse_changes(
    folder: Path, before: Mapping[str, object], now: Mapping[str, object]
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
    """Return whether a checkpoint to resume from was written completely.

    Its trainer_state.json is written last. Weights and states are checked as well: a
    machine that goes down may lose what it had not yet written to the disk.
    """
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        for file in checkpoint.glob("*.safetensors"):
            read_header(file)
    except (OSError, ValueError, CheckpointError):
        return False
    states = [*checkpoint.glob("*.pt"), *checkpoint.glob("*.pth")]
    return all(zipfile.is_zipfile(file) for file in states)


class RunLog(TrainerCallback):
    """Appends logged steps to ``log.jsonl``; stops a run whose loss is not finite."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.monotonic()

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        """Remove the lines after the step that the run resumes from."""
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
        logs: dict[str, object] | None = None,
        **_: object,
    ) -> None:
        """Write one line; raise SettingsError for a loss that is not finite."""
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
        # In float16 a scaler skips steps with infinite gradients; in other formats such
        # a step has spoilt the weights.
        for key in ("loss",) if args.fp16 else ("loss", "grad_norm"):
            if not math.isfinite(numbers.get(key, 0.0)):
                raise SettingsError(
                    f"The {key} is {numbers[key]} at step {state.global_step}, so the "
                    "run was stopped. Start it with a lower learning_rate and another "
                    "output_dir."
                )


def _is_past(line: Mapping[str, float], state: TrainerState) -> bool:
    return "loss" in line and int(line["step"]) <= state.global_step


def read_log(folder: Path) -> list[dict[str, float]]:
    """Return the run's logged steps without a last line that was cut off."""
    file = folder / "log.jsonl"
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    return [dict(json.loads(line)) for line in lines if line.endswith("}")]


def last_log(folder: Path) -> dict[str, float]:
    """Return the run's last logged step that has a loss; {} if none was logged."""
    return next((line for line in reversed(read_log(folder)) if "loss" in line), {})


def save_checkpoint(
    trainer: Trainer,
    folder: Path,
    card: Mapping[str, object],
    more: Callable[[Path], None] | None = None,
    adapter_of: str = "",
) -> Path:
    """Write a finished checkpoint with its card, aside and then renamed.

    Every process must call it; one writes. The weights become bf16, with LoRA merged,
    or alone as an adapter of the base with the reference ``adapter_of``; weights that
    are sharded over GPUs are gathered and keep their number format. ``more`` writes
    further files into the folder.
    """
    writes, aside = trainer.is_world_process_zero(), aside_of(folder)
    if writes:
        shutil.rmtree(aside, ignore_errors=True)
    if is_sharded(trainer):
        trainer.save_model(str(aside))
    elif writes and adapter_of:
        _save_adapter(trainer, aside, adapter_of)
    elif writes:
        network: Any = trainer.model
        if hasattr(network, "merge_and_unload"):
            network = network.merge_and_unload()
        network.to(torch.bfloat16).save_pretrained(aside)
    if writes:
        tokenizer: Any = trainer.processing_class
        if not adapter_of:  # an adapter is asked with its base's tokenizer
            tokenizer.save_pretrained(aside)
        (aside / "training_args.bin").unlink(missing_ok=True)  # a pickle
        if more is not None:
            more(aside)
        put_in_place(aside, folder, card)
    return folder


def _save_adapter(trainer: Trainer, folder: Path, base: str) -> None:
    """Write LoRA's factors in bf16, chat template, end marks and the base's notice."""
    network: Any = trainer.model
    network.to(torch.bfloat16).save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's form with empty fields
    config = read_json(folder / folders.CONFIG)
    entry = CATALOGUE.get(base)
    config["base_model_name_or_path"] = (entry and entry.repository) or base
    write_aside(folder / folders.CONFIG, json.dumps(config, indent=1) + "\n")
    tokenizer: Any = trainer.processing_class
    write_aside(folder / CHAT_TEMPLATE, tokenizer.chat_template)
    ends = {"eos_token_id": tokenizer.eos_token_id}  # a base's may be line breaks, too
    write_aside(folder / "generation_config.json", json.dumps(ends) + "\n")
    source = resolve(base).path
    if source is not None and (source / NOTICE).is_file():
        shutil.copyfile(source / NOTICE, folder / NOTICE)


def aside_of(folder: Path) -> Path:
    """Return the folder in which a result is written until it is complete."""
    return folder.with_name(folder.name + ".part")


def put_in_place(aside: Path, folder: Path, card: Mapping[str, object]) -> Path:
    """Write a result's card with the libraries' versions, and rename its folder."""
    versions = {m.__name__: m.__version__ for m in (torch, transformers, trl)}
    text = json.dumps({**card, "versions": versions}, ensure_ascii=False, indent=1)
    write_aside(aside / CARD, text + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)
    return folder


def is_sharded(trainer: Trainer) -> bool:
    """Return whether no process holds all weights (FSDP, DeepSpeed)."""
    return bool(trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled)


# The course of a run


@dataclass(frozen=True)
class PreparedTraining:
    """A trainer, and how its result is written at the end."""

    trainer: Any
    card: Mapping[str, object]  # the entries that only this training has
    save: Callable[[Path, dict[str, object]], Path]  # takes folder and whole card


def run_training(
    settings: object,
    training: TrainingArguments,
    prepare: Callable[[], PreparedTraining],
) -> Path:
    """Train one of Atlas's small models; return the folder of the finished result.

    Stopped and started again, it resumes from its last saved step; a finished run is
    left as it is. ``prepare`` is called after the seed is set.
    """
    folder = Path(training.output_dir or "")
    with at_work(folder):
        return _trained(settings, training, folder, prepare)


def _trained(
    settings: Any,
    training: TrainingArguments,
    folder: Path,
    prepare: Callable[[], PreparedTraining],
) -> Path:
    chosen = run_settings(settings, training)
    resume = open_run(folder, chosen)
    result: Path = folder / settings.name
    if (result / CARD).is_file():  # written aside and renamed, so it is whole
        return result
    training.logging_nan_inf_filter = False  # else the log hides a NaN
    set_seed(training.seed)
    prepared = prepare()
    prepared.trainer.add_callback(RunLog(folder))
    prepared.trainer.train(resume_from_checkpoint=resume)
    card = {
        "name": settings.name,
        "base": "",
        "data": "atlas",
        **prepared.card,
        "settings": chosen,
        "training": last_log(folder),
        "parameters": sum(p.numel() for p in prepared.trainer.model.parameters()),
    }
    return prepared.save(result, card)


def check_sizes(settings: Any) -> None:
    """Raise SettingsError for an impossible width, depth or number of samples."""
    if settings.hidden_size < 1 or settings.hidden_size % HEAD:
        raise SettingsError(
            f"hidden_size is {settings.hidden_size}; expected a multiple of {HEAD}."
        )
    if min(settings.samples, settings.dev_samples, settings.layers) < 1:
        raise SettingsError("samples, dev_samples and layers must be 1 or more.")
