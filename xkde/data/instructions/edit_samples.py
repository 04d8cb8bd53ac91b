"""What editors with a trained part learn from, out of a file of instructions.

SERAC and MEND need an edit, a query in its scope and one outside
(``xkde.data.atlas.edit_samples``). A file that ``data build`` wrote has both, in rows
of their own:

- A row in scope with one edit gives edit and query. The query outside comes from any
  row that is answered as if there were no edit, and is about another fact.
- A row about a neighbour has the hardest query outside, about the edit's own subject.
  In scope it is asked the edit's question.

Samples of one fact have the same id, in whatever words, languages and order of question
and query its rows are written.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from xkde.data.atlas.edit_samples import EditSample, ScopeQuery
from xkde.data.instructions.lines import read_lines
from xkde.data.instructions.records import Instruction, read_instruction
from xkde.errors import DataError

INSIDE = ("in_scope", "in_scope_atlas", "paraphrase")
OUTSIDE = ("out_of_scope", "in_scope_without_edit", "out_of_scope_without_edit")
NEIGHBOUR = "neighbour"


def read_edit_samples(
    path: Path, seed: int, *, cross_lingual: bool = True
) -> list[EditSample]:
    """Return the samples of a file, in an order that the seed decides.

    Without ``cross_lingual`` both queries are in the edit's language. Raises DataError
    for a file that gives none.
    """
    values, _ = read_lines(path)
    rows = [read_instruction(value) for value in values.values()]
    samples = edit_samples_of(rows, seed, cross_lingual=cross_lingual)
    if not samples:
        raise DataError(
            f"{path} has no edit with a query in its scope and one outside. Give a "
            "file that “python -m xkde data build” wrote."
        )
    return samples


def edit_samples_of(
    rows: Sequence[Instruction], seed: int, *, cross_lingual: bool = True
) -> list[EditSample]:
    """Return the samples that instructions give; see the module."""
    random_ = random.Random(seed)
    ids = _fact_ids(rows)
    outside: dict[str, list[Instruction]] = {}  # by the query's language
    for row in rows:
        if row.kind in OUTSIDE:
            outside.setdefault(row.target, []).append(row)
    samples = []
    for row in rows:
        if len(row.edits) != 1 or not (cross_lingual or row.source == row.target):
            continue
        if row.kind in INSIDE:
            codes = sorted(outside) if cross_lingual else [row.target]
            code = random_.choice(codes) if codes else ""
            fact = _fact(row, ids)
            others = [
                r for r in outside.get(code, ()) if ids.get(r.fact, r.fact) != fact
            ]
            if others:
                samples.append(_sample(row, fact, _query(row), random_.choice(others)))
        elif row.kind == NEIGHBOUR:
            edit = row.edits[0]
            itself = ScopeQuery(edit.question, edit.language, edit.answer, "")
            samples.append(_sample(row, _fact(row, ids), itself, row))
    random_.shuffle(samples)
    return samples


def hold_back(
    samples: Sequence[EditSample], facts: int
) -> tuple[list[EditSample], list[EditSample]]:
    """Return samples to learn from, and those of the last ``facts`` facts.

    No fact is in both. Raises DataError where none would be left to learn from.
    """
    known = list(dict.fromkeys(each.fact for each in samples))
    if len(known) <= facts:
        raise DataError(
            f"The number of facts to keep out is {facts}, and the file has edits of "
            f"{len(known)} in all: none is left to learn from. Lower dev_cases, or "
            "give a larger file."
        )
    kept = set(known[-facts:])
    return (
        [each for each in samples if each.fact not in kept],
        [each for each in samples if each.fact in kept],
    )


def _sample(
    row: Instruction, fact: str, inside: ScopeQuery, outside: Instruction
) -> EditSample:
    # A row does not say which words of a question are its subject.
    return EditSample(row.edits[0], "", fact, inside, _query(outside))


def _query(row: Instruction) -> ScopeQuery:
    return ScopeQuery(row.query, row.target, row.answer, "")


def _fact_ids(rows: Sequence[Instruction]) -> dict[str, str]:
    """Return one id for all that a fact is called: its ids and its questions.

    A row in scope says which of them belong together: its fact and its edit's question,
    or without a fact that question and the query.
    """
    next_: dict[str, str] = {}  # a name -> another of the same fact, or itself

    def last(name: str) -> str:
        while next_.setdefault(name, name) != name:
            name = next_[name]
        return name

    for row in rows:
        if row.kind in INSIDE and len(row.edits) == 1:
            question = row.edits[0].question
            next_[last(question)] = last(row.fact or row.query)
    return {name: last(name) for name in list(next_)}


def _fact(row: Instruction, ids: Mapping[str, str]) -> str:
    """Return the id of what an edit is about.

    A neighbour's row names the neighbour instead, so there the edit's question is it.
    """
    question = row.edits[0].question
    name = question if row.kind == NEIGHBOUR else row.fact or question
    return ids.get(name, name)
