"""The editors by name. Costs no torch: each is imported when it is asked for.

Each has a factory ``editor(settings) -> Editor`` in its module; settings are those of
its own dataclass, and what works on a known model is in ``assets/settings/editors``.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeVar

import yaml

from xkde.checkpoints import trained_from
from xkde.errors import CheckpointError, InputError, SettingsError
from xkde.paths import CARD, ROOT, SETTINGS, checkpoints, home
from xkde.text import Json

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from xkde.editors.editor import Editor


FOLDER = SETTINGS / "editors"


class SettingsRecord(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


Settings = TypeVar("Settings", bound=SettingsRecord)


def settings_for(
    kind: type[Settings],
    editor: str,
    model: "PreTrainedModel",
    given: Mapping[str, object],
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
        wanted = _wanted(defaults[name], value)
        if wanted:
            raise SettingsError(
                f"The setting “{name}” of “{editor}” is {wanted}, not “{value}”."
            )
    return kind(**values)


def _wanted(default: object, value: object) -> str:
    """Return what a setting must be, if the value is something else than its kind."""
    if isinstance(default, tuple):
        return "" if isinstance(value, tuple) else "a list, such as [1, 2]"
    if not _is_number(default):
        return ""
    if not _is_number(value):
        return "a number"
    is_whole = isinstance(value, int) or isinstance(default, float)
    return "" if is_whole else "a whole number"


def read_settings(words: Sequence[str]) -> Json:
    """Return NAME=VALUE options with their values as YAML reads them: 4, 0.5, true."""
    settings: Json = {}
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


def preset_of(model: "PreTrainedModel") -> Mapping[str, Json]:
    """Return the sections of the preset whose shape is the model's, or nothing."""
    config = model.config.get_text_config()
    return preset_for(lambda name: getattr(config, name, None))


def preset_for(size_of: Callable[[str], object]) -> Mapping[str, Json]:
    """Return the same for whatever tells a model's sizes by their names."""
    for preset in _presets():
        if all(size_of(name) == size for name, size in preset["shape"].items()):
            return preset
    return {}


@cache
def _presets() -> tuple[Json, ...]:
    return tuple(
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.yaml"))
    )


def _number(value: object) -> object:
    """Return a text that is a number as one: YAML reads 5e-4 as a text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def part_folder(editor: str, folder: str) -> Path:
    """Return the folder with a card: as given, embedded, below home or checkout."""
    make = f"Train it with: {training_command(editor, Path(folder).parent.name)}"
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


def training_command(editor: str, name: str) -> str:
    """Return how an editor's part is trained by a preset, for Atlas if there is none.

    ``name`` is a preset's, or that of the checkpoint it is for.
    """
    settings = name if name.endswith(f"-{editor}") else f"{name}-{editor}"
    if not (FOLDER / "training" / f"{settings}.yaml").is_file():
        settings = f"atlas-{editor}-laptop"
    return f"python -m xkde train-editor {editor} --settings {settings}"


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


Kind = Literal["prompt", "weights", "trained"]
Need = Literal["subject", "moments", "demonstrations", "trained part", "old answer"]


@dataclass(frozen=True)
class EditorEntry:
    """One editor: what it is, in a sentence, and what it needs."""

    name: str
    label: str  # as it is written for people
    sentence: str
    kind: Kind
    module: str
    needs: tuple[Need, ...] = ()
    factory: str = "editor"


EDITORS: dict[str, EditorEntry] = {
    entry.name: entry
    for entry in (
        EditorEntry(
            "x-kde",
            "X-KDE",
            "States the edit in the prompt that XE-IT trains a model to obey in any "
            "language.",
            "prompt",
            "prompt",
            factory="x_kde",
        ),
        EditorEntry(
            "lte",
            "LTE",
            "States edits as numbered facts in the prompt of a model that has learned "
            "to use them in one language.",
            "prompt",
            "prompt",
            factory="lte",
        ),
        EditorEntry(
            "ike",
            "IKE",
            "Shows the model demonstrations of edits that are copied, paraphrased and "
            "irrelevant, then states the edit.",
            "prompt",
            "prompt",
            ("demonstrations",),
            factory="ike",
        ),
        EditorEntry(
            "prompt",
            "Plain prompt",
            "Writes the new fact before the query and nothing else.",
            "prompt",
            "prompt",
            factory="plain",
        ),
        EditorEntry(
            "none",
            "No edit",
            "Asks the model as it is, to compare with.",
            "prompt",
            "prompt",
            factory="none",
        ),
        EditorEntry(
            "ft-l",
            "FT-L",
            "Fine-tunes one layer's down projection; every answer token is read from "
            "the prompt's end.",
            "weights",
            "weights.fine_tuning",
            factory="ft_l",
        ),
        EditorEntry(
            "ft-m",
            "FT-M",
            "Fine-tunes one layer's down projection on the answer, token after token.",
            "weights",
            "weights.fine_tuning",
            factory="ft_m",
        ),
        EditorEntry(
            "rome",
            "ROME",
            "Writes one new value for the subject's key into one layer, by a rank-one "
            "update.",
            "weights",
            "weights.rome",
            ("subject", "moments"),
        ),
        EditorEntry(
            "memit",
            "MEMIT",
            "Spreads the new values of many edits over several layers, by least "
            "squares.",
            "weights",
            "weights.memit",
            ("subject", "moments"),
        ),
        EditorEntry(
            "alphaedit",
            "AlphaEdit",
            "As MEMIT, but only in directions that other text does not use.",
            "weights",
            "weights.alphaedit",
            ("subject", "moments"),
        ),
        EditorEntry(
            "kn",
            "KN",
            "Finds the neurons that speak for the old answer and turns them to the "
            "new one.",
            "weights",
            "weights.kn",
            ("old answer",),
        ),
        EditorEntry(
            "serac",
            "SERAC",
            "Leaves the model alone: a classifier sends queries in an edit's scope to "
            "a small model of their own.",
            "trained",
            "trained",
            ("trained part",),
            factory="serac",
        ),
        EditorEntry(
            "mend",
            "MEND",
            "Passes the gradient of an edit through a small trained network, and adds "
            "what comes out to the weights.",
            "trained",
            "trained",
            ("trained part",),
            factory="mend",
        ),
    )
}


def entry_of(name: str) -> EditorEntry:
    """Return an editor's entry; raises InputError that names the choices."""
    if name not in EDITORS:
        raise InputError(
            f"There is no editor “{name}”. Choose one of: {', '.join(EDITORS)}."
        )
    return EDITORS[name]


def model_of(name: str, base: str, edited: str) -> str:
    """Return the checkpoint that an editor asks, of two that were chosen.

    X-KDE asks the edited one, all others the base; but LTE the checkpoint that was
    trained from that base to obey edits in one language, where it is here.
    """
    if name == "x-kde":
        return edited
    return (trained_from(base, "lte") if name == "lte" else None) or base


def make(name: str, settings: Mapping[str, object] | None = None) -> "Editor":
    """Return an editor, with its settings over those known to work on a model."""
    entry = entry_of(name)
    module = import_module(f"xkde.editors.{entry.module}")
    editor: Editor = getattr(module, entry.factory)(settings or {})
    return editor
