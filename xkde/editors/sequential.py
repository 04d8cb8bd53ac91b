"""Edits that come one after another: what is at work by now, and how it is kept.

What a stream has added to the weights is kept in a file, so that a run that was stopped
goes on with the next edit. Knows no method and no question.

Run its tests: ``python -m pytest tests/xkde/evaluation/experiments/test_many_edits.py``
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from xkde.editors.editor import Applied, Editor, revert
from xkde.editors.weights import deltas
from xkde.editors.weights.base import bare
from xkde.errors import InputError, SettingsError
from xkde.types import Edit

STATE = "state.safetensors"
DELTA, KEPT = "delta/", "kept/"
MEGABYTE = 1e6


@dataclass(frozen=True)
class Stream:
    """Edits at work, and what they took; ``now`` is None before the first one."""

    now: Applied | None = None
    made: int = 0  # edits that were tried
    refused: tuple[int, ...] = ()  # which of them the editor would not make
    seconds: float = 0.0
    peak_mb: float = 0.0
    notes: tuple[str, ...] = ()


def added(
    stream: Stream, editor: Editor, engine: Any, edits: Sequence[Edit], at_once: bool
) -> Stream:
    """Return the stream with further edits at work: together, or one after another.

    An edit that the editor will not make, or that would spoil the weights, is noted;
    the model is as it was before it.
    """
    parts = [list(edits)] if at_once else [[edit] for edit in edits]
    with ExitStack() as stopped:  # by whatever else goes wrong
        stopped.callback(lambda: taken_out(stream, engine))
        for part in parts:
            stream = _with_part(stream, editor, engine, part)
        stopped.pop_all()
    return stream


def _with_part(
    stream: Stream, editor: Editor, engine: Any, part: Sequence[Edit]
) -> Stream:
    made = stream.made + len(part)
    try:
        now = editor.apply(engine, part, stream.now)
    except (InputError, SettingsError) as error:
        refused = (*stream.refused, *range(stream.made, made))
        notes = _with(stream.notes, (error.notice,))
        return replace(stream, made=made, refused=refused, notes=notes)
    return replace(
        stream,
        now=now,
        made=made,
        seconds=stream.seconds + now.seconds,
        peak_mb=max(stream.peak_mb, now.peak_bytes / MEGABYTE),
        notes=_with(stream.notes, now.notes),
    )


def at_work(stream: Stream, engine: Any) -> Applied:
    """Return what is at work: the model as it is, where no edit is."""
    return stream.now or Applied("none", (), bare(engine))


def taken_out(stream: Stream, engine: Any) -> None:
    """Take all edits out of the weights again."""
    if stream.now is not None:
        revert(engine, stream.now)


def keep(folder: Path, stream: Stream) -> None:
    """Write a stream into a folder; nothing where no weights were changed."""
    if stream.now is None or not stream.now.delta:
        return
    tensors = {DELTA + name: t for name, t in stream.now.delta.items()}
    tensors |= {KEPT + name: t for name, t in stream.now.kept.items()}
    told = asdict(replace(stream, now=None))
    aside = folder / (STATE + ".part")
    flat = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    save_file(flat, aside, {"stream": json.dumps(told, ensure_ascii=False)})
    aside.replace(folder / STATE)


def kept(folder: Path, editor: Editor, engine: Any, edits: Sequence[Edit]) -> Stream:
    """Put a kept stream to work again; an empty one where nothing was kept."""
    file = folder / STATE
    if not file.is_file():
        return Stream()
    with safe_open(file, framework="pt") as opened:
        told = json.loads(opened.metadata()["stream"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    refused = tuple(told.pop("refused"))
    done = [edits[i] for i in range(told["made"]) if i not in refused]
    delta = _under(tensors, DELTA, engine.device)
    now = Applied(
        editor.name,
        tuple(done),
        bare(engine),
        delta,
        deltas.add(engine.model, delta),
        _under(tensors, KEPT, engine.device),
    )
    return Stream(
        **{**told, "refused": refused, "notes": tuple(told["notes"]), "now": now}
    )


def _under(tensors: dict[str, Tensor], head: str, device: Any) -> dict[str, Tensor]:
    return {
        name.removeprefix(head): tensor.to(device)
        for name, tensor in tensors.items()
        if name.startswith(head)
    }


def _with(notes: tuple[str, ...], more: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*notes, *more)))
