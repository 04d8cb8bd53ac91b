"""Updates that were computed before an interruption, kept in a folder and read again.

A file holds the updates of one group of edits. Its name is a digest of all that they
follow from: weights, editor, settings in force and the edits. So nothing that was
computed otherwise is ever read for them.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from xkde.editors.weights.low_rank import LowRankUpdate, Updates
from xkde.types import Edit
from xkde.writing import aside


def kept(
    folder: Path | None,
    of_what: Sequence[object],
    edits: Sequence[Edit],
    compute: Callable[[], Sequence[Updates]],
) -> list[Updates]:
    """Return the updates of some edits: as they were kept, else computed and kept.

    ``of_what``: weights, editor and settings. Without a folder nothing is kept. Raises
    DataError where the folder cannot be written.
    """
    if folder is None:
        return list(compute())
    identity = repr((*of_what, *edits)).encode()
    file = folder / f"{hashlib.sha256(identity).hexdigest()[:24]}.safetensors"
    found = _read(file, len(edits))
    if found is None:
        found = list(compute())
        _write(file, found)
    return found


def _write(file: Path, sets: Sequence[Updates]) -> None:
    tensors = {
        f"{number}.{layer}.{part}": matrix.detach().cpu().contiguous()
        for number, updates in enumerate(sets)
        for layer, update in updates.items()
        for part, matrix in (("keys", update.keys), ("values", update.values))
    }
    with aside(file, SafetensorError) as part:
        save_file(tensors, part)


def _read(file: Path, count: int) -> list[Updates] | None:
    """Return what a file holds, or None if it is not there or not whole."""
    if not file.is_file():
        return None
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError):
        return None
    sets: list[dict[int, LowRankUpdate]] = [{} for _ in range(count)]
    for name, keys in tensors.items():
        number, layer, part = name.split(".")
        if part == "keys":
            values = tensors[f"{number}.{layer}.values"]
            sets[int(number)][int(layer)] = LowRankUpdate(keys, values)
    return list(sets)
