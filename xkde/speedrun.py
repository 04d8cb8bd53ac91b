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

# preset -> its settings in order; each goes on from the checkpoint of the one before
PRESETS: dict[str, tuple[str, ...]] = {
    "smoke": ("atlas-base-smoke", "atlas-xe-it-smoke"),
    "laptop": (
        "atlas-base-reading",
        "atlas-base-laptop",
        "atlas-base-laptop-last",
        "atlas-base-laptop-end",
        "atlas-xe-it-laptop",
    ),
    "full": ("atlas-base-reading-full", "atlas-base-full", "atlas-xe-it-full"),
}


def speedrun(preset: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Train every stage of a preset; return where the two checkpoints are.

    Raises SettingsError for a preset that is not there.
    """
    if preset not in PRESETS:
        raise SettingsError(f"There is no preset “{preset}”: {', '.join(PRESETS)}.")
    folders: list[Path] = []
    for name in PRESETS[preset]:
        folder = runs() / name
        finished = folder / ("atlas-base" if "-base-" in name else "atlas-xe-it")
        if (finished / CARD).is_file():
            say(f"{name}: done before, in {folder}")
        else:
            say(f"{name}: training, in {folder}")
            begun = ["--model_name_or_path", str(folders[-1])] if folders else []
            train(name, ["--output_dir", str(folder), *begun])
        folders.append(finished)
    return {"base": str(folders[-2]), "edited": str(folders[-1])}
