"""How a file that grows is made, kept beside it: going on in another way is refused.

``answers.jsonl`` has its settings in ``answers.jsonl.settings.json``.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from xkde.errors import SettingsError
from xkde.text import Json, parse_json
from xkde.writing import write_aside

logger = logging.getLogger(__name__)


def settings_beside(file: Path) -> Path:
    """Return where the settings of a file are kept."""
    return file.with_name(f"{file.name}.settings.json")


def begun_with(
    file: Path, settings: Mapping[str, object], *, is_whole: bool = False
) -> Json | None:
    """Return the settings that a file was begun with; None where nothing is in it.

    Raises SettingsError if they are others, or if there are none: then only a file that
    ``is_whole`` is taken as it is.
    """
    beside = settings_beside(file)
    if not file.exists() or not file.stat().st_size:
        return None
    if not beside.exists():
        if not is_whole:
            raise SettingsError(
                f"{file.name} is there, but not {beside.name}, which says how it was "
                "made. Choose another --out, or remove that file."
            )
        logger.warning(
            "%s is complete and is taken as it is; how it was made is not known, "
            "since %s is not there.",
            file.name,
            beside.name,
        )
        return {}
    try:
        before: Json = dict(parse_json(beside.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            f"{beside.name}, which says how {file.name} was made, cannot be read. "
            "Choose another --out, or remove both."
        ) from error
    _refuse_changes(file, before, settings)
    return before


def _refuse_changes(file: Path, before: Json, settings: Mapping[str, object]) -> None:
    now: Json = json.loads(json.dumps(settings))  # as a file gives it back
    changed = [
        f"{name} was {before.get(name)!r} and is {value!r}"
        for name, value in now.items()
        if before.get(name) != value
    ]
    if changed:
        raise SettingsError(
            f"{file.name} was begun with other settings: {'; '.join(changed)}. Choose "
            "another --out, or remove it and its settings."
        )


def write_settings(file: Path, settings: Mapping[str, object]) -> None:
    """Write down how a file is made."""
    text = json.dumps(settings, ensure_ascii=False, indent=1)
    write_aside(settings_beside(file), text + "\n")


def keep_settings(
    file: Path, settings: Mapping[str, object], *, is_whole: bool = False
) -> None:
    """Write down how a file is made before anything is in it, or refuse as above."""
    if begun_with(file, settings, is_whole=is_whole) is None:
        write_settings(file, settings)
