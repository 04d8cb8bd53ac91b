"""Many single edits evaluated side by side, none of them in the weights.

Each edit gets its own low-rank update, computed together with the others; then each row
of a batch answers as the model would with its own edit alone. For editors whose change
is of low rank: ROME, MEMIT, AlphaEdit, KN. Answers are exactly those of changed weights
where these are float32, since other formats would round the sum.

    together = compute_side_by_side(make("rome"), engine, edits)
    answer(together, [(0, Query(…)), (1, Query(…))], Sampling())  # (edit, query)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor, nn

from xkde.editors.editor import Editor
from xkde.editors.weights import deltas
from xkde.editors.weights.base import WeightEditor
from xkde.editors.weights.contexts import notes_of, question_prompts
from xkde.editors.weights.low_rank import Updates, acting
from xkde.editors.weights.modules import down_projections
from xkde.engines.decoding import DecodedRow
from xkde.engines.forward import Pair, measure
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.prompts import answered
from xkde.types import AnswerScore, Edit, Generation, Query, Sampling

NAMES = ("rome", "memit", "alphaedit", "kn")  # of the editors that are fit for it
EditQuery = tuple[int, Query]  # the number of the edit that is in force, a query
Progress = Callable[[int, int], None]  # (how many are done, of how many)


@dataclass(frozen=True)
class SideBySide:
    """Edits of one model, each in force for itself."""

    editor: str
    edits: tuple[Edit, ...]
    engine: TransformersEngine
    sets: tuple[Updates, ...]  # by edit
    notes: tuple[tuple[str, ...], ...] = ()  # by edit


def takes(editor: Editor | None, engine: TransformersEngine) -> TypeGuard[WeightEditor]:
    """Tell whether single edits of an editor give the same side by side."""
    return (
        isinstance(editor, WeightEditor)
        and editor.compute_each is not None
        and engine.model.dtype == torch.float32
    )


def compute_side_by_side(
    editor: Editor, engine: TransformersEngine, edits: Sequence[Edit]
) -> SideBySide:
    """Compute each edit's update; raises InputError for an editor of another kind."""
    if not isinstance(editor, WeightEditor) or editor.compute_each is None:
        raise InputError(
            f"The editor “{editor.name}” makes no low-rank change, so its edits cannot "
            f"be evaluated side by side. Choose one of: {', '.join(NAMES)}."
        )
    for edit in edits:
        editor.check(engine, [edit])
    if not edits:
        return SideBySide(editor.name, (), engine, ())
    with deltas.alone(engine.model):
        computed = editor.compute_each(engine, edits, editor.settings_in_force(engine))
    notes = [
        (*_on_subject(editor, engine, edit), *more)
        for edit, (_, more) in zip(edits, computed, strict=True)
    ]
    sets = tuple(updates for updates, _ in computed)
    return SideBySide(editor.name, tuple(edits), engine, sets, tuple(notes))


def _on_subject(
    editor: WeightEditor, engine: TransformersEngine, edit: Edit
) -> tuple[str, ...]:
    if not editor.needs_subject:
        return ()
    return notes_of(question_prompts(engine.tokenizer, [edit], 0))


def answer(
    together: SideBySide,
    asked: Sequence[EditQuery],
    sampling: Sampling,
    batch_size: int = 64,
) -> list[Generation]:
    """Answer each query under its own edit, in batches; in the given order."""
    prompts = [
        together.engine.encode_query(query.text, query.language) for _, query in asked
    ]
    edits = [edit for edit, _ in asked]
    return generate(together, edits, prompts, sampling, batch_size)


def generate(
    together: SideBySide,
    edits: Sequence[int],
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    batch_size: int = 64,
    on_progress: Progress | None = None,
) -> list[Generation]:
    """Answer prompts, each under the edit of its place; in the given order."""
    answers: dict[int, Generation] = {}
    for batch in _batches([len(prompt) for prompt in prompts], batch_size):
        own = [prompts[i] for i in batch]
        generations = _answer(together, [edits[i] for i in batch], own, sampling)
        answers.update(zip(batch, generations, strict=True))
        if on_progress is not None:
            on_progress(len(answers), len(prompts))
    return [answers[i] for i in range(len(prompts))]


def first_choices(
    together: SideBySide,
    edits: Sequence[int],
    pairs: Sequence[Pair],
    batch_size: int = 64,
    on_progress: Progress | None = None,
) -> list[tuple[int, ...]]:
    """Return the first choice at each answer token, each pair under its own edit."""
    model = together.engine.model
    choices: dict[int, tuple[int, ...]] = {}
    for batch in _batches([len(p) + len(a) for p, a in pairs], batch_size):
        sets, set_of_row = _sets_of(together, [edits[i] for i in batch])
        with deltas.alone(model), acting(_modules(together), sets, set_of_row):
            measured = measure(model, [pairs[i] for i in batch], "left")
        best = (tuple(token.best_id for token in tokens) for tokens in measured)
        choices.update(zip(batch, best, strict=True))
        if on_progress is not None:
            on_progress(len(choices), len(pairs))
    return [choices[i] for i in range(len(pairs))]


def score(
    together: SideBySide,
    asked: Sequence[EditQuery],
    answers: Sequence[str],
    batch_size: int = 64,
) -> list[AnswerScore]:
    """Score an answer to each query under its own edit, teacher-forced."""
    engine = together.engine
    encoded = [
        engine.encode(answered(query.text, text, query.language))
        for (_, query), text in zip(asked, answers, strict=True)
    ]
    pairs = [(each.prompt_ids, each.answer_ids) for each in encoded]
    scores: dict[int, AnswerScore] = {}
    for like in _batches([len(p) + len(a) for p, a in pairs], batch_size):
        # The engine keeps the order of prompts that are sorted by length, in one batch.
        batch = sorted(like, key=lambda i: len(pairs[i][0]))
        sets, set_of_row = _sets_of(together, [asked[i][0] for i in batch])
        with deltas.alone(engine.model), acting(_modules(together), sets, set_of_row):
            # On the left: answers of all lengths then end in one column.
            scored = engine.score([pairs[i] for i in batch], len(batch), "left")
        scores.update(zip(batch, scored, strict=True))
    return [scores[i] for i in range(len(asked))]


def _answer(
    together: SideBySide,
    edits: Sequence[int],
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
) -> list[Generation]:
    """Answer one batch; rows whose answers have ended leave it."""
    sets, set_of_prompt = _sets_of(together, edits)
    alive = list(range(len(prompts)))
    rows: list[DecodedRow] = []

    def set_of_row(count: int) -> Tensor:
        nonlocal alive
        if count < len(alive):  # decoding drops all ended rows at once
            alive = [row for row in alive if rows[row].finish is None]
        return set_of_prompt(count)[alive]

    engine = together.engine
    with deltas.alone(engine.model), acting(_modules(together), sets, set_of_row):
        # The rows alone: their texts are of no use until they have ended.
        for step in engine.rows(prompts, [sampling] * len(prompts)):
            rows = step
    return [engine.generation(row) for row in rows]


def _sets_of(
    together: SideBySide, edits: Sequence[int]
) -> tuple[list[Updates], Callable[[int], Tensor]]:
    """Return the sets that some edits use, and for each edit the number of its own."""
    place = {edit: number for number, edit in enumerate(dict.fromkeys(edits))}
    numbers = torch.tensor([place[edit] for edit in edits])
    return [together.sets[edit] for edit in place], lambda _: numbers


def _modules(together: SideBySide) -> dict[int, nn.Module]:
    model = together.engine.model
    return {place.layer: place.module for place in down_projections(model)}


def _batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Yield the indices in batches of like length."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
