"""Geometry over many facts: each edited in several languages, by ROME or MEMIT.

Four things are measured, the fact being the unit of every interval:

- cosines of two languages' updates of the same fact, layer by layer, beside controls:
  two different facts, and the same fact and language in another wording;
- norms, and the map of all updates at one layer;
- additivity: the model is asked under one language's update, under the other's, and
  under their sum, in both languages; the cost is what changes in unrelated answers;
- all facts together (MEMIT): the update of all facts in one language against that of
  the other, and the sum of both against the update of both at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path

from xkde.editors.editor import answer
from xkde.editors.prompt import NoEdit
from xkde.editors.registry import make
from xkde.editors.weights import memit, rank_one_batch
from xkde.editors.weights.base import WeightEditor
from xkde.editors.weights.low_rank import LowRankUpdate, Updates, joined
from xkde.editors.weights.rank_one_batch import SideBySide
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.inside.files import Cell, mean_row
from xkde.inside.geometry import compare_sum, cosine, norm, part_cosines, plane_map
from xkde.inside.kept_updates import kept
from xkde.text import is_one, same
from xkde.types import Case, Edit, Query, Sampling

AT_ONCE = 16  # facts computed between two reports of progress
ANSWER = Sampling(max_new_tokens=16)
Progress = Callable[[int, int], None]
Rows = list[dict[str, Cell]]
# [language][fact]
UpdatesOf = Mapping[str, Sequence[Updates]]


@dataclass(frozen=True)
class GeometryTask:
    """What is measured: cases that have an edit in each of the languages.

    ``folder`` keeps the updates, so that an interrupted task goes on; ``weights`` tells
    which model they are of.
    """

    engine: TransformersEngine
    editor: str  # rome or memit
    cases: tuple[Case, ...]
    languages: tuple[str, ...]
    settings: Mapping[str, int | float | str]
    on_progress: Progress
    weights: str = ""
    folder: Path | None = None


def tables_of(task: GeometryTask) -> dict[str, Rows]:
    """Return all tables of one task; raises InputError for edits it cannot make."""
    if len(task.languages) < 2 or len(task.cases) < 2:
        raise InputError(
            "Two languages and two facts at least are compared. Name more languages, "
            "or take more facts."
        )
    updates = {code: compute(task, _edits(task, code)) for code in task.languages}
    reworded = compute(task, _reworded(task, task.languages[0]))
    tables = {
        "cosines": cosine_rows(updates, reworded),
        "norms": norm_rows(updates),
        "map": map_rows(updates),
        "additivity": additivity_rows(task, updates),
    }
    if task.editor == "memit":
        tables["together"] = together_rows(task)
    return tables


def compute(task: GeometryTask, edits: Sequence[Edit]) -> list[Updates]:
    """Return the update of each edit by itself."""
    editor = make(task.editor, task.settings)
    if not isinstance(editor, WeightEditor) or editor.compute_each is None:
        raise InputError(
            "Only editors whose update is of low rank are compared: rome or memit."
        )
    found: list[Updates] = []
    for start in range(0, len(edits), AT_ONCE):
        part = edits[start : start + AT_ONCE]
        found += kept(
            task.folder,
            (task.weights, task.editor, editor.settings_in_force(task.engine)),
            part,
            partial(_computed, editor, task.engine, part),
        )
        task.on_progress(len(found), len(edits))
    return found


def _computed(
    editor: WeightEditor, engine: TransformersEngine, edits: Sequence[Edit]
) -> Sequence[Updates]:
    return rank_one_batch.compute_side_by_side(editor, engine, edits).sets


def cosine_rows(updates: UpdatesOf, reworded: Sequence[Updates]) -> Rows:
    """Return mean cosines by layer, pair of languages, part and what is compared.

    ``reworded`` are the first language's edits in another wording.
    """
    rows: Rows = []
    codes = tuple(updates)
    layers = sorted(updates[codes[0]][0])
    for layer in layers:
        at = {code: [each[layer] for each in updates[code]] for code in codes}
        again = [each[layer] for each in reworded]
        rows += _cosines(at[codes[0]], again, "other wording", codes[0], codes[0])
        for code in codes:
            rows += _cosines(at[code], _shifted(at[code]), "other fact", code, code)
        for one, other in combinations(codes, 2):
            rows += _cosines(at[one], at[other], "same fact", one, other)
            shifted = _shifted(at[other])
            rows += _cosines(at[one], shifted, "other fact", one, other)
        for row in rows:
            row.setdefault("layer", layer)
    return rows


def norm_rows(updates: UpdatesOf) -> Rows:
    """Return the mean norm of the updates by language and layer."""
    return [
        {"language": code, "layer": layer, **mean_row([norm(e[layer]) for e in each])}
        for code, each in updates.items()
        for layer in sorted(each[0])
    ]


def map_rows(updates: UpdatesOf) -> Rows:
    """Return every update as a point, at the last layer that is changed."""
    layer = max(updates[next(iter(updates))][0])
    named = [
        (code, fact, each[layer])
        for code, sets in updates.items()
        for fact, each in enumerate(sets)
    ]
    plane = plane_map([update for *_, update in named])
    return [
        {"x": round(x, 4), "y": round(y, 4), "language": code, "fact": fact,
         "layer": layer, "share_x": plane.shares[0], "share_y": plane.shares[1]}
        for (code, fact, _), (x, y) in zip(named, plane.points.tolist(), strict=True)
    ]  # fmt: skip


def additivity_rows(task: GeometryTask, updates: UpdatesOf) -> Rows:
    """Return what is answered under each of two languages' updates and their sum.

    The languages are the first two. Reliability: the new answer, generated, exact
    match. Locality: the answer to an unrelated question is what it was without edits.
    """
    one, other = task.languages[:2]
    sums = [joined(a, b) for a, b in zip(updates[one], updates[other], strict=True)]
    under: dict[str, Sequence[Updates]] = {
        one: updates[one], other: updates[other], f"{one}+{other}": sums,
    }  # fmt: skip
    before = NoEdit().apply(task.engine, ())
    rows: Rows = []
    for code in task.languages:
        edits = _edits(task, code)
        asked = [Query(edit.question, code) for edit in edits]
        far = [case.probes["locality"].get(code) for case in task.cases]
        near = [(n, Query(p.question, code)) for n, p in enumerate(far) if p]
        unchanged = answer(before, [query for _, query in near], ANSWER)
        for name, sets in under.items():
            together = SideBySide(task.editor, tuple(edits), task.engine, tuple(sets))
            answers = rank_one_batch.answer(together, list(enumerate(asked)), ANSWER)
            hits = [
                float(is_one(each.text, (edit.answer, *edit.aliases)))
                for each, edit in zip(answers, edits, strict=True)
            ]
            rows.append({"edited": name, "asked": code, "probe": "reliability",
                         **mean_row(hits)})  # fmt: skip
            if near:
                after = rank_one_batch.answer(together, near, ANSWER)
                kept = [
                    float(same(a.text, b.text))
                    for a, b in zip(after, unchanged, strict=True)
                ]
                rows.append({"edited": name, "asked": code, "probe": "locality",
                             **mean_row(kept)})  # fmt: skip
    return rows


def together_rows(task: GeometryTask) -> Rows:
    """Return how MEMIT's updates of all facts at once in two languages relate.

    A control splits the facts in two halves, one in each language.
    """
    one, other = task.languages[:2]
    first, second = _edits(task, one), _edits(task, other)
    half = len(first) // 2
    editor = make("memit", task.settings)
    assert isinstance(editor, WeightEditor)
    settings = editor.settings_in_force(task.engine)
    groups = [first, second, [*first, *second], first[:half], second[half:]]
    solver = memit.solver_for(task.engine, settings)
    each = [memit.updates_of(task.engine, [g], settings, solver)[0] for g in groups]
    of_one, of_other, of_both, near, far = each
    rows: Rows = []
    for layer in of_one:
        a, b, both = of_one[layer], of_other[layer], of_both[layer]
        compared = compare_sum(a, b, both)
        rows.append(
            {
                "layer": layer,
                "one": one,
                "other": other,
                "facts": len(first),
                "cosine": round(cosine(a, b), 5),
                "cosine_other_facts": round(cosine(near[layer], far[layer]), 5),
                "sum_cosine": round(compared.cosine, 5),
                "relative_error": round(compared.relative_error, 5),
            }
        )
    return rows


def _cosines(
    first: Sequence[LowRankUpdate],
    second: Sequence[LowRankUpdate],
    compared: str,
    one: str,
    other: str,
) -> Rows:
    found = [part_cosines(a, b) for a, b in zip(first, second, strict=True)]
    return [
        {"one": one, "other": other, "compared": compared, "part": part,
         **mean_row([each[part] for each in found])}
        for part in found[0]
    ]  # fmt: skip


def _shifted(updates: Sequence[LowRankUpdate]) -> list[LowRankUpdate]:
    """Return the updates so that each stands in another one's place."""
    return [*updates[1:], updates[0]]


def _edits(task: GeometryTask, code: str) -> list[Edit]:
    return [case.edits[code] for case in task.cases]


def _reworded(task: GeometryTask, code: str) -> list[Edit]:
    """Return the edits in generality's wording, where the subject stands in it."""
    return [
        replace(case.edits[code], question=case.probes["generality"][code].question)
        if code in case.probes.get("generality", {})
        else case.edits[code]
        for case in task.cases
    ]
