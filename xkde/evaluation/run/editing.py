"""Editors for a run, by name: made with their settings, which the run then records.

What is written down is what is in force: what was asked for, over what is known to work
on a model of this shape, over the editor's own defaults. Single edits of low rank are
made and asked about side by side, with the answers of one after another. Knows no
method, and no row.

Run its tests: ``python -m pytest tests/xkde/evaluation/run/test_editing.py``
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from xkde.editors.cost import measured
from xkde.editors.editor import Applied, Editor
from xkde.editors.registry import entry_of, make
from xkde.editors.settings import preset_of, settings_for
from xkde.editors.weights.base import InWeights, bare
from xkde.editors.weights.rank_one_batch import (
    Many,
    check,
    compute_many,
    first_choices,
    generate,
)
from xkde.engines.forward import Pair
from xkde.errors import InputError, SettingsError
from xkde.evaluation.run.generated import Ids, generations_by
from xkde.evaluation.run.question import IN_PROMPT
from xkde.evaluation.run.teacher_forced import Reading, readings_by
from xkde.prompts import Wrapper
from xkde.types import Edit, Generation, Sampling

Given = Mapping[str, Mapping[str, Any]]  # editor -> its settings
EDITS_A_PART = 32  # whose changes are computed together
SHARED = (
    "Made side by side with other edits: the seconds are an equal share of what all "
    "took, the memory is that of all."
)
AskedOfMany = tuple[int, str, str]  # which edit is at work, a prompt, its gold answer
Progress = Callable[[int, int], None]
Key = tuple[str, str]  # a case, the language of its edit


@dataclass(frozen=True)
class Made:
    """Single edits side by side: each as if it were in the weights, or why not."""

    many: Many
    at_work: Mapping[Key, Applied]
    places: Mapping[Key, int]  # of the edits in ``many``
    refused: Mapping[Key, str]


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


def made_side_by_side(
    editor: InWeights, engine: Any, edits: Mapping[Key, Edit]
) -> Made:
    """Compute edits' changes, none of which goes into the weights.

    Of the cost, which is that of all edits, each has its share.
    """
    refused: dict[Key, str] = {}
    for key, edit in edits.items():
        try:
            check(editor.name, engine, edit)
        except InputError as error:
            refused[key] = str(error)
    kept = [key for key in edits if key not in refused]
    own = [edits[key] for key in kept]
    with measured(engine.device) as cost:
        many = compute_many(editor.name, engine, own, editor.given)
    shared = (SHARED,) if len(kept) > 1 else ()
    at_work = {
        key: Applied(
            editor=editor.name,
            edits=(edits[key],),
            route=bare(engine),
            seconds=cost.seconds / len(kept),
            peak_bytes=cost.peak_bytes,
            notes=(*notes, *shared),
        )
        for key, notes in zip(kept, many.notes, strict=True)
    }
    places = {key: place for place, key in enumerate(kept)}
    return Made(many, at_work, places, refused)


def generations_of_many(
    many: Many,
    asked: Sequence[AskedOfMany],
    wrapper: Wrapper,
    max_new_tokens: int,
    batch_size: int,
    on_progress: Progress,
) -> list[Generation | None]:
    """Return greedy answers; None where a prompt leaves no room for a full one."""

    def of_their_own(places: list[int], ids: list[Ids]) -> list[Generation]:
        edits = [asked[place][0] for place in places]
        return generate(
            many, edits, ids, Sampling(max_new_tokens), batch_size, on_progress
        )

    prompts = [text for _, text, _ in asked]
    return generations_by(many.engine, prompts, wrapper, max_new_tokens, of_their_own)


def readings_of_many(
    many: Many,
    asked: Sequence[AskedOfMany],
    wrapper: Wrapper,
    batch_size: int,
    on_progress: Progress,
) -> list[Reading | None]:
    """Return the first choices for gold answers; None where a text does not fit."""

    def of_their_own(places: list[int], pairs: list[Pair]) -> list[tuple[int, ...]]:
        edits = [asked[place][0] for place in places]
        return first_choices(many, edits, pairs, batch_size, on_progress)

    texts = [(text, gold) for _, text, gold in asked]
    return readings_by(many.engine, texts, wrapper, of_their_own)
