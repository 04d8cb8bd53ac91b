"""How long each editor takes for one edit, on one model, in one run.

Single edits of Atlas's held-out subjects, each applied, asked once and reverted; an
editor that this checkout cannot run here is named with its reason. What is measured
beside it stands in PARTS: a function of the engine and the edits. One of them is how
much faster rank-one editors are side by side: the same edits of Atlas, the same queries
(four probes, two languages), answered and scored both ways in one run.

Run it: ``python -m xkde bench editors``
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from xkde.checkpoints import resolve
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.editors.registry import EDITORS, make
from xkde.errors import XkdeError
from xkde.types import Case, Edit, Query, Sampling

if TYPE_CHECKING:
    from xkde.engines.transformers import TransformersEngine

CHECKPOINT = "atlas-base"
EDITS = 8
SHORT = Sampling(max_new_tokens=8)
SIDE_BY_SIDE = ("rome", "memit", "alphaedit")
SOURCE = "en"
TARGETS = ("en", "zh")
LONGER = Sampling(max_new_tokens=24)


def measure(checkpoint: str = CHECKPOINT, count: int = EDITS) -> dict[str, object]:
    """Return seconds per edit and peak memory of every editor."""
    from xkde.engines.loading import load, source_of

    place = resolve(checkpoint)
    engine = load(source_of(place))
    edits = [case.edits["en"] for case in atlas_cases(atlas(), "test", count)]
    measured: dict[str, object] = {}
    for part in PARTS:
        measured |= part(engine, edits)
    return measured | {
        "edits": len(edits),
        "checkpoint": checkpoint,
        "parameters": engine.model.num_parameters(),
        "device": str(engine.device),
        "processors": os.cpu_count(),
        "protocol": "one edit at a time; the first one, which warms up, is not counted",
    }


def seconds_per_edit(
    engine: "TransformersEngine", edits: Sequence[Edit]
) -> dict[str, object]:
    """Return what one edit costs with each editor."""
    measured: dict[str, object] = {}
    for name in EDITORS:
        try:
            measured |= _of_one(name, engine, edits)
        except (XkdeError, ModuleNotFoundError) as error:
            measured[f"{name}: not measured"] = str(error)
    return measured


def _of_one(
    name: str, engine: "TransformersEngine", edits: Sequence[Edit]
) -> dict[str, object]:
    from xkde.editors.editor import answer, applied

    editor = make(name)
    applying, asking, peak = [], [], 0
    for edit in edits:
        with applied(editor, engine, [edit]) as edited:
            began = time.perf_counter()
            answer(edited, [Query(edit.question, edit.language)], SHORT)
            asking.append(time.perf_counter() - began)
        applying.append(edited.seconds)
        peak = max(peak, edited.peak_bytes)
    counted = max(1, len(edits) - 1)
    return {
        f"{name}: seconds to apply an edit": round(sum(applying[1:]) / counted, 4),
        f"{name}: seconds to answer with it": round(sum(asking[1:]) / counted, 4),
        f"{name}: peak memory, MiB": round(peak / 2**20, 1),
    }


def retrieval(_: object, __: Sequence[Edit]) -> dict[str, object]:
    """Return ``bench retrieval``'s measures: what a memory's editors do beside that."""
    from xkde.bench.retrieval import measure as measure_retrieval

    return {f"retrieval: {key}": value for key, value in measure_retrieval().items()}


def rank_one_side_by_side(
    engine: "TransformersEngine", edits: Sequence[Edit]
) -> dict[str, object]:
    """Return this bench's part of ``bench editors``: four times as many edits."""
    return compared(engine, SIDE_BY_SIDE, 4 * len(edits))


def compared(
    engine: "TransformersEngine", names: Sequence[str], count: int
) -> dict[str, object]:
    """Return seconds per edit both ways for each editor, and how many times faster."""
    cases = atlas_cases(atlas(), limit=count)
    edits = [case.edits[SOURCE] for case in cases]
    asked = [_asked(case) for case in cases]
    result: dict[str, object] = {
        "rank_one_edits": count,
        "rank_one_queries_per_edit": len(asked[0]),
    }
    for name in names:
        one_by_one(engine, name, edits[:1], asked[:1])  # what is set up at first
        started = time.perf_counter()
        alone = one_by_one(engine, name, edits, asked)
        slow = time.perf_counter() - started
        started = time.perf_counter()
        together = side_by_side(engine, name, edits, asked)
        fast = time.perf_counter() - started
        same = [a == b for a, b in zip(alone, together, strict=True)]
        result |= {
            f"{name}_one_by_one_s_per_edit": round(slow / count, 3),
            f"{name}_side_by_side_s_per_edit": round(fast / count, 3),
            f"{name}_times_faster": round(slow / fast, 1),
            f"{name}_equal_answers": f"{sum(same)} of {len(same)}",
        }
    return result


def one_by_one(
    engine: "TransformersEngine",
    name: str,
    edits: Sequence[Edit],
    asked: Sequence[Sequence[tuple[Query, str]]],
) -> list[str]:
    """Return all answers; every edit goes into the weights and out again."""
    from xkde.editors.editor import answer, applied, score
    from xkde.editors.registry import make

    editor, texts = make(name), []
    for edit, questions in zip(edits, asked, strict=True):
        queries = [query for query, _ in questions]
        with applied(editor, engine, [edit]) as edited:
            texts += [each.text for each in answer(edited, queries, LONGER)]
            score(edited, queries, [gold for _, gold in questions])
    return texts


def side_by_side(
    engine: "TransformersEngine",
    name: str,
    edits: Sequence[Edit],
    asked: Sequence[Sequence[tuple[Query, str]]],
) -> list[str]:
    """Return all answers; every row of a batch has its own edit's update."""
    from xkde.editors.registry import make
    from xkde.editors.weights.rank_one_batch import (
        answer,
        compute_side_by_side,
        score,
    )

    many = compute_side_by_side(make(name), engine, edits)
    rows = [
        (index, query, gold)
        for index, questions in enumerate(asked)
        for query, gold in questions
    ]
    queries = [(index, query) for index, query, _ in rows]
    texts = [each.text for each in answer(many, queries, LONGER)]
    score(many, queries, [gold for _, _, gold in rows])
    return texts


def _asked(case: Case) -> list[tuple[Query, str]]:
    """Return a case's questions with their gold answers, in the target languages."""
    return [
        (Query(item[target].question, target), item[target].answer)
        for item in case.probes.values()
        for target in TARGETS
    ]


PARTS: list[Callable[["TransformersEngine", Sequence[Edit]], dict[str, object]]] = [
    seconds_per_edit,
    rank_one_side_by_side,
    retrieval,
]
