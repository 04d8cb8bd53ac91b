"""Sequential edits: what is applied by now, and how it is saved.

What the edits have added to the weights is saved in a file, so that a run that was
stopped goes on with the next edit.
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from xkde.editors.editor import Applied, Editor, bare, revert
from xkde.editors.weights import deltas
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError, NotFiniteError
from xkde.types import Edit
from xkde.writing import aside

FILE = "state.safetensors"
DELTA, STATE = "delta/", "kept/"  # before the names of tensors in the file
MEGABYTE = 1e6


@dataclass(frozen=True)
class SequentialEdits:
    """Edits applied so far, and what they took."""

    applied: Applied | None = None  # None before the first one
    tried: int = 0  # edits
    refused: tuple[int, ...] = ()  # which of them the editor would not make
    seconds: float = 0.0
    peak_mb: float = 0.0
    notes: tuple[str, ...] = ()


def apply_more(
    sequence: SequentialEdits,
    editor: Editor,
    engine: TransformersEngine,
    edits: Sequence[Edit],
    at_once: bool,
) -> SequentialEdits:
    """Return the sequence with further edits: together, or one after another.

    An edit that the editor will not make, or that would spoil the weights, is noted;
    the model is as it was before it.
    """
    parts = [list(edits)] if at_once else [[edit] for edit in edits]
    with ExitStack() as on_error:
        on_error.callback(lambda: revert_all(sequence, engine))
        for part in parts:
            sequence = _with_part(sequence, editor, engine, part)
        on_error.pop_all()
    return sequence


def _with_part(
    sequence: SequentialEdits,
    editor: Editor,
    engine: TransformersEngine,
    part: Sequence[Edit],
) -> SequentialEdits:
    tried = sequence.tried + len(part)
    try:
        edited = editor.apply(engine, part, sequence.applied)
    except (InputError, NotFiniteError) as error:
        refused = (*sequence.refused, *range(sequence.tried, tried))
        notes = _joined(sequence.notes, (error.notice,))
        return replace(sequence, tried=tried, refused=refused, notes=notes)
    return replace(
        sequence,
        applied=edited,
        tried=tried,
        seconds=sequence.seconds + edited.seconds,
        peak_mb=max(sequence.peak_mb, edited.peak_bytes / MEGABYTE),
        notes=_joined(sequence.notes, edited.notes),
    )


def edited_model(sequence: SequentialEdits, engine: TransformersEngine) -> Applied:
    """Return what is applied: the model as it is, where no edit is."""
    return sequence.applied or Applied("none", (), bare(engine))


def revert_all(sequence: SequentialEdits, engine: TransformersEngine) -> None:
    """Take all edits out of the weights again."""
    if sequence.applied is not None:
        revert(engine, sequence.applied)


def save(folder: Path, sequence: SequentialEdits) -> None:
    """Write a sequence into a folder; nothing where no weights were changed."""
    if sequence.applied is None or not sequence.applied.delta:
        return
    tensors = {DELTA + name: t for name, t in sequence.applied.delta.items()}
    tensors |= {STATE + name: t for name, t in sequence.applied.state.items()}
    record = {
        "made": sequence.tried,
        "refused": sequence.refused,
        "seconds": sequence.seconds,
        "peak_mb": sequence.peak_mb,
        "notes": sequence.notes,
    }
    flat = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    with aside(folder / FILE, SafetensorError) as part:
        save_file(flat, part, {"stream": json.dumps(record, ensure_ascii=False)})


def load(
    folder: Path, editor: Editor, engine: TransformersEngine, edits: Sequence[Edit]
) -> SequentialEdits:
    """Apply a saved sequence again; return an empty one where nothing was saved.

    ``edits`` are those that it was made of, in their order.
    """
    file = folder / FILE
    if not file.is_file():
        return SequentialEdits()
    with safe_open(file, framework="pt") as opened:
        record = json.loads(opened.metadata()["stream"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    refused = tuple(record["refused"])
    delta = _under(tensors, DELTA, engine)
    edited = Applied(
        editor.name,
        tuple(edits[i] for i in range(record["made"]) if i not in refused),
        bare(engine),
        delta,
        deltas.add(engine.model, delta),
        _under(tensors, STATE, engine),
    )
    return SequentialEdits(
        edited,
        record["made"],
        refused,
        record["seconds"],
        record["peak_mb"],
        tuple(record["notes"]),
    )


def _under(
    tensors: dict[str, Tensor], head: str, engine: TransformersEngine
) -> dict[str, Tensor]:
    return {
        name.removeprefix(head): tensor.to(engine.device)
        for name, tensor in tensors.items()
        if name.startswith(head)
    }


def _joined(notes: tuple[str, ...], more: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*notes, *more)))
