"""The paper in miniature, from nothing: world, base, XE-IT, tables.

Every step is a run that resumes; a second speedrun does only what is missing. Writes
into ``runs/``; the shipped checkpoints of ``assets/`` stay as they are.
Run it: ``python -m xkde speedrun --preset smoke``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xkde.errors import SettingsError
from xkde.paths import CARD, runs
from xkde.training.stages import train

PRESETS = ("smoke", "laptop", "full")


def speedrun(preset: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Train both stages of a preset; return where the checkpoints are."""
    if preset not in PRESETS:
        raise SettingsError(f"There is no preset “{preset}”: {', '.join(PRESETS)}.")
    suffix = "" if preset == "laptop" else f"-{preset}"
    folders: dict[str, Path] = {}
    for stage in ("base", "xe-it"):
        run_folder = runs() / f"atlas-{stage}{suffix}"
        finished = run_folder / f"atlas-{stage}"
        if (finished / CARD).is_file():
            say(f"{finished.name}: done before, in {run_folder}")
        else:
            say(f"{finished.name}: training, in {run_folder}")
            overrides = ["--output_dir", str(run_folder)]
            if stage == "xe-it":
                overrides += ["--model_name_or_path", str(folders["base"])]
            train(f"atlas-{stage}-{preset}", overrides)
        folders[stage] = finished
    return {"base": str(folders["base"]), "edited": str(folders["xe-it"])}
