"""Edits in a model that others share: every edit is out again before it is given back.

Three uses of one editor or all of them. ``before_and_after`` asks before the edit, with
it and after it; ``edit_on_a_copy`` leaves a copy that obeys the edit and shares all
matrices that the edit did not change; ``run_all_editors`` tries one editor after
another. The model is the caller's alone meanwhile, and its weights are compared bit by
bit before anybody else has it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any

from xkde.asking.all_editors import AllEditorsTask, EditorRow, waiting_rows
from xkde.asking.session import StoppedError
from xkde.editors.editor import Applied, Editor, Routed, answer, applied, is_reverted
from xkde.editors.prompt import NoEdit
from xkde.editors.registry import EDITORS, entry_of, make, part_folder, preset_of
from xkde.editors.weights import deltas
from xkde.editors.weights.base import WeightEditor
from xkde.editors.weights.digest import digest
from xkde.editors.weights.modules import layer_index
from xkde.editors.weights.second_moments import second_moments
from xkde.engines.transformers import TransformersEngine
from xkde.errors import (
    CheckpointError,
    InputError,
    Notice,
    SettingsError,
    XkdeError,
)
from xkde.text import same
from xkde.types import Edit, Generation, Query, Sampling

Progress = Callable[[int, int], None]  # tokens of the second moments, of how many
Lend = Callable[[str], AbstractContextManager[TransformersEngine]]
Report = Callable[[EditorRow], None]


@dataclass(frozen=True)
class BeforeAndAfter:
    """Answers in the order of the queries, and the edits that were applied between."""

    before: tuple[Generation, ...]
    after: tuple[Generation, ...]
    as_before: tuple[Generation, ...]  # when the edits had been taken out
    applied: Applied
    is_reverted: bool  # weights bit by bit, answers token by token


def before_and_after(
    editor: Editor,
    engine: TransformersEngine,
    edits: Sequence[Edit],
    queries: Sequence[Query],
    sampling: Sampling,
    at_once: int | None = None,
) -> BeforeAndAfter:
    """Ask, edit, ask, revert, ask; ``at_once`` as ``applied`` has it."""
    with deltas.alone(engine.model):
        bare = NoEdit().apply(engine, ())
        before = answer(bare, queries, sampling)
        with applied(editor, engine, edits, at_once) as applied_edits:
            after = answer(applied_edits, queries, sampling)
        as_before = answer(bare, queries, sampling)
        is_same = [g.token_ids for g in before] == [g.token_ids for g in as_before]
        return BeforeAndAfter(
            tuple(before),
            tuple(after),
            tuple(as_before),
            applied_edits,
            is_same and is_reverted(engine, applied_edits),
        )


def as_record(seen: BeforeAndAfter, queries: Sequence[Query]) -> dict[str, object]:
    """Return what was seen in plain values, for JSON."""
    answers = zip(queries, seen.before, seen.after, seen.as_before, strict=True)
    return {
        "edits": [asdict(edit) for edit in seen.applied.edits],
        "queries": [
            {
                "query": query.text,
                "language": query.language,
                "before": before.text,
                "after": after.text,
                "reverted": as_before.text,
            }
            for query, before, after, as_before in answers
        ],
        "reverted": seen.is_reverted,
        "seconds": round(seen.applied.seconds, 3),
        "seconds_per_edit": round(
            seen.applied.seconds / max(1, len(seen.applied.edits)), 4
        ),
        "peak_bytes": seen.applied.peak_bytes,
        "changed": deltas.sizes(seen.applied.delta),
        "notes": list(seen.applied.notes),
    }


@dataclass(frozen=True)
class EditedCopy:
    """Who answers each query, and in which words it is asked."""

    routed: tuple[Routed, ...]
    seconds: float
    notes: tuple[str, ...] = ()


def edit_on_a_copy(
    name: str,
    engine: TransformersEngine,
    edits: Sequence[Edit],
    queries: Sequence[Query],
    on_progress: Progress | None = None,
    settings: Mapping[str, object] | None = None,
) -> EditedCopy:
    """Apply edits with the editor ``name`` and return what asks each query after them.

    Raises XkdeError in words where the editor cannot; what ``on_progress`` raises ends
    the reading of second moments, which goes on from there next time.
    """
    entry = entry_of(name)
    if "subject" in entry.needs and not all(edit.subject for edit in edits):
        raise InputError(
            "{editor} must know the subject of the edit, and Atlas does not find it in "
            "this question. Word the question as the examples do, or choose an editor "
            "that needs no subject, such as X-KDE or FT-M.",
            editor=entry.label,
        )
    try:
        with deltas.alone(engine.model):
            if "moments" in entry.needs:
                second_moments(engine, layers_read(engine), on_progress=on_progress)
            with applied(make(name, settings), engine, edits) as applied_edits:
                routed = _routed(engine, applied_edits, queries)
            if not is_reverted(engine, applied_edits):
                raise SettingsError(
                    "The model was not as before after the edit. Start the app again "
                    "before you go on."
                )
    except (RuntimeError, MemoryError, OSError) as error:  # torch's, the disk's
        raise SettingsError(
            "{editor} stopped with an error ({reason}). The model is as it was; choose "
            "another editor.",
            editor=entry.label,
            reason=_reason(error),
        ) from error
    return EditedCopy(routed, applied_edits.seconds, applied_edits.notes)


def _routed(
    engine: TransformersEngine, applied_edits: Applied, queries: Sequence[Query]
) -> tuple[Routed, ...]:
    """Return how queries are asked, of the copy where the weights were changed."""
    routed = tuple(applied_edits.route(query) for query in queries)
    if not applied_edits.delta:
        return routed
    own = replace(engine, model=copy_but(engine, applied_edits.delta))
    return tuple(
        replace(each, engine=own) if each.engine.model is engine.model else each
        for each in routed
    )


def copy_but(engine: TransformersEngine, own: Mapping[str, object]) -> Any:
    """Return the model again: with ``own`` parameters copied, all others shared."""
    model = engine.model
    shared = [value for name, value in model.named_parameters() if name not in own]
    return deepcopy(model, {id(value): value for value in (*shared, *model.buffers())})


@dataclass(frozen=True)
class UneditedModel:
    """A model without edits: its weights' digest, how it answers the neighbours."""

    digest: str
    answers: tuple[str, ...]


def run_all_editors(
    task: AllEditorsTask, lend: Lend, report: Report, cancelled: threading.Event
) -> None:
    """Run every editor whose needs are met; ``report`` each row whenever it changes.

    ``lend`` gives a model to one editor at a time. An editor's error is its row's; the
    others go on. Once ``cancelled``, the editor that runs ends, and the others are
    reported as stopped.
    """
    unedited: dict[str, UneditedModel] = {}
    for row in waiting_rows(task):
        if row.phase == "unmet":
            continue
        if cancelled.is_set():
            report(replace(row, phase="stopped"))
            continue
        try:
            with lend(row.model) as engine:
                report(_run_editor(row, task, engine, report, cancelled, unedited))
        except XkdeError as error:
            report(replace(row, phase="failed", words=error.notice))


def _run_editor(
    row: EditorRow,
    task: AllEditorsTask,
    engine: TransformersEngine,
    report: Report,
    cancelled: threading.Event,
    unedited: dict[str, UneditedModel],
) -> EditorRow:
    """Return the row of one editor, whatever became of it; its edit is out again."""
    entry = entry_of(row.editor)
    if _lacks_part(row.editor, engine):
        return replace(row, phase="unmet", unmet="trained part")
    with deltas.alone(engine.model):
        try:
            if "moments" in entry.needs:
                _read_moments(row, engine, report, cancelled)
            report(replace(row, phase="running"))
            if row.model not in unedited:
                unedited[row.model] = _without_edit(task, engine)
            done = _with_edit(row, task, engine, unedited[row.model])
        except StoppedError:
            done = replace(row, phase="stopped")
        except XkdeError as error:
            done = replace(row, phase="failed", words=error.notice)
        except (RuntimeError, MemoryError, OSError) as error:  # torch's, the disk's
            words = Notice(
                "It stopped with an error ({reason}).", reason=_reason(error)
            )
            done = replace(row, phase="failed", words=words)
        known = unedited.get(row.model)
        if known is None or entry.kind == "prompt":
            return done
        return replace(done, is_reverted=digest(engine.model) == known.digest)


def _lacks_part(editor: str, engine: TransformersEngine) -> bool:
    if "trained part" not in entry_of(editor).needs:
        return False
    try:
        part_folder(editor, preset_of(engine.model).get(editor, {}).get("folder", ""))
    except (SettingsError, CheckpointError):
        return True
    return False


def _without_edit(task: AllEditorsTask, engine: TransformersEngine) -> UneditedModel:
    answers = answer(NoEdit().apply(engine, ()), task.neighbours, task.sampling)
    return UneditedModel(digest(engine.model), tuple(each.text for each in answers))


def _with_edit(
    row: EditorRow,
    task: AllEditorsTask,
    engine: TransformersEngine,
    unedited: UneditedModel,
) -> EditorRow:
    with applied(make(row.editor), engine, [task.edit]) as applied_edits:
        asked = (*task.queries, *task.neighbours)
        answers = answer(applied_edits, asked, task.sampling)
    count = len(task.queries)
    pairs = zip(answers[count:], unedited.answers, strict=True)
    return replace(
        row,
        phase="done",
        answers=tuple(answers[:count]),
        changed=sum(not same(after.text, before) for after, before in pairs),
        asked=len(task.neighbours),
        seconds=applied_edits.seconds,
        peak_bytes=applied_edits.peak_bytes,
    )


def _read_moments(
    row: EditorRow,
    engine: TransformersEngine,
    report: Report,
    cancelled: threading.Event,
) -> None:
    """See to it that the second moments are there, for all editors that need them."""

    def on_progress(done: int, total: int) -> None:
        if cancelled.is_set():
            raise StoppedError
        report(replace(row, phase="reading", read=(done, total)))

    second_moments(engine, layers_read(engine), on_progress=on_progress)
    if cancelled.is_set():
        raise StoppedError


def layers_read(engine: TransformersEngine) -> list[int]:
    """Return the layers whose second moments any editor needs: they cost one pass."""
    found: set[int] = set()
    for entry in EDITORS.values():
        editor = make(entry.name) if "moments" in entry.needs else None
        if isinstance(editor, WeightEditor):
            settings = editor.settings_in_force(engine)
            layers = getattr(settings, "layers", None) or (settings.layer,)
            found |= {layer_index(engine.model, layer) for layer in layers}
    return sorted(found)


def _reason(error: Exception) -> str:
    """Return the first line of an error that is not ours."""
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    return first.rstrip(".")
