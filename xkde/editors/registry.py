"""The editors by name. Costs no torch: each is imported when it is asked for.

An editor's module has a factory ``editor(settings) -> Editor``; settings are those of
its own dataclass, and what works on a known model is in ``assets/settings/editors``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from xkde.checkpoints import trained_from
from xkde.errors import InputError

if TYPE_CHECKING:
    from xkde.editors.editor import Editor

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
            "trained.serac",
            ("trained part",),
        ),
        EditorEntry(
            "mend",
            "MEND",
            "Passes the gradient of an edit through a small trained network, and adds "
            "what comes out to the weights.",
            "trained",
            "trained.mend",
            ("trained part",),
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


def make(name: str, settings: Mapping[str, Any] | None = None) -> "Editor":
    """Return an editor, with its settings over those known to work on a model."""
    entry = entry_of(name)
    module = import_module(f"xkde.editors.{entry.module}")
    editor: Editor = getattr(module, entry.factory)(settings or {})
    return editor
