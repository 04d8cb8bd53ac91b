"""ROME, MEMIT and AlphaEdit against the released way of computing them, in one run.

Both sides have the same model, second moments, prompts and settings; what a model's
second moments give (factors, C⁻¹, P) is there before either is timed. They take turns,
edit by edit. Times are of the processor, which other work on the machine affects less
than the clock; memory is the most above what was in use before.

Run it: ``python -m xkde bench rivals``
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from xkde.bench.evaluation import QWEN_SHAPE
from xkde.checkpoints import resolve
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.editors.editor import measured
from xkde.editors.weights.released import (
    Change,
    cosine,
    our_change,
    released_change,
    write_moments,
)
from xkde.engines.loading import load, random_qwen2, source_of
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit

CHECKPOINT = "atlas-base"
NAMES = ("rome", "memit", "alphaedit")
MANY = ("memit", "alphaedit")  # take many edits at once
EDITS = 10  # one at a time
TOGETHER = 100  # at once, by MEMIT and AlphaEdit
WIDE_EDITS = 3  # on the shape of Qwen2.5 0.5B
WIDE_STEPS = 6


def measure(
    count: int = EDITS,
    together: int = TOGETHER,
    wide: int = WIDE_EDITS,
    shape: Mapping[str, object] = QWEN_SHAPE,
) -> dict[str, object]:
    """Return processor seconds of both ways, their ratios, and memory."""
    report = on_checkpoint(count, together) | on_shape(shape, wide)
    return report | {
        "checkpoint": CHECKPOINT,
        "threads": os.environ.get("OMP_NUM_THREADS", "torch's default"),
        "processors": os.cpu_count(),
        "protocol": f"{count} edits one at a time, one more to warm up; Atlas's own "
        f"settings; the shape of Qwen2.5 0.5B with random weights, {WIDE_STEPS} "
        f"updates, {wide} edits; medians of processor seconds, ratio with its range "
        "over edits: the released way's time by ours",
    }


def on_checkpoint(count: int, together: int) -> dict[str, object]:
    """Return what edits of Atlas cost on its base model, one by one and at once."""
    engine = load(source_of(resolve(CHECKPOINT)), device="cpu")
    cases = atlas_cases(atlas(), "test", count + together + 1)
    edits = [case.edits["en"] for case in cases]
    report: dict[str, object] = {}
    for name in NAMES:
        report |= one_by_one(engine, name, edits[: count + 1], {}, name)
    for name in MANY:
        label = f"{name}, {together} at once"
        report |= compared(engine, name, [edits[-together:]], {}, label)
    return report


def on_shape(shape: Mapping[str, object], count: int) -> dict[str, object]:
    """Return what ROME costs on a random model of a shape, a few updates an edit."""
    place = resolve(CHECKPOINT)
    assert place.path is not None
    cases = atlas_cases(atlas(), "test", count + 1)
    edits = [case.edits["en"] for case in cases]
    given = {"steps": WIDE_STEPS, "stop": 0.0}
    with _home_aside():
        engine = random_qwen2(place.path, shape)
        write_moments(engine, given)
        return one_by_one(engine, "rome", edits, given, "rome, shape of Qwen2.5 0.5B")


def one_by_one(
    engine: TransformersEngine,
    name: str,
    edits: Sequence[Edit],
    given: Mapping[str, object],
    label: str,
) -> dict[str, object]:
    """Return what both ways take for each of the edits; the first warms up."""
    compared(engine, name, [edits[:1]], given, label)
    return compared(engine, name, [[edit] for edit in edits[1:]], given, label)


def compared(
    engine: TransformersEngine,
    name: str,
    groups: Sequence[Sequence[Edit]],
    given: Mapping[str, object],
    label: str,
) -> dict[str, object]:
    """Return seconds and memory of both ways for each group of edits made at once."""
    theirs, ours = released_change(engine, name, given), our_change(engine, name, given)
    times: dict[Change, list[float]] = {ours: [], theirs: []}
    peaks: dict[Change, int] = {ours: 0, theirs: 0}
    cosines: list[float] = []
    for number, group in enumerate(groups):
        order = (ours, theirs) if number % 2 else (theirs, ours)
        changes = {}
        for change in order:
            with measured(engine.device) as cost:
                began = time.process_time()
                changes[change] = change(group)
                times[change].append(time.process_time() - began)
            peaks[change] = max(peaks[change], cost.peak_bytes)
        cosines.append(cosine(changes[ours], changes[theirs]))
    ratios = [b / a for a, b in zip(times[ours], times[theirs], strict=True)]
    return {
        f"{label}: our seconds": round(statistics.median(times[ours]), 3),
        f"{label}: seconds as released": round(statistics.median(times[theirs]), 3),
        f"{label}: ratio": f"{statistics.median(ratios):.2f} "
        f"[{min(ratios):.2f}, {max(ratios):.2f}], n = {len(groups)}",
        f"{label}: memory above the model, MiB, ours and released": (
            f"{peaks[ours] / 2**20:.0f}, {peaks[theirs] / 2**20:.0f}"
        ),
        f"{label}: least cosine of the two changes": f"{min(cosines):.4f}",
    }


@contextmanager
def _home_aside() -> Iterator[None]:
    """Let what is written below XKDE_HOME go to a folder that is removed after."""
    before = os.environ.get("XKDE_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XKDE_HOME"] = str(Path(folder))
        try:
            yield
        finally:
            os.environ.pop("XKDE_HOME")
            if before is not None:
                os.environ["XKDE_HOME"] = before
