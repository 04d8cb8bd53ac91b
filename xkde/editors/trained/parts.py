"""Where an editor's trained part lies: an embedded one, or what ``train-editor`` wrote.

Knows no editor. Imports no torch.
"""

import json
from pathlib import Path

from xkde.editors.settings import preset_for
from xkde.errors import CheckpointError, SettingsError
from xkde.paths import CARD, ROOT, checkpoints, home


def part_folder(editor: str, folder: str) -> Path:
    """Return the folder with a card: as given, embedded, below home or checkout."""
    make = (
        f"Train it with: python -m xkde train-editor {editor} --settings "
        f"atlas-{editor}-laptop"
    )
    if not folder:
        raise SettingsError(
            f"The editor “{editor}” needs a trained part, and its setting “folder” "
            f"names none for this model. {make}"
        )
    given = Path(folder).expanduser()
    for path in (given, checkpoints() / given, home() / given, ROOT / given):
        if (path / CARD).is_file():
            return path
    raise CheckpointError(
        f"The trained part of “{editor}” is not in {folder}. {make}; or give its "
        "folder (folder)."
    )


def has_part(editor: str, checkpoint: Path) -> bool:
    """Tell whether an editor's part for a checkpoint is here, by its config alone."""
    try:
        config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    preset = preset_for(config.get("text_config", config).get)
    try:
        part_folder(editor, preset.get(editor, {}).get("folder", ""))
    except (SettingsError, CheckpointError):
        return False
    return True
