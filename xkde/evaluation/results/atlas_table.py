"""The Atlas tables: what a checkpoint knows, and what an edit does in twelve languages.

Protocol ``generated``: greedy answers, exact match after normalisation, on held-out
subjects. Locality is counted twice: still true (against gold) and unchanged (against
the same model without the edit). Several checkpoints answer the same questions, as in
the paper's Tables 4 and 6, so that every difference between them is a paired one.
Intervals and tests are over edits (``statistics``). Run it: ``python -m xkde atlas
table`` and ``python -m xkde stages``.
"""

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from xkde.checkpoints.weights import fingerprint
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.own_words import in_own_words
from xkde.data.atlas.questions import name, question, wordings
from xkde.data.atlas.records import Split, World
from xkde.data.atlas.world import atlas
from xkde.engines.loading import load, local_folder
from xkde.evaluation.results.rows import Values
from xkde.evaluation.results.statistics import (
    holm,
    mean_interval,
    paired_difference,
    wilson_interval,
)
from xkde.evaluation.scoring.answers import exact_match, in_language
from xkde.languages import language
from xkde.paths import checkpoints
from xkde.prompts import Encoded, ask, edit_prompt
from xkde.text import Json, same
from xkde.types import PROBES, Case, Generation, Message, Sampling
from xkde.writing import write_aside

Progress = Callable[[int, int], None]
MAX_NEW_TOKENS = 32
CLOSED_BOOK, UNCHANGED, WRONG_LANGUAGE = "closed-book", "unchanged", "wrong_language"
OWN_WORDS = "own words"  # generality in words that no model was trained on
TABLE_MEASURES = (*PROBES, UNCHANGED, OWN_WORDS)
STAGE_MEASURES = (*PROBES, WRONG_LANGUAGE)
RIGHT, WRONG, NOT_ASKED = "1", "0", "-"  # marks in ``AtlasCell.marks``


class AnsweringEngine(Protocol):
    """What the tables ask of an engine."""

    def encode(self, messages: Sequence[Message]) -> Encoded: ...
    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        batch_size: int = ...,
        on_progress: Progress | None = ...,
    ) -> list[Generation]: ...


@dataclass(frozen=True)
class AtlasCell:
    """One measure in one direction; ``marks`` has a mark for each edit, in order.

    Tables of earlier versions have counts and no marks.
    """

    measure: str
    source: str
    target: str
    hits: int
    n: int
    marks: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the cell with its share and interval, for JSON."""
        return asdict(self) | share_of([self])

    @staticmethod
    def from_dict(cell: Json) -> "AtlasCell":
        """Return a cell of a stored table."""
        names = ("measure", "source", "target", "hits", "n", "marks")
        return AtlasCell(**{name: cell[name] for name in names if name in cell})


def marked(measure: str, source: str, target: str, marks: Sequence[str]) -> AtlasCell:
    """Return the cell that marks give."""
    text = "".join(marks)
    hits, missing = text.count(RIGHT), text.count(NOT_ASKED)
    return AtlasCell(measure, source, target, hits, len(text) - missing, text)


def share_of(cells: Sequence[AtlasCell]) -> dict[str, float | None]:
    """Return the share that several cells have together, and its 95 % interval.

    Where a stored table has no marks, the answers to one edit count as a single one,
    which is the widest that the interval can be. None where nothing was asked.
    """
    hits, n = sum(cell.hits for cell in cells), sum(cell.n for cell in cells)
    if not n:
        return {"share": None, "low": None, "high": None}
    if all(cell.marks for cell in cells):
        sums, counts = _by_edit(cells)
        low, high, _ = mean_interval(sums[counts > 0], counts[counts > 0])
    else:
        edits = max(cell.n for cell in cells)
        low, high = wilson_interval(hits / n * edits, edits)
    return {"share": hits / n, "low": low, "high": high}


def _by_edit(cells: Sequence[AtlasCell]) -> tuple[Values, Values]:
    """Return how many answers of each edit are right, and how many there are."""
    marks = np.array([list(cell.marks) for cell in cells])
    sums = (marks == RIGHT).sum(axis=0).astype(np.float64)
    return sums, (marks != NOT_ASKED).sum(axis=0).astype(np.float64)


@dataclass(frozen=True)
class AtlasQuestion:
    """One question of the table."""

    measure: str
    source: str
    target: str
    prompt: str
    gold: str
    case: str


def answers(
    engine: AnsweringEngine,
    prompts: Sequence[str],
    on_progress: Progress | None = None,
) -> list[str]:
    """Return greedy answers; equal prompts are asked once."""
    unique = list(dict.fromkeys(prompts))
    ids = [engine.encode(ask(prompt)).ids for prompt in unique]
    generated = engine.generate(
        ids, Sampling(MAX_NEW_TOKENS), batch_size=128, on_progress=on_progress
    )
    by_prompt = {p: g.text for p, g in zip(unique, generated, strict=True)}
    return [by_prompt[prompt] for prompt in prompts]


def closed_book(
    engine: AnsweringEngine,
    world: World,
    n: int = 400,
    seed: int = 11,
    on_progress: Progress | None = None,
) -> list[AtlasCell]:
    """Return how many of ``n`` facts the model knows without any edit, by language."""
    random_ = random.Random(seed)
    facts = [(s, r) for s in sorted(world.facts) for r in sorted(world.facts[s])]
    prompts, golds, codes = [], [], []
    for code in world.languages:
        for subject, relation in random_.sample(facts, min(n, len(facts))):
            count = len(wordings(world, relation, code))
            prompts.append(
                question(world, subject, relation, code, random_.randrange(count))
            )
            golds.append(name(world, world.facts[subject][relation], code))
            codes.append(code)
    marks: dict[str, list[str]] = {code: [] for code in world.languages}
    said = answers(engine, prompts, on_progress)
    for code, answer, gold in zip(codes, said, golds, strict=True):
        marks[code].append(_mark(exact_match(answer, gold)))
    return [marked(CLOSED_BOOK, code, code, marks[code]) for code in marks]


def _mark(right: bool) -> str:
    return RIGHT if right else WRONG


def questions(
    cases: Sequence[Case], source: str, targets: Sequence[str], *, edited: bool
) -> Iterator[AtlasQuestion]:
    """Yield the questions of every case, probe and target language."""
    for case in cases:
        for probe in PROBES:
            if probe not in case.probes:
                continue
            for target in targets:
                item = case.probes[probe][target]
                edits = [case.edits[source]] if edited else []
                prompt = edit_prompt(edits, item.question, language(target).name)
                yield AtlasQuestion(probe, source, target, prompt, item.answer, case.id)


def probe_cells(
    engine: AnsweringEngine,
    cases: Sequence[Case],
    source: str,
    targets: Sequence[str],
    on_progress: Progress | None = None,
) -> list[AtlasCell]:
    """Return the cells of all measures but the closed book for every target language.

    Wrong language: the answer is a name, or in a script, of another language than the
    question's. What no letter tells, such as a number, counts as not wrong. It is
    counted for each probe, so a direction has a cell of it for each.
    """
    asked = list(questions(cases, source, targets, edited=True))
    plain = [its for its in questions(cases, source, targets, edited=False)
             if its.measure == "locality"]  # fmt: skip
    said = answers(engine, [its.prompt for its in (*asked, *plain)], on_progress)
    before = {
        (its.case, its.target): answer
        for its, answer in zip(plain, said[len(asked) :], strict=True)
    }
    by_id = {case.id: case for case in cases}
    places = {case.id: place for place, case in enumerate(cases)}
    marks: dict[tuple[str, str, str], list[str]] = {}

    def note(measure: str, its: AtlasQuestion, right: bool) -> None:
        key = (measure, its.measure, its.target)
        row = marks.setdefault(key, [NOT_ASKED] * len(cases))
        row[places[its.case]] = _mark(right)

    for its, answer in zip(asked, said, strict=False):
        note(its.measure, its, exact_match(answer, its.gold))
        if its.measure == "locality":
            note(UNCHANGED, its, same(answer, before[its.case, its.target]))
        probe = by_id[its.case].probes[its.measure]  # type: ignore[index]
        names = {code: item.answer for code, item in probe.items()}
        spoken = in_language(answer, its.target, source, names)
        note(WRONG_LANGUAGE, its, spoken is False)
    return [marked(key[0], source, key[2], row) for key, row in marks.items()]


def own_words_cells(
    engine: AnsweringEngine,
    world: World,
    cases: Sequence[Case],
    source: str,
    on_progress: Progress | None = None,
) -> list[AtlasCell]:
    """Return how many questions in own words are right, for each of their languages.

    Empty for edits in a language that has no such questions.
    """
    turned = in_own_words(world, cases)
    if not turned or source not in turned[0].edits:
        return []
    alone = [
        replace(case, probes={"generality": case.probes["generality"]})
        for case in turned
    ]
    asked = list(questions(alone, source, tuple(turned[0].edits), edited=True))
    said = answers(engine, [its.prompt for its in asked], on_progress)
    marks: dict[str, list[str]] = {}
    for its, answer in zip(asked, said, strict=True):
        marks.setdefault(its.target, []).append(_mark(exact_match(answer, its.gold)))
    return [marked(OWN_WORDS, source, target, row) for target, row in marks.items()]


def cells_of(
    cells: Sequence[AtlasCell], measure: str, source: str = "", *, cross: bool = False
) -> list[AtlasCell]:
    """Return a measure's cells; ``cross`` without the edit's own language."""
    return [
        cell
        for cell in cells
        if cell.measure == measure
        and source in ("", cell.source)
        and not (cross and cell.source == cell.target)
    ]


@dataclass(frozen=True)
class StageDifference:
    """How a checkpoint differs from another on one measure, question by question.

    ``p`` is the permutation test's over edits; a table corrects it for all its tests.
    """

    measure: str
    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    p: float


def compare_stages(
    first: Sequence[AtlasCell], second: Sequence[AtlasCell]
) -> list[StageDifference]:
    """Return first minus second for every measure that was asked for, tested."""
    differences = {}
    for measure in (*STAGE_MEASURES, OWN_WORDS):
        mine, theirs = _answers_of(first, measure), _answers_of(second, measure)
        asked = ~np.isnan(mine)
        if asked.any():
            edits = np.nonzero(asked)[1]
            differences[measure] = paired_difference(mine[asked], theirs[asked], edits)
    return [
        StageDifference(
            measure, d.value, d.low, d.high, d.only_first, d.only_second, d.p
        )
        for measure, d in differences.items()
    ]


def _answers_of(cells: Sequence[AtlasCell], measure: str) -> Values:
    """Return 1, 0 or NaN for each cell of a measure and each edit."""
    values = {RIGHT: 1.0, WRONG: 0.0, NOT_ASKED: math.nan}
    rows = [[values[mark] for mark in its.marks] for its in cells_of(cells, measure)]
    return np.array(rows or np.empty((0, 0)))


def stages_table(
    cells: Mapping[str, Mapping[str, Sequence[AtlasCell]]], reference: str
) -> list[Json]:
    """Return one record for each checkpoint and edit language, for JSON.

    ``cells[checkpoint][source]``; all checkpoints are compared with ``reference``. Of a
    comparison ``p`` is corrected by Holm for all of the table, ``p_alone`` is not.
    """
    rows: list[Json] = []
    tests: list[Json] = []
    for checkpoint, by_source in cells.items():
        for source, mine in by_source.items():
            shares = {
                measure: {
                    "hits": sum(cell.hits for cell in its),
                    "n": sum(cell.n for cell in its),
                    **share_of(its),
                }
                for measure in (*STAGE_MEASURES, OWN_WORDS)
                for its in [cells_of(mine, measure)]
                if its or measure != OWN_WORDS
            }
            against = []
            if checkpoint != reference and reference in cells:
                compared = compare_stages(mine, cells[reference][source])
                against = [asdict(each) for each in compared]
                tests += against
            rows.append(
                {
                    "checkpoint": checkpoint,
                    "source": source,
                    "measures": shares,
                    "reference": reference if against else "",
                    "comparisons": against,
                }
            )
    for test, p in zip(tests, holm([its["p"] for its in tests]), strict=True):
        test.update(p=p, p_alone=test["p"])
    return rows


def cells_by_source(
    table: Json, leave_out: int = 0
) -> dict[str, dict[str, list[AtlasCell]]]:
    """Return a stored table's cells by checkpoint and language of the edits.

    Without what is known by heart, and without the first ``leave_out`` edits: those on
    which a checkpoint was chosen. Empty for a table without marks.
    """
    found: dict[str, dict[str, list[AtlasCell]]] = {}
    for reference, model in table["models"].items():
        for stored in model["cells"]:
            cell = AtlasCell.from_dict(stored)
            if not cell.marks:
                return {}
            if cell.measure == CLOSED_BOOK:
                continue
            rest = marked(
                cell.measure, cell.source, cell.target, cell.marks[leave_out:]
            )
            found.setdefault(reference, {}).setdefault(cell.source, []).append(rest)
    return found


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
    keep: Path | None = None,
) -> dict[str, object]:
    """Return what each checkpoint knows by heart, and its probes after single edits.

    ``sources`` are the languages of the edits, which stand in the prompt. ``keep`` is a
    file for the parts that are measured: a table that was stopped goes on from there.
    """
    world = atlas()
    cases = atlas_cases(world, split, limit)
    measured = _read_measured(keep)
    models: dict[str, object] = {}
    for reference in references:
        folder = local_folder(reference)
        digest = fingerprint(folder)
        parts = [f"{digest} {split} {len(cases)} {its}" for its in ("facts", *sources)]
        if not measured.keys() >= set(parts):
            engine = load(folder)
        if parts[0] not in measured:
            facts = closed_book(
                engine, world, on_progress=progress(f"{reference} facts")
            )
            _keep(facts, parts[0], measured, keep)
        for source, part in zip(sources, parts[1:], strict=True):
            if part in measured:
                continue
            on_progress = progress(f"{reference} {source}")
            probes = probe_cells(engine, cases, source, world.languages, on_progress)
            cells = [cell for cell in probes if cell.measure in TABLE_MEASURES]
            cells += own_words_cells(engine, world, cases, source, on_progress)
            _keep(cells, part, measured, keep)
        models[reference] = {
            "fingerprint": digest,
            "cells": [cell for part in parts for cell in measured[part]],
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


def _read_measured(keep: Path | None) -> dict[str, list[dict[str, object]]]:
    if keep is None or not keep.is_file():
        return {}
    measured: dict[str, list[dict[str, object]]] = json.loads(keep.read_text("utf-8"))
    return measured


def _keep(
    cells: Sequence[AtlasCell],
    part: str,
    measured: dict[str, list[dict[str, object]]],
    keep: Path | None,
) -> None:
    """Add a part's cells to what is measured, and to the file where there is one."""
    measured[part] = [cell.as_dict() for cell in cells]
    if keep is not None:
        write_aside(keep, json.dumps(measured))


def compare_checkpoints(
    references: Sequence[str],
    sources: Sequence[str],
    split: Split = "test",
    limit: int = 0,
    progress: Callable[[str], Progress | None] = lambda _: None,
) -> dict[str, object]:
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
