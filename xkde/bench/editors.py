"""How long each editor takes for one edit, on one model, in one run.

Single edits of Atlas's held-out subjects, each applied, asked once and reverted; an
editor that this checkout cannot run here is named with its reason. What is measured
beside it stands in PARTS: a function of the engine and the edits.

Run it: ``python -m xkde bench editors``
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from xkde.bench.rank_one import rank_one_side_by_side
from xkde.checkpoints import resolve
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.editors.registry import EDITORS, make
from xkde.errors import XkdeError
from xkde.types import Edit, Query, Sampling

CHECKPOINT = "atlas-base"
EDITS = 8
SHORT = Sampling(max_new_tokens=8)


def measure(checkpoint: str = CHECKPOINT, count: int = EDITS) -> dict[str, Any]:
    """Return seconds per edit and peak memory of every editor."""
    from xkde.engines.loading import load, source_of

    place = resolve(checkpoint)
    engine = load(source_of(place))
    edits = [case.edits["en"] for case in atlas_cases(atlas(), "test", count)]
    told: dict[str, Any] = {}
    for part in PARTS:
        told |= part(engine, edits)
    return told | {
        "edits": len(edits),
        "checkpoint": checkpoint,
        "parameters": engine.model.num_parameters(),
        "device": str(engine.device),
        "processors": os.cpu_count(),
        "protocol": "one edit at a time; the first one, which warms up, is not counted",
    }


def seconds_per_edit(engine: Any, edits: Sequence[Edit]) -> dict[str, Any]:
    """Return what one edit costs with each editor."""
    told: dict[str, Any] = {}
    for name in EDITORS:
        try:
            told |= _of_one(name, engine, edits)
        except (XkdeError, ModuleNotFoundError) as error:
            told[f"{name}: not measured"] = str(error)
    return told


def _of_one(name: str, engine: Any, edits: Sequence[Edit]) -> dict[str, Any]:
    from xkde.editors.editor import answer, applied

    editor = make(name)
    applying, asking, peak = [], [], 0
    for edit in edits:
        with applied(editor, engine, [edit]) as at_work:
            began = time.perf_counter()
            answer(at_work, [Query(edit.question, edit.language)], SHORT)
            asking.append(time.perf_counter() - began)
        applying.append(at_work.seconds)
        peak = max(peak, at_work.peak_bytes)
    counted = max(1, len(edits) - 1)
    return {
        f"{name}: seconds to apply an edit": round(sum(applying[1:]) / counted, 4),
        f"{name}: seconds to answer with it": round(sum(asking[1:]) / counted, 4),
        f"{name}: peak memory, MiB": round(peak / 2**20, 1),
    }


def retrieval(_: Any, __: Sequence[Edit]) -> dict[str, Any]:
    """Return ``bench retrieval``'s measures: what a memory's editors do beside that."""
    from xkde.bench.retrieval import measure as measure_retrieval

    return {f"retrieval: {key}": told for key, told in measure_retrieval().items()}


PARTS: list[Callable[[Any, Sequence[Edit]], dict[str, Any]]] = [
    seconds_per_edit,
    rank_one_side_by_side,
    retrieval,
]
