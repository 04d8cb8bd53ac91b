"""Answers recorded with the shipped weights, shown before a model is loaded.

``assets/recorded`` has a file for each pair of models: one edit, its question in twelve
languages, and what both models answered, with the fingerprints of the weights that
answered. Other weights have other answers, so a file of theirs is not shown; make a new
one with ``python -m xkde ask --record``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from xkde import paths
from xkde.asking.session import Pane, PaneAnswers
from xkde.checkpoints import name_and_weights
from xkde.data.atlas.questions import question
from xkde.data.atlas.world import atlas
from xkde.errors import CheckpointError
from xkde.types import Edit, Generation, Query
from xkde.writing import write_aside

# The edit of the first screen: subject, relation, new answer, language
FIRST_EDIT = ("territory/JP", "capital", "city/osaka", "en")


@dataclass(frozen=True)
class Recorded:
    """What both models answered to the queries, and on which day (ISO 8601)."""

    queries: tuple[Query, ...]
    answers: Mapping[Pane, PaneAnswers]
    day: str


def first_edit() -> Edit:
    """Return the edit of the first screen, in Atlas's words."""
    subject, relation, target, code = FIRST_EDIT
    asked = question(atlas(), subject, relation, code)
    return Edit(asked, atlas().names[target][code], code)


def file_of(base: str, edited: str) -> Path:
    """Return where the answers of a pair lie."""
    return paths.ASSETS / "recorded" / f"{base}+{edited}.json"


def write_recorded(
    base: str,
    edited: str,
    edit: Edit,
    queries: Sequence[Query],
    answers: Mapping[Pane, PaneAnswers],
) -> Path:
    """Write the answers of a pair; return the file."""
    rows = [
        {"language": query.language, "query": query.text}
        | {pane: _row(answers[pane].generations[index]) for pane in ("base", "edited")}
        for index, query in enumerate(queries)
    ]
    record = {
        "edit": {
            "question": edit.question, "answer": edit.answer, "language": edit.language
        },
        "weights": _weights(base, edited),
        "day": datetime.now(UTC).date().isoformat(),
        "protocol": "greedy",
        "answers": rows,
    }  # fmt: skip
    path = file_of(base, edited)
    text = json.dumps(record, ensure_ascii=False, indent=1)
    write_aside(path, text + "\n")
    return path


def read_recorded(base: str, edited: str) -> Recorded | None:
    """Return a pair's answers, or None where these weights have none."""
    path = file_of(base, edited)
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    try:
        if record["weights"] != _weights(base, edited):
            return None
    except CheckpointError:
        return None
    rows = record["answers"]
    panes: tuple[Pane, ...] = ("base", "edited")
    return Recorded(
        tuple(Query(row["query"], row["language"]) for row in rows),
        {
            pane: PaneAnswers(
                tuple(
                    Generation(
                        said["text"], (0,) * said["tokens"], 0, 0.0, said["finish"]
                    )
                    for said in (row[pane] for row in rows)
                )
            )
            for pane in panes
        },
        record["day"],
    )


def _weights(base: str, edited: str) -> dict[str, str]:
    return {name: name_and_weights(name)[1] for name in (base, edited)}


def _row(generation: Generation) -> dict[str, object]:
    return {
        "text": generation.text,
        "tokens": len(generation.token_ids),
        "finish": generation.finish,
    }
