"""A run that trains an editor's own part: SERAC's two models, MEND's hyper-network.

As other runs (``xkde.training.run``), but what is trained is no checkpoint: a plain
module, whose loss is a weighted sum of named losses, each of them logged.
"""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from xkde.data.atlas.edit_samples import EditSample, edit_samples
from xkde.data.atlas.world import atlas
from xkde.data.instructions.edit_samples import read_edit_samples
from xkde.paths import SETTINGS
from xkde.training.run import PreparedTraining, aside_of, put_in_place, run_training
from xkde.training.settings import read_settings, settings_file

FOLDER = SETTINGS / "editors" / "training"
ATLAS = "atlas"  # the setting “data” that needs no file

Losses = Callable[[nn.Module, Sequence[Any]], dict[str, Tensor]]


@dataclass(frozen=True)
class PartTraining:
    """What a run trains, on what, and how it is written down at the end."""

    network: nn.Module
    rows: Sequence[object]
    losses: Losses
    weights: Mapping[str, float]  # of each part of the loss
    save: Callable[
        [Path], Mapping[str, object]
    ]  # into a folder; returns more for a card


class LossesTrainer(Trainer):
    """A Trainer of a weighted sum of losses."""

    def __init__(
        self, losses: Losses, weights: Mapping[str, float], **options: Any
    ) -> None:
        self.losses, self.weights = losses, weights
        self.seen: dict[str, list[float]] = defaultdict(list)
        super().__init__(data_collator=_as_they_are, **options)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: object = None,
    ) -> Tensor | tuple[Tensor, object]:
        """Return the sum over a batch's rows."""
        device = self.args.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.args.bf16):
            losses = self.losses(model, inputs["rows"])
        for name, loss in losses.items():
            self.seen[name].append(float(loss.detach()))
        total = torch.stack(
            [self.weights[name] * losses[name] for name in losses]
        ).sum()
        return (total, losses) if return_outputs else total

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log the mean of each part since the last time, beside the sum."""
        if "loss" in logs:
            means = {f"{n}_loss": sum(v) / len(v) for n, v in self.seen.items() if v}
            logs = {**logs, **means}
            self.seen.clear()
        super().log(logs, start_time)


def load_editor_settings(
    editor: str, kind: type, name_or_path: str, overrides: Sequence[str] = ()
) -> tuple[Any, TrainingArguments]:
    """Read a settings file; ``overrides`` are options, ``--learning_rate 1e-3``."""
    path = settings_file(name_or_path, FOLDER, f"*-{editor}-*.yaml")
    settings, training = read_settings(path, (kind, TrainingArguments), overrides)
    return settings, training


def samples_of(data: str, seed: int, *, cross_lingual: bool) -> Iterable[EditSample]:
    """Return Atlas's samples, which never end, or those of a training file."""
    if data == ATLAS:
        return edit_samples(atlas(), seed, cross_lingual=cross_lingual)
    return read_edit_samples(Path(data), seed, cross_lingual=cross_lingual)


def train_parts(
    settings: Any,
    training: TrainingArguments,
    prepare: Callable[[Any, TrainingArguments], PartTraining],
) -> Path:
    """Train by settings; return the folder of the finished parts."""

    def ready() -> PreparedTraining:
        prepared = prepare(settings, training)
        trainer = LossesTrainer(
            prepared.losses,
            prepared.weights,
            model=prepared.network,
            args=training,
            train_dataset=prepared.rows,
        )
        card = {
            "label": f"{settings.name}, an editor's trained part for {settings.base}",
            "base": settings.base,
            "stage": "editor",
            "samples": len(prepared.rows),
        }
        return PreparedTraining(trainer, card, partial(_save, prepared))

    return run_training(settings, training, ready)


def _save(prepared: PartTraining, folder: Path, card: dict[str, object]) -> Path:
    """Write the parts and their card aside, then rename."""
    aside = aside_of(folder)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    prepared.network.eval()
    return put_in_place(aside, folder, card | dict(prepared.save(aside)))


def _as_they_are(rows: list[object]) -> dict[str, object]:
    """Return a batch: rows of ids are padded where they are read."""
    return {"rows": rows}
