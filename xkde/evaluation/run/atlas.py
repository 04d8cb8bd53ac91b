"""Checkpoints asked about Atlas: what they know, what edits do, how stages differ.

Every function returns a table as JSON, with protocol, split and provenance.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from xkde.checkpoints.weights import fingerprint
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.records import Split
from xkde.data.atlas.world import atlas
from xkde.engines.loading import load, local_folder
from xkde.evaluation.results.atlas_table import (
    TABLE_MEASURES,
    AtlasCell,
    closed_book,
    probe_cells,
    stages_table,
)
from xkde.paths import checkpoints

Progress = Callable[[int, int], None]
PROTOCOL = "generated, greedy, exact match after normalisation"
HERE = "measured here"
# The shipped checkpoints of the paper's Table 4; those that are not there are left out.
SHIPPED_STAGES = ("atlas-base", "atlas-xe-it", "atlas-tl-po-alone", "atlas-tl-po")
REFERENCE = "atlas-xe-it"


def measure_checkpoints(
    references: Sequence[str],
    sources: Sequence[str],
    split: Split = "test",
    limit: int = 0,
    progress: Callable[[str], Progress | None] = lambda _: None,
) -> dict[str, Any]:
    """Return what each checkpoint knows by heart, and its probes after single edits.

    ``sources`` are the languages of the edits, which stand in the prompt.
    """
    world = atlas()
    cases = atlas_cases(world, split, limit)
    models: dict[str, Any] = {}
    for reference in references:
        folder = local_folder(reference)
        engine = load(folder)
        cells = closed_book(engine, world, on_progress=progress(f"{reference} facts"))
        for source in sources:
            on_progress = progress(f"{reference} {source}")
            probes = probe_cells(engine, cases, source, world.languages, on_progress)
            cells += [cell for cell in probes if cell.measure in TABLE_MEASURES]
        models[reference] = {
            "fingerprint": fingerprint(folder),
            "cells": [cell.as_dict() for cell in cells],
        }
    return {
        "protocol": PROTOCOL,
        "wrapper": "hf_template",
        "provenance": HERE,
        "split": split,
        "cases": len(cases),
        "seed": 7,
        "models": models,
    }


def compare_stages(
    references: Sequence[str],
    sources: Sequence[str],
    split: Split = "test",
    limit: int = 0,
    progress: Callable[[str], Progress | None] = lambda _: None,
) -> dict[str, Any]:
    """Return the paper's Table 4 for checkpoints; none named: those that are shipped.

    All answer the same questions, and each is compared with stage one, or with the
    first checkpoint where stage one is not among them.
    """
    references = references or [
        name for name in SHIPPED_STAGES if (checkpoints() / name).is_dir()
    ]
    world = atlas()
    cases = atlas_cases(world, split, limit)

    def cells_of(reference: str) -> Iterator[tuple[str, list[AtlasCell]]]:
        engine = load(local_folder(reference))
        for source in sources:
            on_progress = progress(f"{reference} {source}")
            cells = probe_cells(engine, cases, source, world.languages, on_progress)
            yield source, cells

    answered = {reference: dict(cells_of(reference)) for reference in references}
    # The folder of a run ends in the name of the checkpoint that it made.
    stage_one = (name for name in answered if Path(name).name == REFERENCE)
    reference = next(stage_one, next(iter(answered)))
    return {
        "protocol": PROTOCOL,
        "provenance": HERE,
        "split": split,
        "cases": len(cases),
        "reference": reference,
        "rows": stages_table(answered, reference),
    }
