"""SERAC (Mitchell et al., 2022): a classifier decides who answers a query.

If one of the edits has the query in its scope, with a probability of the threshold or
more, a small counterfactual model reads that edit and the query; else the base answers,
untouched. Train both with ``python -m xkde train-editor serac``; another checkpoint
that takes edits in its prompt, such as one of XE-IT, may stand in for the second.

Run its tests: ``python -m pytest tests/xkde/editors/trained/test_serac.py``
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xkde.checkpoints import read_card, resolve
from xkde.editors.checks import check_edits
from xkde.editors.cost import measured
from xkde.editors.editor import Applied, Routed
from xkde.editors.settings import settings_for
from xkde.editors.trained.parts import part_folder
from xkde.engines.loading import load
from xkde.engines.scope import Scope, load_scope
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.languages import language
from xkde.paths import CARD
from xkde.prompts import ask, edit_prompt
from xkde.types import Edit, Query

EVEN = 0.5  # the threshold where training chose none


@dataclass(frozen=True)
class Settings:
    """Where the trained parts lie, and from what probability on they answer."""

    folder: str = ""
    threshold: float = -1.0  # below 0: what training chose on the dev split
    counterfactual: str = ""  # a checkpoint that answers in scope; empty: the trained


@dataclass(frozen=True)
class Parts:
    """What training made."""

    scope: Scope
    counterfactual: TransformersEngine
    threshold: float


@dataclass(frozen=True)
class Serac:
    """The editor; ``given`` is what was asked of its settings."""

    given: Mapping[str, Any]
    name: str = "serac"

    def apply(
        self,
        engine: TransformersEngine,
        edits: Sequence[Edit],
        earlier: Applied | None = None,
    ) -> Applied:
        """Keep the edits beside the model; its weights stay as they are."""
        check_edits(edits, engine.tokenizer)
        settings = settings_for(Settings, self.name, engine.model, self.given)
        with measured(engine.device) as cost:
            parts = parts_of(settings, engine.device)
            read = parts.scope.embed([edit.question for edit in edits])
            if earlier is not None:
                read = torch.cat([earlier.kept["scope"], read])
        kept = (*(earlier.edits if earlier else ()), *edits)
        return Applied(
            self.name,
            kept,
            route(engine, parts, kept, read),
            kept={"scope": read},
            seconds=cost.seconds,
            peak_bytes=cost.peak_bytes,
        )


def editor(given: Mapping[str, Any]) -> Serac:
    """Return the editor."""
    return Serac(given)


def route(
    engine: TransformersEngine, parts: Parts, edits: Sequence[Edit], read: Tensor
) -> Callable[[Query], Routed]:
    """Return who is asked a query: the counterfactual model with one edit, or the base.

    ``read`` are the edits as the classifier sees them.
    """

    def routed(query: Query) -> Routed:
        index, probability = decide(parts.scope, read, query)
        if probability < parts.threshold:
            return Routed(engine, tuple(ask(query.text)))
        name = language(query.language).name
        text = edit_prompt([edits[index]], query.text, name)
        return Routed(parts.counterfactual, tuple(ask(text)))

    return routed


def decide(scope: Scope, read: Tensor, query: Query) -> tuple[int, float]:
    """Return the edit that most likely has a query in its scope, and how likely."""
    found = scope.probabilities(read, scope.embed([query.text]))[:, 0]
    # Of edits that are alike the last one is in force.
    index = len(found) - 1 - int(found.flip(0).argmax())
    return index, float(found[index])


def parts_of(settings: Settings, device: torch.device) -> Parts:
    """Return the trained parts, loaded once; raises XkdeError if they are not there."""
    folder = part_folder("serac", settings.folder)
    card = read_card(folder)
    chosen = settings.threshold
    if chosen < 0:
        chosen = float(card.details.get("threshold", EVEN)) if card else EVEN
    if chosen > 1:
        raise SettingsError(f"SERAC's threshold lies from 0 to 1; {chosen} does not.")
    written = (folder / CARD).stat().st_mtime_ns
    scope = _scope(folder / "scope", str(device), written)
    return Parts(scope, _counterfactual(folder, settings, device, written), chosen)


def _counterfactual(
    folder: Path, settings: Settings, device: torch.device, written: int
) -> TransformersEngine:
    if not settings.counterfactual:
        return _engine(str(folder / "counterfactual"), None, str(device), written)
    place = resolve(settings.counterfactual)
    source = str(place.path or place.repository)
    return _engine(source, place.revision, str(device), 0)


@lru_cache(maxsize=2)
def _scope(folder: Path, device: str, written: int) -> Scope:
    """Return the classifier of a folder as it was ``written`` at a time."""
    return load_scope(folder, torch.device(device))


@lru_cache(maxsize=2)
def _engine(
    source: str, revision: str | None, device: str, written: int
) -> TransformersEngine:
    return load(source, device=device, revision=revision)
