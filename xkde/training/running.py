"""A training of one of Atlas's own small models, from its settings to its result.

What the aligner, the encoder and the parts of editors have in common: a run's folder,
its seed, log and resume, a result that is left as it is once it is there, its card.
What is trained on what, each of them says itself. Knows no model.

Run its tests: ``python -m pytest tests/xkde/training/test_running.py``,
``tests/xkde/training/editors/test_runs.py``
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainingArguments, set_seed

from xkde.errors import SettingsError
from xkde.paths import CARD
from xkde.training.run import Log, last_log, open_run
from xkde.training.settings import HEAD
from xkde.training.settings_files import asked


@dataclass(frozen=True)
class Ready:
    """What a run trains with, and how its result is written at the end."""

    trainer: Any
    card: Mapping[str, Any]  # what of it is this training's own
    save: Callable[[Path, dict[str, Any]], Path]  # the result's folder and whole card


def run_training(
    settings: Any, training: TrainingArguments, prepare: Callable[[], Ready]
) -> Path:
    """Train by settings; return the folder of the finished result.

    Killed and started again, it goes on from its last saved step; a run that is
    finished is left as it is. What ``prepare`` draws, it draws after the seed is set.
    """
    folder = Path(training.output_dir or "")
    chosen = asked(settings, training)
    resume = open_run(folder, chosen)
    result = folder / settings.name
    if (result / CARD).is_file():  # written aside and renamed, so it is whole
        return result
    training.logging_nan_inf_filter = False  # else the log would hide a broken run
    set_seed(training.seed)
    ready = prepare()
    ready.trainer.add_callback(Log(folder))
    ready.trainer.train(resume_from_checkpoint=resume)
    card = {
        "name": settings.name,
        "base": "",
        "data": "atlas",
        **ready.card,
        "settings": chosen,
        "training": last_log(folder),
        "parameters": sum(p.numel() for p in ready.trainer.model.parameters()),
    }
    return ready.save(result, card)


def check_sizes(settings: Any) -> None:
    """Raise SettingsError for a width, depth or number of samples that cannot be."""
    if settings.hidden_size < 1 or settings.hidden_size % HEAD:
        raise SettingsError(
            f"hidden_size is {settings.hidden_size}; expected a multiple of {HEAD}."
        )
    if min(settings.samples, settings.dev_samples, settings.layers) < 1:
        raise SettingsError("samples, dev_samples and layers must be 1 or more.")
