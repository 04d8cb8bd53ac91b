"""Editors for a run, by name: made with their settings, which the run then records.

What is written down is what is in force: what was asked for, over what is known to work
on a model of this shape, over the editor's own defaults. Knows no method.

Run its tests: ``python -m pytest tests/test_editing.py``
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import yaml

from xkde.editors.editor import Editor
from xkde.editors.editors import entry_of, make
from xkde.editors.settings import preset_of, settings_for
from xkde.errors import InputError, SettingsError
from xkde.evaluation.question import IN_PROMPT

Given = Mapping[str, Mapping[str, Any]]  # editor -> its settings


def editor_names(text: str) -> list[str]:
    """Return the editors that "rome,ike,x-kde" names; raises InputError for others."""
    names = [word.strip() for word in text.split(",") if word.strip()]
    if not names:
        raise InputError("No editor is named. Use --editor x-kde, or none.")
    return [entry_of(name).name for name in dict.fromkeys(names)]


def given_settings(overrides: Sequence[str], editors: Sequence[str]) -> Given:
    """Return what "rome.layer=4" and the like say, by editor.

    Raises SettingsError for what does not say so, or is about no editor of the run.
    """
    given: dict[str, dict[str, Any]] = {name: {} for name in editors}
    for text in overrides:
        name, dot, setting = text.partition("=")[0].partition(".")
        if not dot or "=" not in text or name not in given:
            raise SettingsError(
                f"“{text}” sets nothing. Write EDITOR.SETTING=VALUE, such as "
                f"{editors[0]}.layer=4, for an editor of this run."
            )
        try:
            given[name][setting] = yaml.safe_load(text.partition("=")[2])
        except yaml.YAMLError as error:
            raise SettingsError(f"The value in “{text}” cannot be read.") from error
    return given


def open_editor(
    name: str, engine: Any, given: Mapping[str, Any]
) -> tuple[Editor | None, str]:
    """Return an editor and its settings as JSON; None for what a prompt itself says.

    Raises SettingsError for a setting that it does not have.
    """
    if name in IN_PROMPT:
        if given:
            raise SettingsError(f"The editor {name} has no settings here.")
        return None, ""
    editor = make(name, given)
    kind = getattr(editor, "settings", None)
    if isinstance(kind, type):
        in_force = asdict(settings_for(kind, name, engine.model, given))  # type: ignore[call-overload]
    elif hasattr(engine, "model") and not isinstance(engine.model, str):
        in_force = {**preset_of(engine.model).get(name, {}), **given}
    else:
        in_force = dict(given)
    text = json.dumps(in_force, ensure_ascii=False, sort_keys=True, default=str)
    return editor, text if in_force else ""
