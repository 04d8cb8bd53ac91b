"""The same queries before edits, with them, and after they were taken out again.

What a person wants to see of any editor. The model is the caller's alone meanwhile.
Knows no page and no command.

Run its tests: ``python -m pytest tests/xkde/asking/test_before_and_after.py``
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from xkde.editors.editor import Applied, Editor, answer, applied, is_reverted
from xkde.editors.prompt.in_prompt import NoEdit
from xkde.editors.weights import deltas
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit, Generation, Query, Sampling


@dataclass(frozen=True)
class BeforeAndAfter:
    """Answers in the order of the queries, and what was at work between."""

    before: tuple[Generation, ...]
    after: tuple[Generation, ...]
    as_before: tuple[Generation, ...]  # when the edits had been taken out
    at_work: Applied
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
        with applied(editor, engine, edits, at_once) as at_work:
            after = answer(at_work, queries, sampling)
        as_before = answer(bare, queries, sampling)
        same = [g.token_ids for g in before] == [g.token_ids for g in as_before]
        return BeforeAndAfter(
            tuple(before),
            tuple(after),
            tuple(as_before),
            at_work,
            same and is_reverted(engine, at_work),
        )


def as_record(seen: BeforeAndAfter, queries: Sequence[Query]) -> dict[str, Any]:
    """Return what was seen in plain values, for JSON."""
    at_work = seen.at_work
    answers = zip(queries, seen.before, seen.after, seen.as_before, strict=True)
    return {
        "edits": [asdict(edit) for edit in at_work.edits],
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
        "seconds": round(at_work.seconds, 3),
        "seconds_per_edit": round(at_work.seconds / max(1, len(at_work.edits)), 4),
        "peak_bytes": at_work.peak_bytes,
        "changed": deltas.sizes(at_work.delta),
        "notes": list(at_work.notes),
    }
