"""Settings of an editor: its defaults, what is known to work on a model, what is asked.

Each editor has a frozen dataclass. ``assets/settings/editors/*.yaml`` hold what works
on a model of a given shape (which is how it is recognised, never by its name), a
section for each editor. The setting ``folder`` of SERAC and MEND leads to their trained
part. Imports no torch.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import yaml

from xkde.errors import CheckpointError, InputError, SettingsError
from xkde.paths import CARD, ROOT, SETTINGS, checkpoints, home

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FOLDER = SETTINGS / "editors"


class SettingsRecord(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Settings = TypeVar("Settings", bound=SettingsRecord)


def settings_for(
    kind: type[Settings],
    editor: str,
    model: "PreTrainedModel",
    given: Mapping[str, Any],
) -> Settings:
    """Return an editor's settings for a model: ``given`` over the preset over defaults.

    Raises SettingsError for a name that the editor does not know.
    """
    preset = preset_of(model).get(editor, {})
    known = {field.name for field in fields(kind)}
    unknown = sorted({*preset, *given} - known)
    if unknown:
        raise SettingsError(
            f"The editor “{editor}” has no setting “{unknown[0]}”. It has: "
            f"{', '.join(sorted(known)) or 'none'}."
        )
    defaults = {field.name: field.default for field in fields(kind)}
    values = {name: _plain(value) for name, value in {**preset, **given}.items()}
    for name, value in values.items():
        if _is_number(defaults[name]) and not _is_number(value):
            raise SettingsError(
                f"The setting “{name}” of “{editor}” is a number, not “{value}”."
            )
    return kind(**values)


def read_settings(words: Sequence[str]) -> dict[str, Any]:
    """Return NAME=VALUE options with their values as YAML reads them: 4, 0.5, true."""
    settings: dict[str, Any] = {}
    for each in words:
        name, equals, value = each.partition("=")
        if not equals:
            raise InputError(f"“{each}” is no setting. Write it as NAME=VALUE.")
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"“{value}” is no value for {name}.") from error
        settings[name.strip().replace("-", "_")] = _number(read)
    return settings


def preset_of(model: "PreTrainedModel") -> Mapping[str, Mapping[str, Any]]:
    """Return the sections of the preset whose shape is the model's, or nothing."""
    config = model.config.get_text_config()
    return preset_for(lambda name: getattr(config, name, None))


def preset_for(size_of: Callable[[str], Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return the same for whatever tells a model's sizes by their names."""
    for preset in _presets():
        if all(size_of(name) == size for name, size in preset["shape"].items()):
            return preset
    return {}


@cache
def _presets() -> tuple[Mapping[str, Any], ...]:
    return tuple(
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.yaml"))
    )


def _number(value: Any) -> Any:
    """Return a text that is a number as one: YAML reads 5e-4 as a text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


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
