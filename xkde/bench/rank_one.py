"""How much faster rank-one editors are evaluated side by side than one edit at a time.

The same edits of Atlas, the same queries (four probes, two languages), answered and
scored both ways in one run on one model. Run as a part of
``python -m xkde bench editors``, or by itself:

    python -c "from xkde.bench.rank_one import measure; print(measure())"
"""

import time
from collections.abc import Sequence
from typing import Any

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.types import Case, Edit, Query, Sampling

CHECKPOINT = "atlas-base"
NAMES = ("rome", "memit", "alphaedit")
EDITS = 32
SOURCE = "en"
TARGETS = ("en", "zh")
GREEDY = Sampling(max_new_tokens=24)


def measure(
    checkpoint: str = CHECKPOINT, names: Sequence[str] = NAMES, count: int = EDITS
) -> dict[str, Any]:
    """Measure on a checkpoint that is here."""
    from xkde.checkpoints import resolve
    from xkde.engines.loading import load

    path = resolve(checkpoint).path
    assert path is not None
    return compared(load(path, device="cpu"), names, count)


def rank_one_side_by_side(engine: Any, edits: Sequence[Edit]) -> dict[str, Any]:
    """Return this bench's part of ``bench editors``: four times as many edits."""
    return compared(engine, NAMES, 4 * len(edits))


def compared(
    engine: Any, names: Sequence[str] = NAMES, count: int = EDITS
) -> dict[str, Any]:
    """Return seconds per edit both ways for each editor, and how many times faster."""
    cases = atlas_cases(atlas(), limit=count)
    edits = [case.edits[SOURCE] for case in cases]
    asked = [_asked(case) for case in cases]
    told: dict[str, Any] = {
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
        told |= {
            f"{name}_one_by_one_s_per_edit": round(slow / count, 3),
            f"{name}_side_by_side_s_per_edit": round(fast / count, 3),
            f"{name}_times_faster": round(slow / fast, 1),
            f"{name}_equal_answers": f"{sum(same)} of {len(same)}",
        }
    return told


def one_by_one(
    engine: Any,
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
        with applied(editor, engine, [edit]) as at_work:
            texts += [told.text for told in answer(at_work, queries, GREEDY)]
            score(at_work, queries, [gold for _, gold in questions])
    return texts


def side_by_side(
    engine: Any,
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
    texts = [told.text for told in answer(many, queries, GREEDY)]
    score(many, queries, [gold for _, _, gold in rows])
    return texts


def _asked(case: Case) -> list[tuple[Query, str]]:
    """Return a case's questions with their gold answers, in the target languages."""
    return [
        (Query(item[target].question, target), item[target].answer)
        for item in case.probes.values()
        for target in TARGETS
    ]
