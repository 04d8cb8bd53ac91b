"""Open any file of preference pairs, and say what of it could not be used.

Reads JSON lines, a JSON list, Parquet, and rows that are already there (a Hub dataset).
Forms, also mixed: ours; TRL's ``prompt``, ``chosen``, ``rejected`` as texts or chats,
with the prompt apart or in both answers; the released ``prompt``, ``choice``,
``reject``, ``score-diff``. What a row lacks is found out where its text tells (see
``cleaning``). A bad row is counted and left out, and the rest opens.

Run its tests: ``python -m pytest tests/xkde/data/preferences/test_sources.py``
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from xkde.data.preferences.cleaning import REASONS, Columns, Texts, cleaned
from xkde.data.preferences.files import (
    PAIR_SCHEMA,
    cut_from,
    read_bytes,
    read_parquet,
)
from xkde.errors import DataError

# Our field -> what others call it
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "chosen": ("choice",),
    "rejected": ("reject",),
    "chosen_score": ("score_chosen",),
    "rejected_score": ("score_rejected",),
    "given_margin": ("score-diff", "score_diff", "margin"),
}
Bad = list[tuple[str, str]]  # (reason, place) of each row that is left out
Turns = list[tuple[str, str]]  # (role, content)


@dataclass(frozen=True)
class Opened:
    """A file's pairs as a table, and what was left out.

    ``pairs`` has the columns of ``files.PAIR_SCHEMA``. ``form`` is "x-kde", "released",
    "chat" or "text". ``left_out`` counts by reason, a key of ``cleaning.REASONS``;
    ``places`` says where each reason came first: "line 3", "row 3".
    """

    pairs: pa.Table
    form: str
    left_out: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)


def open_pairs(path: Path) -> Opened:
    """Open a file by its content; raises DataError where it holds no pair."""
    content = read_bytes(path)
    if content.startswith(b"PAR1"):
        table = read_parquet(path)
        columns = {
            name: table[name].to_pylist() for name in _wanted(table.schema.names)
        }
        return _opened(columns, _numbered(table.num_rows), [], path.name)
    bad: Bad = []
    rows, places = _json_rows(content, bad, path.name)
    return _opened(_columns(rows), places, bad, path.name)


def open_rows(rows: Iterable[object], name: str = "The dataset") -> Opened:
    """Open rows that are loaded already, such as a dataset's of the Hub."""
    bad: Bad = []
    found = list(rows)
    objects, places = _objects(found, _numbered(len(found)), bad)
    return _opened(_columns(objects), places, bad, name)


def _opened(columns: Columns, places: list[str], bad: Bad, name: str) -> Opened:
    prompts, chosen, rejected = (
        _either(columns, field_, len(places))
        for field_ in ("prompt", "chosen", "rejected")
    )
    texts = [_texts(*row) for row in zip(prompts, chosen, rejected, strict=True)]
    ours = {
        field_: _either(columns, field_, len(places))
        for field_ in PAIR_SCHEMA.names
        if any(key in columns for key in _keys(field_))
    }
    table, worse = cleaned(ours, texts, places)
    left_out = bad + worse
    if not table.num_rows:
        why = ": " + REASONS[left_out[0][0]] if left_out else ", it is empty"
        where = f" ({left_out[0][1]})" if left_out else ""
        raise DataError(
            f"{name} holds no preference pair{why}{where}. Each row needs a prompt, a "
            "chosen and a rejected answer."
        )
    first = dict(reversed(left_out))
    counts = Counter(reason for reason, _ in left_out)
    return Opened(table, _form(columns, chosen), dict(counts), first)


def _form(columns: Columns, chosen: list[Any]) -> str:
    if "chosen_origin" in columns:
        return "x-kde"
    if "choice" in columns:
        return "released"
    texts = sum(isinstance(answer, str) for answer in chosen)
    return "text" if 2 * texts > len(chosen) else "chat"


def _keys(field_: str) -> tuple[str, ...]:
    return (field_, *OTHER_NAMES.get(field_, ()))


def _wanted(names: Iterable[str]) -> list[str]:
    known = {key for field_ in PAIR_SCHEMA.names for key in _keys(field_)}
    return [name for name in names if name in known]


def _either(columns: Columns, field_: str, count: int) -> list[Any]:
    """Return a field's values under whichever of its names a row has it."""
    there = [columns[key] for key in _keys(field_) if key in columns]
    if not there:
        return [None] * count
    if len(there) == 1:
        return there[0]
    return [
        next((value for value in values if value is not None), None)
        for values in zip(*there, strict=True)
    ]


def _columns(rows: list[Mapping[str, Any]]) -> Columns:
    names = _wanted(dict.fromkeys(key for row in rows for key in row))
    return {name: [row.get(name) for row in rows] for name in names}


def _numbered(count: int, word: str = "row") -> list[str]:
    return [f"{word} {number}" for number in range(1, count + 1)]


def _json_rows(
    content: bytes, bad: Bad, name: str
) -> tuple[list[Mapping[str, Any]], list[str]]:
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.lstrip().startswith(b"["):
        try:
            rows = json.loads(content)
        except ValueError as error:
            raise DataError(
                f"{name} begins as a JSON list but is none: {error}. Write it anew, or "
                "as JSON lines, of which a bad one is left out."
            ) from error
        return _objects(rows, _numbered(len(rows)), bad)
    cut = cut_from(content)
    if cut is not None:
        bad.append(("cut_line", f"line {content.count(bytes([10]), 0, cut) + 1}"))
    values, places = [], []
    for number, line in enumerate(content[:cut].split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line))
            places.append(f"line {number}")
        except ValueError:
            bad.append(("not_json", f"line {number}"))
    return _objects(values, places, bad)


def _objects(
    values: Sequence[object], places: list[str], bad: Bad
) -> tuple[list[Mapping[str, Any]], list[str]]:
    rows: list[Mapping[str, Any]] = []
    kept: list[str] = []
    for value, place in zip(values, places, strict=True):
        if isinstance(value, Mapping):
            rows.append(value)
            kept.append(place)
        else:
            bad.append(("not_an_object", place))
    return rows, kept


def _texts(prompt: Any, chosen: Any, rejected: Any) -> Texts | None:
    """Return (prompt, chosen, rejected) as texts; None where one is missing."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        if isinstance(prompt, str):
            return prompt, chosen, rejected
        if prompt is None:
            start = _common_start(chosen, rejected)
            return chosen[:start], chosen[start:], rejected[start:]
    asked, good, worse = _turns(prompt, "user"), _turns(chosen), _turns(rejected)
    if not good or not worse or (prompt is not None and not asked):
        return None
    start = 0  # what both begin with is the prompt, but for each one's last turn
    while start < min(len(good), len(worse)) - 1 and good[start] == worse[start]:
        start += 1
    asked = asked or good[:start]
    return _said(asked), _said(good[start:]), _said(worse[start:])


def _common_start(one: str, other: str) -> int:
    """Return where two texts part, at the begin of a word."""
    pairs = zip(one, other, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), 0)
    return same - len(one[:same].split(" ")[-1].split("\n")[-1])


def _turns(value: Any, role: str = "assistant") -> Turns:
    """Return a chat's turns, a text as one turn; nothing where it is neither."""
    if isinstance(value, str):
        return [(role, value)]
    if not isinstance(value, list):
        return []
    turns = [
        (str(turn.get("role", "")), turn["content"])
        for turn in value
        if isinstance(turn, Mapping) and isinstance(turn.get("content"), str)
    ]
    return turns if len(turns) == len(value) else []


def _said(turns: Turns) -> str:
    if len(turns) == 1:
        return turns[0][1]
    return "\n\n".join(f"{role}: {content}" for role, content in turns)
