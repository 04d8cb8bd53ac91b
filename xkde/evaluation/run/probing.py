"""Ask the probes of cases: with their edits, without them, and the base beside.

An editor that works in the prompt changes no model, so its questions go out in batches
across cases. An editor that changes weights, or sends a query to another model, is
applied once a case: all questions of the case are asked by every protocol, then the
edit is reverted. Edits of low rank are computed together and asked about in the same
batches instead, with the same answers. A question without an edit is asked once in a
run.

An editor is made by name; the settings in force, which the run records, are those asked
for over those known to work on a model of this shape over the editor's own defaults.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import cast

from xkde.editors.editor import Applied, Editor, applied, bare, is_reverted, measured
from xkde.editors.registry import entry_of, make, preset_of, read_settings
from xkde.editors.weights.base import WeightEditor
from xkde.editors.weights.rank_one_batch import (
    SideBySide,
    compute_side_by_side,
    first_choices,
    generate,
    takes,
)
from xkde.engines.engine import Engine
from xkde.engines.forward import Pair
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError, NotFiniteError, SettingsError
from xkde.evaluation.results.rows import TEACHER_FORCED
from xkde.evaluation.results.store import RunSettings
from xkde.evaluation.run.memories import Stated
from xkde.evaluation.run.protocols import (
    Ids,
    TeacherForcedAnswer,
    generations,
    generations_by,
    teacher_forced,
    teacher_forced_by,
)
from xkde.evaluation.run.questions import (
    IN_PROMPT,
    Question,
    edit_of,
    is_compared,
    is_in_prompt,
    prompt_of,
)
from xkde.prompts import Wrapper
from xkde.types import AskedPrompt, Edit, Generation, Query, Sampling

Given = Mapping[str, Mapping[str, object]]  # editor -> its settings
UNFIT = (InputError, NotFiniteError)  # by these one edit is left out
EDITS_A_PART = 32  # whose changes are computed together
SHARED = (
    "Made side by side with other edits: the seconds are an equal share of what all "
    "took, the memory is that of all."
)
AskedOfEdit = tuple[int, AskedPrompt]  # which edit is applied, what is asked
Progress = Callable[[int, int], None]
Answer = TeacherForcedAnswer | Generation
OnShare = Callable[[float], None]  # called with how much is done, 0 to 1
Key = tuple[str, str]  # a case, the language of its edit


@dataclass(frozen=True)
class AppliedSideBySide:
    """Single edits side by side: each as if it were in the weights, or why not."""

    many: SideBySide
    applied: Mapping[Key, Applied]
    places: Mapping[Key, int]  # of the edits in ``many``
    refused: Mapping[Key, str]


def editor_names(text: str) -> list[str]:
    """Return the editors that "rome,ike,x-kde" names; raises InputError for others."""
    names = [word.strip() for word in text.split(",") if word.strip()]
    if not names:
        raise InputError("No editor is named. Use --editor x-kde, or none.")
    return [entry_of(name).name for name in dict.fromkeys(names)]


def given_settings(overrides: Sequence[str], editors: Sequence[str]) -> Given:
    """Return the settings that "rome.layer=4" and the like give, by editor.

    Raises SettingsError for another form, and for an editor that is not in the run.
    """
    given: dict[str, dict[str, object]] = {name: {} for name in editors}
    for text in overrides:
        name, dot, setting = text.partition("=")[0].partition(".")
        if not dot or "=" not in text or name not in given:
            raise SettingsError(
                f"“{text}” sets nothing. Write EDITOR.SETTING=VALUE, such as "
                f"{editors[0]}.layer=4, for an editor of this run."
            )
        given[name] |= read_settings([f"{setting}={text.partition('=')[2]}"])
    return given


def open_editor(
    name: str, engine: Engine, given: Mapping[str, object]
) -> tuple[Editor | None, str]:
    """Return an editor and its settings as JSON; None for an editor of IN_PROMPT.

    Raises SettingsError for a setting that it does not have.
    """
    if name in IN_PROMPT:
        if given:
            raise SettingsError(f"The editor {name} has no settings here.")
        return None, ""
    editor = make(name, given)
    if not isinstance(engine, TransformersEngine):
        in_force = dict(given)  # the runner refuses the editor
    elif isinstance(editor, WeightEditor):
        in_force = asdict(editor.settings_in_force(engine))
    else:
        in_force = {**preset_of(engine.model).get(name, {}), **given}
    text = json.dumps(in_force, ensure_ascii=False, sort_keys=True, default=str)
    return editor, text if in_force else ""


def apply_side_by_side(
    editor: WeightEditor, engine: TransformersEngine, edits: Mapping[Key, Edit]
) -> AppliedSideBySide:
    """Compute the changes of edits without writing any into the weights.

    Each edit is given an equal share of the seconds that all of them took.
    """
    refused: dict[Key, str] = {}
    for key, edit in edits.items():
        try:
            editor.check(engine, [edit])
        except InputError as error:
            refused[key] = str(error)
    fitting = {key: edit for key, edit in edits.items() if key not in refused}
    with measured(engine.device) as cost:
        many, diverged = _computed(editor, engine, fitting)
    refused |= diverged
    kept = [key for key in fitting if key not in diverged]
    shared = (SHARED,) if len(kept) > 1 else ()
    applied_edits = {
        key: Applied(
            editor=editor.name,
            edits=(edits[key],),
            route=bare(engine),
            seconds=cost.seconds / len(kept),
            peak_bytes=cost.peak_bytes,
            notes=(*notes, *shared),
        )
        for key, notes in zip(kept, many.notes, strict=True)
    }
    places = {key: place for place, key in enumerate(kept)}
    return AppliedSideBySide(many, applied_edits, places, refused)


def _computed(
    editor: WeightEditor, engine: TransformersEngine, edits: Mapping[Key, Edit]
) -> tuple[SideBySide, dict[Key, str]]:
    """Compute changes together; where one fails, each alone, to leave out that one."""
    try:
        return compute_side_by_side(editor, engine, list(edits.values())), {}
    except UNFIT as error:
        if len(edits) == 1:
            nothing = compute_side_by_side(editor, engine, [])
            return nothing, dict.fromkeys(edits, str(error))
    alone = [_computed(editor, engine, {key: edit}) for key, edit in edits.items()]
    together = SideBySide(
        editor.name,
        tuple(edit for many, _ in alone for edit in many.edits),
        engine,
        tuple(updates for many, _ in alone for updates in many.sets),
        tuple(notes for many, _ in alone for notes in many.notes),
    )
    return together, {key: why for _, refused in alone for key, why in refused.items()}


def generations_of_many(
    many: SideBySide,
    asked: Sequence[AskedOfEdit],
    wrapper: Wrapper,
    max_new_tokens: int,
    batch_size: int,
    on_progress: Progress,
) -> list[Generation | None]:
    """Return greedy answers; None where a prompt leaves no room for a full one."""

    def generate_kept(places: list[int], ids: list[Ids]) -> list[Generation]:
        edits = [asked[place][0] for place in places]
        return generate(
            many, edits, ids, Sampling(max_new_tokens), batch_size, on_progress
        )

    prompts = [(one.prompt, one.language) for _, one in asked]
    return generations_by(many.engine, prompts, wrapper, max_new_tokens, generate_kept)


def teacher_forced_of_many(
    many: SideBySide,
    asked: Sequence[AskedOfEdit],
    wrapper: Wrapper,
    batch_size: int,
    on_progress: Progress,
) -> list[TeacherForcedAnswer | None]:
    """Return the first choices for gold answers; None where a text does not fit."""

    def choose_kept(places: list[int], pairs: list[Pair]) -> list[tuple[int, ...]]:
        edits = [asked[place][0] for place in places]
        return first_choices(many, edits, pairs, batch_size, on_progress)

    texts = [one for _, one in asked]
    return teacher_forced_by(many.engine, texts, wrapper, choose_kept)


@dataclass(frozen=True)
class ProbeAnswer:
    """The answers to one question. None: not asked, or the text did not fit."""

    prompt: str
    engine: Engine | None = None  # which was asked; None where the edit was refused
    edited: Applied | None = None
    refused: str = ""  # why the editor would not make the edit
    answer: Answer | None = None
    before: Answer | None = None  # the same model without the edit
    base: Answer | None = None  # the base without the edit


@dataclass(frozen=True)
class ProbingJob:
    """What every chunk needs; ``plain`` keeps the answers without an edit.

    ``stated`` are the edits that a memory states with each question.
    """

    engine: Engine
    settings: RunSettings
    batch_size: int = 64
    date: str = ""
    base: Engine | None = None
    editor: Editor | None = None  # None: one of IN_PROMPT
    stated: Stated | None = None
    plain: dict[tuple[str, str], dict[AskedPrompt, Answer | None]] = field(
        default_factory=dict
    )

    @property
    def wrapper(self) -> Wrapper:
        """How prompts are wrapped."""
        return cast(Wrapper, self.settings.wrapper)


def ask_probes(
    job: ProbingJob, chunk: Sequence[Question], on_share: OnShare
) -> dict[str, list[ProbeAnswer]]:
    """Ask a chunk by every protocol of the run; return the answers in its order."""
    settings = job.settings
    compared = [one for one in chunk if is_compared(one, settings)]
    for protocol in settings.protocols:
        _ask_plain(job, "before", job.engine, protocol, compared)
        if job.base is not None:
            _ask_plain(job, "base", job.base, protocol, chunk)
    engine = job.engine
    if isinstance(engine, TransformersEngine) and takes(job.editor, engine):
        return _of_many(job, engine, job.editor, chunk, on_share)
    groups = [list(chunk)]
    if not is_in_prompt(settings.editor):
        groups = [list(of) for _, of in groupby(chunk, key=edit_of)]
    found: dict[str, list[ProbeAnswer]] = {
        protocol: [] for protocol in settings.protocols
    }
    done = 0
    for group in groups:
        step = partial(_step, on_share, done / len(chunk), len(group) / len(chunk))
        for protocol, answers in _edited(job, group, step).items():
            found[protocol] += answers
        done += len(group)
    return found


def _step(on_share: OnShare, start: float, size: float, part: float) -> None:
    on_share(start + size * part)


def _ask_plain(
    job: ProbingJob, who: str, engine: Engine, protocol: str, of: Sequence[Question]
) -> None:
    """Ask an engine, without an edit, what it was not asked yet."""
    known = job.plain.setdefault((who, protocol), {})
    new = [one for one in dict.fromkeys(q.plain for q in of) if one not in known]
    known.update(zip(new, _ask(job, engine, protocol, new), strict=True))


def _edited(
    job: ProbingJob, group: Sequence[Question], on_share: OnShare
) -> dict[str, list[ProbeAnswer]]:
    """Ask questions while their edits are applied, by every protocol."""
    protocols = job.settings.protocols
    found: dict[str, list[ProbeAnswer]] = {}
    with ExitStack() as stack:
        ways = _ways(job, group, stack)
        for number, protocol in enumerate(protocols):
            step = partial(_step, on_share, number / len(protocols), 1 / len(protocols))
            answers = _answers(job, protocol, group, ways, step)
            found[protocol] = [
                _compared(job, protocol, question, replace(way, answer=answer))
                for question, way, answer in zip(group, ways, answers, strict=True)
            ]
    edits = {id(way.edited): way.edited for way in ways if way.edited is not None}
    assert all(
        is_reverted(_in_process(job.engine), edited) for edited in edits.values()
    )
    return found


def _of_many(
    job: ProbingJob,
    engine: TransformersEngine,
    editor: WeightEditor,
    chunk: Sequence[Question],
    on_share: OnShare,
) -> dict[str, list[ProbeAnswer]]:
    """Ask questions of many edits in the same batches, each under its own edit."""
    edits = {edit_of(one): one.case.edits[one.source] for one in chunk}
    side_by_side = apply_side_by_side(editor, engine, edits)
    ways = [
        ProbeAnswer(one.item.question, refused=side_by_side.refused[edit_of(one)])
        if edit_of(one) in side_by_side.refused
        else ProbeAnswer(one.item.question, engine, side_by_side.applied[edit_of(one)])
        for one in chunk
    ]
    places = [i for i, way in enumerate(ways) if not way.refused]
    asked = [(side_by_side.places[edit_of(chunk[i])], chunk[i].plain) for i in places]
    protocols = job.settings.protocols
    found: dict[str, list[ProbeAnswer]] = {}
    for number, protocol in enumerate(protocols):
        step = partial(_step, on_share, number / len(protocols), 1 / len(protocols))
        answers_of_kept = _ask_many(job, side_by_side.many, protocol, asked, step)
        answers = dict(zip(places, answers_of_kept, strict=True))
        found[protocol] = [
            _compared(job, protocol, one, replace(way, answer=answers.get(i)))
            for i, (one, way) in enumerate(zip(chunk, ways, strict=True))
        ]
        step(1.0)
    return found


def _ask_many(
    job: ProbingJob,
    many: SideBySide,
    protocol: str,
    asked: Sequence[AskedOfEdit],
    on_share: OnShare,
) -> list[Answer | None]:
    """Ask edits side by side as a protocol does."""

    def step(done: int, of: int) -> None:
        on_share(done / of)

    if protocol == TEACHER_FORCED:
        return list(
            teacher_forced_of_many(many, asked, job.wrapper, job.batch_size, step)
        )
    longest = job.settings.max_new_tokens
    return list(
        generations_of_many(many, asked, job.wrapper, longest, job.batch_size, step)
    )


def _compared(
    job: ProbingJob, protocol: str, question: Question, answer: ProbeAnswer
) -> ProbeAnswer:
    """Return an answer with the answers without the edit."""
    before = None
    if is_compared(question, job.settings):
        before = job.plain["before", protocol][question.plain]
    base = job.plain.get(("base", protocol), {}).get(question.plain)
    return replace(answer, before=before, base=base)


def _ways(
    job: ProbingJob, group: Sequence[Question], stack: ExitStack
) -> list[ProbeAnswer]:
    """Apply the edits of questions; return how each question is asked then."""
    if job.editor is None:
        prompts = [prompt_of(one, job.settings, _stated(job, one)) for one in group]
        return [ProbeAnswer(prompt, job.engine) for prompt in prompts]
    ways: list[ProbeAnswer] = []
    for _, of in groupby(group, key=edit_of):
        same = list(of)
        try:
            ways += _ways_of_edit(job, job.editor, same, stack)
        except UNFIT as error:
            ways += [ProbeAnswer(one.item.question, refused=str(error)) for one in same]
    return ways


def _stated(job: ProbingJob, one: Question) -> tuple[Edit, ...] | None:
    """Return what the run's memory states with a question; None without a memory."""
    if job.stated is None:
        return None
    return job.stated[edit_of(one), Query(one.item.question, one.target)]


def _ways_of_edit(
    job: ProbingJob, editor: Editor, same: Sequence[Question], stack: ExitStack
) -> list[ProbeAnswer]:
    edit = same[0].case.edits[same[0].source]
    edited = stack.enter_context(applied(editor, _in_process(job.engine), [edit]))
    routed = [edited.route(Query(one.item.question, one.target)) for one in same]
    return [
        ProbeAnswer(each.messages[-1].content, each.engine, edited) for each in routed
    ]


def _answers(
    job: ProbingJob,
    protocol: str,
    group: Sequence[Question],
    ways: Sequence[ProbeAnswer],
    on_share: OnShare,
) -> list[Answer | None]:
    """Ask each engine what is routed to it; None where an edit was refused."""
    answers: list[Answer | None] = [None] * len(ways)
    engines = {id(way.engine): way.engine for way in ways if way.engine is not None}
    done = 0
    for engine in engines.values():
        places = [i for i, way in enumerate(ways) if way.engine is engine]
        asked = [group[i].plain._replace(prompt=ways[i].prompt) for i in places]
        step = partial(_step, on_share, done / len(ways), len(places) / len(ways))
        routed = _ask(job, engine, protocol, asked, step)
        for place, answer in zip(places, routed, strict=True):
            answers[place] = answer
        done += len(places)
    on_share(1.0)
    return answers


def _ask(
    job: ProbingJob,
    engine: Engine,
    protocol: str,
    asked: Sequence[AskedPrompt],
    on_share: OnShare | None = None,
) -> list[Answer | None]:
    """Ask one engine as a protocol does."""

    def step(done: int, of: int) -> None:
        if on_share is not None:
            on_share(done / of)

    if protocol == TEACHER_FORCED:
        return list(
            teacher_forced(
                _in_process(engine), asked, job.wrapper, job.batch_size, step
            )
        )
    longest = job.settings.max_new_tokens
    return list(generations(engine, asked, job.wrapper, longest, job.batch_size, step))


def _in_process(engine: Engine) -> TransformersEngine:
    """Return an engine whose weights are here; the run's checks have made sure."""
    assert isinstance(engine, TransformersEngine)
    return engine
