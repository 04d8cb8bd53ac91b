"""Many single edits of weights evaluated side by side, none of them in the weights.

Each edit gets its own low-rank update, computed together with the others; then each row
of a batch answers as the model would with its own edit alone. Answers and probabilities
are those of one edit at a time. For editors whose change is of low rank: ROME, MEMIT,
AlphaEdit, KN; answers are exactly those of changed weights where these are float32,
since others would round the sum.

    many = compute_many("rome", engine, edits)
    answer(many, [(0, Query(…)), (1, Query(…))], Sampling())  # (which edit, query)

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_rank_one_batch.py``
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xkde.editors.checks import LONGEST_ANSWER, check_edits
from xkde.editors.editor import Editor
from xkde.editors.settings import settings_for
from xkde.editors.weights import alphaedit, deltas, kn, memit, rome
from xkde.editors.weights.base import InWeights
from xkde.editors.weights.contexts import notes_of, rows_of
from xkde.editors.weights.low_rank import Updates, acting
from xkde.editors.weights.modules import down_projections
from xkde.engines.decoding import DecodedRow
from xkde.engines.forward import measure
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError, Notice
from xkde.prompts import answered
from xkde.types import AnswerScore, Edit, Generation, Query, Sampling

NAMES = ("rome", "memit", "alphaedit", "kn")
Asked = tuple[int, Query]  # which edit is at work, and what is asked
Pair = tuple[Sequence[int], Sequence[int]]  # the ids of a prompt, of its answer
Progress = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True)
class Many:
    """Edits each at work for itself, on one model."""

    editor: str
    edits: tuple[Edit, ...]
    engine: TransformersEngine
    sets: tuple[Updates, ...]  # by edit
    notes: tuple[tuple[str, ...], ...] = ()  # what the editor says of each


def takes(editor: Editor | None, engine: TransformersEngine) -> bool:
    """Tell whether single edits of an editor give the same side by side."""
    return (
        isinstance(editor, InWeights)
        and editor.name in NAMES
        and engine.model.dtype == torch.float32
    )


def check(name: str, engine: TransformersEngine, edit: Edit) -> None:
    """Raise InputError for an edit that the editor would not make."""
    check_edits(
        [edit],
        engine.tokenizer,
        needs_subject=name != "kn",
        longest_answer=LONGEST_ANSWER,
    )


def compute_many(
    name: str,
    engine: TransformersEngine,
    edits: Sequence[Edit],
    given: Mapping[str, Any] | None = None,
) -> Many:
    """Compute each edit's update; raises InputError for an editor of another kind."""
    for edit in edits:
        check(name, engine, edit)
    if not edits:
        return Many(name, (), engine, ())
    groups = [[edit] for edit in edits]
    with deltas.alone(engine.model):
        sets, more = _updates(name, engine, groups, given or {})
    notes = [
        (*notes_of(rows_of(engine.tokenizer, [edit], 0)), *own) if name != "kn" else own
        for edit, own in zip(edits, more, strict=True)
    ]
    return Many(name, tuple(edits), engine, tuple(sets), tuple(notes))


def answer(
    many: Many, asked: Sequence[Asked], sampling: Sampling, batch_size: int = 64
) -> list[Generation]:
    """Answer each query under its own edit, in batches; in the given order."""
    prompts = [many.engine.encode_query(query.text) for _, query in asked]
    return generate(many, [edit for edit, _ in asked], prompts, sampling, batch_size)


def generate(
    many: Many,
    edits: Sequence[int],
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    batch_size: int = 64,
    on_progress: Progress | None = None,
) -> list[Generation]:
    """Answer prompts, each under the edit of its place; in the given order."""
    answers: dict[int, Generation] = {}
    for batch in _batches([len(prompt) for prompt in prompts], batch_size):
        told = _answer(
            many, [edits[i] for i in batch], [prompts[i] for i in batch], sampling
        )
        answers.update(zip(batch, told, strict=True))
        if on_progress is not None:
            on_progress(len(answers), len(prompts))
    return [answers[i] for i in range(len(prompts))]


def first_choices(
    many: Many,
    edits: Sequence[int],
    pairs: Sequence[Pair],
    batch_size: int = 64,
    on_progress: Progress | None = None,
) -> list[tuple[int, ...]]:
    """Return the first choice at each answer token, each pair under its own edit."""
    model = many.engine.model
    found: dict[int, tuple[int, ...]] = {}
    for batch in _batches([len(p) + len(a) for p, a in pairs], batch_size):
        sets, whose = _used(many, [edits[i] for i in batch])
        with deltas.alone(model), acting(_modules(many), sets, whose):
            told = measure(model, [pairs[i] for i in batch], "left")
        chosen = (tuple(token.best_id for token in one) for one in told)
        found.update(zip(batch, chosen, strict=True))
        if on_progress is not None:
            on_progress(len(found), len(pairs))
    return [found[i] for i in range(len(pairs))]


def score(
    many: Many, asked: Sequence[Asked], answers: Sequence[str], batch_size: int = 64
) -> list[AnswerScore]:
    """Score an answer to each query under its own edit, teacher-forced."""
    engine = many.engine
    told = [
        engine.encode(answered(query.text, text))
        for (_, query), text in zip(asked, answers, strict=True)
    ]
    pairs = [(each.prompt_ids, each.answer_ids) for each in told]
    scores: dict[int, AnswerScore] = {}
    for like in _batches([len(p) + len(a) for p, a in pairs], batch_size):
        # The engine keeps the order of prompts that are sorted by length, in one batch.
        batch = sorted(like, key=lambda i: len(pairs[i][0]))
        sets, whose = _used(many, [asked[i][0] for i in batch])
        with deltas.alone(engine.model), acting(_modules(many), sets, whose):
            # On the left: answers of all lengths then end in one column.
            found = engine.score([pairs[i] for i in batch], len(batch), "left")
        scores.update(zip(batch, found, strict=True))
    return [scores[i] for i in range(len(asked))]


def _updates(
    name: str,
    engine: TransformersEngine,
    groups: Sequence[Sequence[Edit]],
    given: Mapping[str, Any],
) -> tuple[list[Updates], list[tuple[str, ...]]]:
    """Return each group's updates, and what there is to say of them alone."""

    def settings(kind: type) -> Any:
        return settings_for(kind, name, engine.model, given)

    nothing: list[tuple[str, ...]] = [()] * len(groups)
    if name == "rome":
        of_rome = settings(rome.RomeSettings)
        solver = rome.solver_for(engine, of_rome)
        return rome.updates_of(engine, groups, of_rome, solver), nothing
    if name == "memit":
        of_memit = settings(memit.MemitSettings)
        factors = memit.solver_for(engine, of_memit)
        return memit.updates_of(engine, groups, of_memit, factors), nothing
    if name == "alphaedit":
        of_alpha = settings(alphaedit.AlphaEditSettings)
        unused = alphaedit.unused_for(engine, of_alpha)
        found = alphaedit.updates_of(engine, groups, of_alpha, unused)
        return found, [(unused.note(),)] * len(groups)
    if name == "kn":
        turned = kn.updates_of(engine, groups, settings(kn.KnSettings))
        return turned, [(_turned(updates),) for updates in turned]
    raise InputError(
        f"The editor “{name}” makes no low-rank change, so its edits cannot be "
        f"evaluated side by side. Choose one of: {', '.join(NAMES)}."
    )


def _turned(updates: Updates) -> str:
    count = sum(int((update.keys != 0).sum()) for update in updates.values())
    return Notice("Neurons turned: {n:,}.", n=count)


def _answer(
    many: Many,
    edits: Sequence[int],
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
) -> list[Generation]:
    """Answer one batch. Rows that have ended leave it, all of them at a time."""
    sets, whose = _used(many, edits)
    sets_of = torch.tensor(whose)
    alive = list(range(len(prompts)))
    rows: list[DecodedRow] = []

    def of_rows(count: int) -> Tensor:
        nonlocal alive
        if count < len(alive):
            alive = [row for row in alive if rows[row].finish is None]
        return sets_of[alive]

    engine = many.engine
    with deltas.alone(engine.model), acting(_modules(many), sets, of_rows):
        # The rows alone: their texts are of no use until they have ended.
        for told in engine.rows(prompts, [sampling] * len(prompts)):
            rows = told
    return [engine.generation(row) for row in rows]


def _used(many: Many, edits: Sequence[int]) -> tuple[list[Updates], list[int]]:
    """Return the sets that some edits use, and for each edit the index of its own."""
    place = {edit: index for index, edit in enumerate(dict.fromkeys(edits))}
    return [many.sets[edit] for edit in place], [place[edit] for edit in edits]


def _modules(many: Many) -> dict[int, nn.Module]:
    return {place.layer: place.module for place in down_projections(many.engine.model)}


def _batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Yield the indices in batches of like length."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
