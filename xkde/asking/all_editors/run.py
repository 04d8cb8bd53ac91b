"""Try every editor on one edit, one after another: ask, and take it out again.

``use`` lends a model to one editor at a time. Before it goes back the edit is taken out
and all weights are looked at bit by bit, so nobody else ever meets it. An editor's
error is its row's; the others go on. Knows no page and no verdict.

Run its tests: ``python -m pytest tests/xkde/asking/all_editors/test_run.py``
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from xkde.asking.all_editors.tasks import Task, Tried, at_first
from xkde.editors.editor import answer, applied
from xkde.editors.prompt.in_prompt import NoEdit
from xkde.editors.registry import EDITORS, entry_of, make
from xkde.editors.settings import part_folder, preset_of
from xkde.editors.weights import deltas
from xkde.editors.weights.base import WeightEditor
from xkde.editors.weights.modules import layer_index
from xkde.editors.weights.second_moments import digest, second_moments
from xkde.engines.transformers import TransformersEngine
from xkde.errors import CheckpointError, Notice, SettingsError, XkdeError
from xkde.text import normalise

Use = Callable[[str], AbstractContextManager[TransformersEngine]]
Tell = Callable[[Tried], None]


class _StoppedError(Exception):
    """Leaves the reading of second moments, which goes on from there next time."""


def compare(task: Task, use: Use, tell: Tell, cancelled: threading.Event) -> None:
    """Run every editor whose needs are met; ``tell`` each row whenever it changes.

    Once ``cancelled``, the editor at work ends and the others are told as stopped.
    """
    bare: dict[str, _Bare] = {}
    for row in at_first(task):
        if row.phase == "unmet":
            continue
        if cancelled.is_set():
            tell(replace(row, phase="stopped"))
            continue
        try:
            with use(row.model) as engine:
                tell(_tried(row, task, engine, tell, cancelled, bare))
        except XkdeError as error:
            tell(replace(row, phase="failed", words=error.notice))


@dataclass(frozen=True)
class _Bare:
    """A model without edits: its weights' digest, how it answers the neighbours."""

    digest: str
    answers: tuple[str, ...]


def _tried(
    row: Tried,
    task: Task,
    engine: TransformersEngine,
    tell: Tell,
    cancelled: threading.Event,
    bare: dict[str, _Bare],
) -> Tried:
    """Return the row of one editor, whatever became of it; its edit is out again."""
    entry = entry_of(row.editor)
    if _lacks_part(row.editor, engine):
        return replace(row, phase="unmet", unmet="trained part")
    with deltas.alone(engine.model):
        try:
            if "moments" in entry.needs:
                _read_moments(row, engine, tell, cancelled)
            tell(replace(row, phase="running"))
            if row.model not in bare:
                bare[row.model] = _without(task, engine)
            done = _at_work(row, task, engine, bare[row.model])
        except _StoppedError:
            done = replace(row, phase="stopped")
        except XkdeError as error:
            done = replace(row, phase="failed", words=error.notice)
        except (RuntimeError, MemoryError, OSError) as error:  # torch's, the disk's
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            words = Notice(
                "It stopped with an error ({reason}).", reason=reason.rstrip(".")
            )
            done = replace(row, phase="failed", words=words)
        known = bare.get(row.model)
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


def _without(task: Task, engine: TransformersEngine) -> _Bare:
    told = answer(NoEdit().apply(engine, ()), task.neighbours, task.sampling)
    return _Bare(digest(engine.model), tuple(each.text for each in told))


def _at_work(row: Tried, task: Task, engine: TransformersEngine, bare: _Bare) -> Tried:
    with applied(make(row.editor), engine, [task.edit]) as at_work:
        asked = (*task.queries, *task.neighbours)
        told = answer(at_work, asked, task.sampling)
    count = len(task.queries)
    pairs = zip(told[count:], bare.answers, strict=True)
    return replace(
        row,
        phase="done",
        answers=tuple(told[:count]),
        changed=sum(normalise(now.text) != normalise(then) for now, then in pairs),
        asked=len(task.neighbours),
        seconds=at_work.seconds,
        peak_bytes=at_work.peak_bytes,
    )


def _read_moments(
    row: Tried, engine: TransformersEngine, tell: Tell, cancelled: threading.Event
) -> None:
    """See to it that the second moments are there, for all editors that need them."""

    def report(done: int, total: int) -> None:
        if cancelled.is_set():
            raise _StoppedError
        tell(replace(row, phase="reading", read=(done, total)))

    second_moments(engine, layers_read(engine), on_progress=report)
    if cancelled.is_set():
        raise _StoppedError


def layers_read(engine: TransformersEngine) -> list[int]:
    """Return the layers whose second moments any editor needs: they cost one pass."""
    found: set[int] = set()
    for entry in EDITORS.values():
        editor = make(entry.name) if "moments" in entry.needs else None
        if isinstance(editor, WeightEditor):
            settings = editor.settings_in_force(engine)
            places = getattr(settings, "layers", None) or (settings.layer,)
            found |= {layer_index(engine.model, place) for place in places}
    return sorted(found)
