"""How much of what goes into a training file: shares, as a settings file states them.

``assets/settings/instructions/paper.yaml`` has the paper's quarters,
``gemma-3-270m.yaml`` what the shipped adapter was trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from xkde.errors import SettingsError
from xkde.languages import ATLAS_LANGUAGES
from xkde.paths import SETTINGS

FOLDER = SETTINGS / "instructions"
ANY = "any"  # among the languages of edits: each of the twelve alike

QUARTERS = {
    "in_scope": 0.25,
    "in_scope_without_edit": 0.25,
    "out_of_scope": 0.25,
    "out_of_scope_without_edit": 0.25,
}


@dataclass(frozen=True)
class Recipe:
    """What a training file is made of; every mapping holds weights, of any sum."""

    shares: Mapping[str, float] = field(default_factory=lambda: dict(QUARTERS))
    query_languages: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(ATLAS_LANGUAGES, 1.0)
    )
    edit_languages: Mapping[str, float] = field(default_factory=lambda: {ANY: 1.0})
    monolingual: float = (
        0.5  # of the samples with an edit: the query is in its language
    )
    edits_in_scope: Mapping[int, float] = field(default_factory=lambda: {1: 1.0})
    edits_out_of_scope: Mapping[int, float] = field(default_factory=lambda: {1: 1.0})
    answers: Mapping[str, float] = field(default_factory=lambda: {"own": 1.0})
    same_type: float = (
        0.6  # of edits beside a query: they ask for the same sort of thing
    )
    own_words: float = 0.0  # of the questions: as people type them
    max_hops: int = 6
    longest_answer: int = 60  # characters, of a fact's or paraphrase's answer
    longest_target: int = 40  # characters, of the base's and of multi-hop answers
    # of the questions put to the base: by what they are about, by language
    target_questions: Mapping[str, float] = field(
        default_factory=lambda: {"facts": 0.5, "neighbours": 0.25, "atlas": 0.25}
    )
    target_languages: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(ATLAS_LANGUAGES, 1.0)
    )
    dev_facts: int = 300  # parallel facts that are kept out, for choosing settings
    hold_out_answers: bool = True  # an answer may not name a test subject either


def read_recipe(name_or_path: str, kinds: tuple[str, ...]) -> Recipe:
    """Read a settings file, by the name of a shipped one or by its path.

    Raises SettingsError that says what does not fit.
    """
    path = FOLDER / f"{name_or_path}.yaml"
    path = path if path.is_file() else Path(name_or_path)
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
        raise SettingsError(
            f"{name_or_path} is no settings file of instructions. Use {names}, or a "
            "YAML file with one setting a line."
        ) from None
    if not isinstance(known, dict):
        raise SettingsError(f"{path.name} must hold one setting a line, “name: value”.")
    return recipe_of(known, kinds, path.name)


def recipe_of(known: Mapping[str, Any], kinds: tuple[str, ...], where: str) -> Recipe:
    """Return the recipe of what a settings file says."""
    names = {each.name for each in fields(Recipe)}
    strange = sorted(set(known) - names)
    if strange:
        raise SettingsError(
            f"{where}: “{strange[0]}” is no setting. Use {', '.join(sorted(names))}."
        )
    recipe = Recipe(**known)
    for name, allowed in (
        ("shares", kinds),
        ("query_languages", ATLAS_LANGUAGES),
        ("target_languages", ATLAS_LANGUAGES),
        ("target_questions", ("facts", "neighbours", "atlas")),
        ("edit_languages", (*ATLAS_LANGUAGES, ANY)),
        ("edits_in_scope", (1, 2, 3, 4)),
        ("edits_out_of_scope", (1, 2, 3, 4)),
        ("answers", ("own", "same type", "any", "name", "invented")),
    ):
        _check_weights(getattr(recipe, name), allowed, f"{where}, “{name}”")
    for name in ("monolingual", "same_type", "own_words"):
        value = getattr(recipe, name)
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise SettingsError(f"{where}: “{name}” must be a share from 0 to 1.")
    for name in ("max_hops", "longest_answer", "longest_target", "dev_facts"):
        value = getattr(recipe, name)
        if not isinstance(value, int) or value < 0:
            raise SettingsError(f"{where}: “{name}” must be a whole number.")
    return recipe


def _check_weights(weights: object, allowed: tuple[object, ...], where: str) -> None:
    if not isinstance(weights, dict) or not weights:
        raise SettingsError(f"{where}: write a weight for each, “name: 0.5”.")
    for name, weight in weights.items():
        if name not in allowed:
            raise SettingsError(
                f"{where}: “{name}” is none of {', '.join(map(str, allowed))}."
            )
        if not isinstance(weight, int | float) or weight < 0:
            raise SettingsError(f"{where}: the weight of “{name}” must be 0 or more.")
    if not sum(weights.values()):
        raise SettingsError(f"{where}: all weights are 0.")
