"""What an edit adds to a model's weights: put in, taken out bit-exactly, saved.

A delta maps a parameter's name to what is added to it, in float32. Taking it out never
subtracts: the parameters' own values are kept and copied back.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from xkde.errors import DataError, NotFiniteError, SettingsError
from xkde.types import Edit
from xkde.writing import aside

FORM = "xkde-delta-1"

_LOCKS: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_LOCKS_LOCK = threading.Lock()


@dataclass(frozen=True)
class SavedDelta:
    """A delta as its file has it: for which weights it was made, by which edits."""

    delta: Mapping[str, Tensor]
    editor: str
    edits: tuple[Edit, ...]
    checkpoint: str
    revision: str


@contextmanager
def alone(model: nn.Module) -> Iterator[None]:
    """Let one thread at a time have a model; it may come in again (an RLock)."""
    with _LOCKS_LOCK:
        lock = _LOCKS.setdefault(model, threading.RLock())
    with lock:
        yield


@contextmanager
def restored(model: nn.Module, names: Sequence[str]) -> Iterator[Mapping[str, Tensor]]:
    """Let parameters be changed inside; put their own values back at the end, always.

    Yields those values.
    """
    originals = originals_of(model, names)
    try:
        yield originals
    finally:
        restore(model, originals)


@contextmanager
def only_these_learn(
    model: nn.Module, names: Sequence[str] = ()
) -> Iterator[list[nn.Parameter]]:
    """Let gradients reach the named parameters only; yields them in that order."""
    before = {p: p.requires_grad for p in model.parameters()}
    chosen = [model.get_parameter(name) for name in names]
    try:
        model.requires_grad_(False)
        for parameter in chosen:
            parameter.requires_grad_(True)
        yield chosen
    finally:
        for parameter, learns in before.items():
            parameter.requires_grad_(learns)
            parameter.grad = None


def originals_of(model: nn.Module, names: Sequence[str]) -> dict[str, Tensor]:
    """Return copies of the named parameters' values."""
    return {name: model.get_parameter(name).detach().clone() for name in names}


@torch.no_grad()
def restore(model: nn.Module, originals: Mapping[str, Tensor]) -> None:
    """Copy kept values back, bit-exactly."""
    for name, value in originals.items():
        model.get_parameter(name).copy_(value)


def are_equal(model: nn.Module, values: Mapping[str, Tensor]) -> bool:
    """Tell whether the parameters hold these very bits (so NaN equals NaN)."""
    return all(
        torch.equal(_bits(model.get_parameter(name)), _bits(value))
        for name, value in values.items()
    )


def _bits(values: Tensor) -> Tensor:
    return values.detach().contiguous().view(torch.uint8)


@torch.no_grad()
def add(
    model: nn.Module,
    delta: Mapping[str, Tensor],
    originals: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Set each parameter to its original plus its delta; return the originals.

    ``originals`` are those of an earlier change that ``delta`` includes. Sums in
    float32, then rounds once. Raises NotFiniteError if a sum is no number,
    SettingsError if a delta does not fit; then nothing is changed.
    """
    kept = dict(originals or {})
    kept |= originals_of(model, [name for name in delta if name not in kept])
    changed = {}
    for name, added in delta.items():
        value = kept[name]
        if added.shape != value.shape:
            raise SettingsError(
                f"The change for {name} has the shape {tuple(added.shape)}, the model "
                f"{tuple(value.shape)}. It was made for another model; the weights are "
                "as they were."
            )
        total = (value.float() + added.to(value.device).float()).to(value.dtype)
        if not bool(total.isfinite().all()):
            raise NotFiniteError(
                "The edit would fill {parameter} with values that are no numbers, so "
                "the weights were left as they were. Try a smaller learning rate or "
                "another layer.",
                parameter=name,
            )
        changed[name] = total
    restore(model, changed)
    return kept


def sum_of(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return two deltas as one."""
    names = dict.fromkeys((*one, *other))
    return {
        name: one[name] + other[name].to(one[name].device)
        if name in one and name in other
        else (one if name in one else other)[name]
        for name in names
    }


def scaled(delta: Mapping[str, Tensor], factor: float) -> dict[str, Tensor]:
    """Return a delta times a factor."""
    return {name: added * factor for name, added in delta.items()}


def sizes(delta: Mapping[str, Tensor]) -> dict[str, float]:
    """Return each change's length (Frobenius norm), by parameter."""
    return {name: float(added.float().norm()) for name, added in delta.items()}


def save(path: Path, saved: SavedDelta) -> None:
    """Write a delta alone, as safetensors, with what it was made for and by."""
    if not saved.delta:
        raise DataError(
            f"The editor “{saved.editor}” changes no weights, so there is no delta to "
            "save. Choose one that does, such as ft-m."
        )
    tensors = {name: t.detach().cpu().contiguous() for name, t in saved.delta.items()}
    metadata = {
        "form": FORM,
        "editor": saved.editor,
        "checkpoint": saved.checkpoint,
        "revision": saved.revision,
        "edits": json.dumps([asdict(e) for e in saved.edits], ensure_ascii=False),
    }
    with aside(path, SafetensorError) as part:
        save_file(tensors, part, metadata)


def load(path: Path, revision: str) -> SavedDelta:
    """Read a delta; raises DataError for another file, or another model's delta."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            delta = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{path} could not be read as safetensors. Give a file that --save-delta "
            "wrote."
        ) from error
    if metadata.get("form") != FORM:
        raise DataError(
            f"{path} holds no delta of ours. Give a file that --save-delta wrote."
        )
    if metadata["revision"] != revision:
        raise DataError(
            f"{path} was made for {metadata['checkpoint']} ({metadata['revision']}), "
            f"this model is {revision}. Load that checkpoint, or edit this one anew."
        )
    edits = tuple(
        Edit(**{**edit, "aliases": tuple(edit["aliases"])})
        for edit in json.loads(metadata["edits"])
    )
    return SavedDelta(
        delta, metadata["editor"], edits, metadata["checkpoint"], metadata["revision"]
    )
