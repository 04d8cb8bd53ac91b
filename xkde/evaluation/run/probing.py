"""Ask the probes of cases: with their edits, without them, and the base beside.

What stands in the prompt changes no model, so those questions go out in batches across
cases. An editor that changes weights, or sends a query elsewhere, is applied once a
case; all its questions are asked, by every protocol, then it is taken out again; edits
of low rank are asked about side by side instead, with the same answers. A question
without an edit is asked once in a whole run. Knows no row and no file.

Run its tests: ``python -m pytest tests/xkde/evaluation/run/test_editing.py``,
``tests/xkde/evaluation/run/test_runner.py``
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any

from xkde.editors.editor import Applied, Editor, applied, is_reverted
from xkde.editors.weights.base import InWeights
from xkde.editors.weights.rank_one_batch import Many, takes
from xkde.errors import InputError
from xkde.evaluation.results.rows import TEACHER_FORCED
from xkde.evaluation.results.store import RunSettings
from xkde.evaluation.run.editing import (
    AskedOfMany,
    generations_of_many,
    made_side_by_side,
    readings_of_many,
)
from xkde.evaluation.run.generated import generations
from xkde.evaluation.run.question import (
    Asked,
    Question,
    edit_of,
    is_compared,
    is_in_prompt,
    prompt_of,
)
from xkde.evaluation.run.teacher_forced import readings
from xkde.types import Query

Share = Callable[[float], None]  # told how much is done, 0 to 1


@dataclass(frozen=True)
class Told:
    """What came back for one question. None: not asked, or it did not fit."""

    prompt: str
    engine: Any = None  # which was asked; None where the edit was refused
    edited: Applied | None = None
    refused: str = ""  # why the editor would not make the edit
    answer: Any = None
    before: Any = None  # the same model without the edit
    base: Any = None  # the base without the edit


@dataclass(frozen=True)
class Job:
    """What every chunk needs; ``plain`` keeps what came back without an edit."""

    engine: Any
    settings: RunSettings
    batch_size: int = 64
    date: str = ""
    base: Any = None
    editor: Editor | None = None  # None: one of IN_PROMPT
    plain: dict[tuple[str, str], dict[Asked, Any]] = field(default_factory=dict)


def tell(job: Job, chunk: Sequence[Question], share: Share) -> dict[str, list[Told]]:
    """Ask a chunk by every protocol of the run; return what came back, in its order."""
    settings = job.settings
    compared = [one for one in chunk if is_compared(one, settings)]
    for protocol in settings.protocols:
        _ask_plain(job, "before", job.engine, protocol, compared)
        if job.base is not None:
            _ask_plain(job, "base", job.base, protocol, chunk)
    if isinstance(job.editor, InWeights) and takes(job.editor, job.engine):
        return _of_many(job, job.editor, chunk, share)
    groups = [list(chunk)]
    if not is_in_prompt(settings.editor):
        groups = [list(of) for _, of in groupby(chunk, key=edit_of)]
    found: dict[str, list[Told]] = {protocol: [] for protocol in settings.protocols}
    done = 0
    for group in groups:
        step = partial(_step, share, done / len(chunk), len(group) / len(chunk))
        for protocol, told in _edited(job, group, step).items():
            found[protocol] += told
        done += len(group)
    return found


def _step(share: Share, start: float, size: float, part: float) -> None:
    share(start + size * part)


def _ask_plain(
    job: Job, who: str, engine: Any, protocol: str, of: Sequence[Question]
) -> None:
    """Ask without an edit what is not known of an engine yet."""
    known = job.plain.setdefault((who, protocol), {})
    new = [one for one in dict.fromkeys(q.plain for q in of) if one not in known]
    told = _ask(job, engine, protocol, new)
    known.update(zip(new, told, strict=True))


def _edited(job: Job, group: Sequence[Question], share: Share) -> dict[str, list[Told]]:
    """Ask questions while their edits are at work, by every protocol."""
    protocols = job.settings.protocols
    found: dict[str, list[Told]] = {}
    with ExitStack() as at_work:
        ways = _ways(job, group, at_work)
        for number, protocol in enumerate(protocols):
            step = partial(_step, share, number / len(protocols), 1 / len(protocols))
            answers = _answers(job, protocol, group, ways, step)
            found[protocol] = [
                _compared(job, protocol, question, replace(way, answer=answer))
                for question, way, answer in zip(group, ways, answers, strict=True)
            ]
    edits = {id(way.edited): way.edited for way in ways if way.edited is not None}
    assert all(is_reverted(job.engine, edited) for edited in edits.values())
    return found


def _of_many(
    job: Job, editor: InWeights, chunk: Sequence[Question], share: Share
) -> dict[str, list[Told]]:
    """Ask questions of many edits in the same batches, each under its own edit."""
    edits = {edit_of(one): one.case.edits[one.source] for one in chunk}
    made = made_side_by_side(editor, job.engine, edits)
    ways = [
        Told(one.item.question, refused=made.refused[edit_of(one)])
        if edit_of(one) in made.refused
        else Told(one.item.question, job.engine, made.at_work[edit_of(one)])
        for one in chunk
    ]
    places = [i for i, way in enumerate(ways) if not way.refused]
    asked = [(made.places[edit_of(chunk[i])], *chunk[i].plain) for i in places]
    protocols = job.settings.protocols
    found: dict[str, list[Told]] = {}
    for number, protocol in enumerate(protocols):
        step = partial(_step, share, number / len(protocols), 1 / len(protocols))
        told = _ask_many(job, made.many, protocol, asked, step)
        answers = dict(zip(places, told, strict=True))
        found[protocol] = [
            _compared(job, protocol, one, replace(way, answer=answers.get(i)))
            for i, (one, way) in enumerate(zip(chunk, ways, strict=True))
        ]
        step(1.0)
    return found


def _ask_many(
    job: Job,
    many: Many,
    protocol: str,
    asked: Sequence[AskedOfMany],
    share: Share,
) -> list[Any]:
    """Ask edits side by side as a protocol does."""

    def step(done: int, of: int) -> None:
        share(done / of)

    wrapper: Any = job.settings.wrapper
    if protocol == TEACHER_FORCED:
        return list(readings_of_many(many, asked, wrapper, job.batch_size, step))
    longest = job.settings.max_new_tokens
    return list(
        generations_of_many(many, asked, wrapper, longest, job.batch_size, step)
    )


def _compared(job: Job, protocol: str, question: Question, told: Told) -> Told:
    """Return what was told with what is told without the edit."""
    before = None
    if is_compared(question, job.settings):
        before = job.plain["before", protocol][question.plain]
    base = job.plain.get(("base", protocol), {}).get(question.plain)
    return replace(told, before=before, base=base)


def _ways(job: Job, group: Sequence[Question], at_work: ExitStack) -> list[Told]:
    """Put the edits of questions to work; return how each question is asked then."""
    if job.editor is None:
        return [Told(prompt_of(one, job.settings), job.engine) for one in group]
    ways: list[Told] = []
    for _, of in groupby(group, key=edit_of):
        same = list(of)
        try:
            ways += _ways_of_edit(job, job.editor, same, at_work)
        except InputError as error:
            ways += [Told(one.item.question, refused=str(error)) for one in same]
    return ways


def _ways_of_edit(
    job: Job, editor: Editor, same: Sequence[Question], at_work: ExitStack
) -> list[Told]:
    edit = same[0].case.edits[same[0].source]
    edited = at_work.enter_context(applied(editor, job.engine, [edit]))
    routed = [edited.route(Query(one.item.question, one.target)) for one in same]
    return [Told(each.messages[-1].content, each.engine, edited) for each in routed]


def _answers(
    job: Job,
    protocol: str,
    group: Sequence[Question],
    ways: Sequence[Told],
    share: Share,
) -> list[Any]:
    """Ask each engine what is routed to it; None where an edit was refused."""
    answers: list[Any] = [None] * len(ways)
    engines = {id(way.engine): way.engine for way in ways if way.engine is not None}
    done = 0
    for engine in engines.values():
        places = [i for i, way in enumerate(ways) if way.engine is engine]
        asked = [(ways[i].prompt, group[i].item.answer) for i in places]
        step = partial(_step, share, done / len(ways), len(places) / len(ways))
        told = _ask(job, engine, protocol, asked, step)
        for place, answer in zip(places, told, strict=True):
            answers[place] = answer
        done += len(places)
    share(1.0)
    return answers


def _ask(
    job: Job,
    engine: Any,
    protocol: str,
    asked: Sequence[Asked],
    share: Share | None = None,
) -> list[Any]:
    """Ask one engine as a protocol does."""

    def step(done: int, of: int) -> None:
        if share is not None:
            share(done / of)

    wrapper: Any = job.settings.wrapper
    if protocol == TEACHER_FORCED:
        return list(readings(engine, asked, wrapper, job.batch_size, step))
    prompts = [prompt for prompt, _ in asked]
    longest = job.settings.max_new_tokens
    return list(generations(engine, prompts, wrapper, longest, job.batch_size, step))
