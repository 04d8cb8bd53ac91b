"""The chosen editor makes the edit: in a thread, on a copy, with words on the way.

The thread has the model to itself until the edit is out again, also where the visitor
has left or pressed Stop meanwhile; so no other session ever meets an edit in the
weights. Knows no component.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/test_editor_choice.py``
"""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING

from xkde.asking.all_editors.tasks import with_subject
from xkde.asking.session import Asked
from xkde.data.atlas.world import atlas
from xkde.engines.pool import Pool

if TYPE_CHECKING:
    from xkde.asking.on_a_copy import Made

LOOK = 0.2  # seconds between two looks at the thread


class _StoppedError(Exception):
    """Leaves the reading of second moments, which goes on from there next time."""


def made(
    pool: Pool, asked: Asked, cancelled: threading.Event
) -> "Generator[Asked, None, Made | None]":
    """Yield how far the edit is; return who answers then, or None once cancelled."""
    read = [0, 0]
    left = threading.Event()

    def report(done: int, total: int) -> None:
        read[:] = [done, total]
        if cancelled.is_set() or left.is_set():
            raise _StoppedError

    thread = ThreadPoolExecutor(1, "editor")
    try:
        done = thread.submit(_make, pool, asked, report)
        while not done.done():
            if cancelled.is_set():
                return None
            yield replace(asked, making=(read[0], read[1]))
            wait([done], LOOK)
        try:
            return done.result()
        except _StoppedError:
            return None
    finally:
        left.set()  # also where nobody listens any longer
        thread.shutdown(wait=False)


def _make(pool: Pool, asked: Asked, report: Callable[[int, int], None]) -> "Made":
    from xkde.asking.on_a_copy import made_on_a_copy

    edit = with_subject(atlas(), asked.edit)
    settings = {}
    if asked.recalled:
        pairs = zip(asked.queries, asked.recalled, strict=True)
        stated = {query: each.stated for query, each in pairs}
        settings = {"retrieve": stated.__getitem__}
    with pool.use([asked.models["edited"]]) as engines:
        return made_on_a_copy(
            asked.editor, engines[0], [edit], asked.queries, report, settings
        )
