"""Open any file of preference pairs, and count what of it could not be used.

Reads JSON lines, a JSON list, Parquet, and rows that are loaded (a Hub dataset).
Forms, also mixed: ours; TRL's ``prompt``, ``chosen``, ``rejected`` as texts or chats,
with the prompt apart or in both answers; the released ``prompt``, ``choice``,
``reject``, ``score-diff``.

What a row does not state is read from its texts: the query's language from the edit
prompt's instruction, the answers' languages from the answers. A bad row is counted and
left out, and the rest opens.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from xkde.data.parquet import read_parquet
from xkde.data.preferences.columns import answer_languages, each_distinct
from xkde.data.preferences.files import (
    PAIR_SCHEMA,
    cut_from,
    read_bytes,
)
from xkde.errors import DataError
from xkde.languages import LANGUAGES
from xkde.prompts import EDIT_INSTRUCTION
from xkde.text import parse_json

# Our field -> what others call it
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "chosen": ("choice",),
    "rejected": ("reject",),
    "chosen_score": ("score_chosen",),
    "rejected_score": ("score_rejected",),
    "given_margin": ("score-diff", "score_diff", "margin"),
}
# Why a row is left out
REASONS: dict[str, str] = {
    "not_json": "the line is no JSON",
    "cut_line": "the last line was cut off",
    "not_an_object": "it is no object with fields",
    "missing_field": "a prompt or an answer is missing or is no text",
    "empty_answer": "an answer is empty",
    "same_answers": "both answers are the same",
    "duplicate_id": "an earlier row has the same id",
}
_BY_NAME = {entry.name: code for code, entry in LANGUAGES.items()}
_BY_OTHER_CODE = {e.mzsre_code: code for code, e in LANGUAGES.items() if e.mzsre_code}

# What ``str.strip`` removes
SPACES = "".join(c for c in map(chr, range(0x3001)) if c.isspace())
# Of a table in memory; a Space lets anybody upload one.
MOST_ROWS, MOST_BYTES = 500_000, 2**29

Column: TypeAlias = list[Any] | pa.Array
Columns = dict[str, Column]
Texts = tuple[str, str, str]  # prompt, chosen, rejected
Bad = list[tuple[str, str]]  # (reason, place) of each row that is left out
Turns = list[tuple[str, str]]  # (role, content)


@dataclass(frozen=True)
class OpenedPairs:
    """A file's pairs as a table, and what was left out.

    ``pairs`` has the columns of ``files.PAIR_SCHEMA``. ``form`` is "x-kde", "released",
    "chat" or "text". ``left_out`` counts by reason, a key of ``REASONS``;
    ``places`` says where each reason came first: "line 3", "row 3".
    """

    pairs: pa.Table
    form: str
    left_out: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)


def open_pairs(path: Path) -> OpenedPairs:
    """Open a file by its content; raises DataError where it holds no pair."""
    content = read_bytes(path)
    if content.startswith(b"PAR1"):
        del content
        table = read_parquet(path, _KNOWN, most_rows=MOST_ROWS, most_bytes=MOST_BYTES)
        columns: Columns = {n: table[n].combine_chunks() for n in table.column_names}
        return _opened(columns, _numbered(table.num_rows), [], path.name)
    bad: Bad = []
    rows, places = _json_rows(content, bad, path.name)
    return _opened(_columns(rows), places, bad, path.name)


def open_rows(rows: Iterable[object], name: str = "The dataset") -> OpenedPairs:
    """Open rows that are loaded already, such as a dataset's of the Hub."""
    bad: Bad = []
    found = list(rows)
    objects, places = _objects(found, _numbered(len(found)), bad)
    return _opened(_columns(objects), places, bad, name)


def _opened(columns: Columns, places: list[str], bad: Bad, name: str) -> OpenedPairs:
    prompts, chosen, rejected = (
        _either(columns, field_, len(places))
        for field_ in ("prompt", "chosen", "rejected")
    )
    texts = _text_columns(prompts, chosen, rejected)
    ours = {
        field_: _either(columns, field_, len(places))
        for field_ in PAIR_SCHEMA.names
        if any(key in columns for key in _keys(field_))
    }
    table, worse = _cleaned(ours, texts, places)
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
    return OpenedPairs(table, _form(columns, chosen), dict(counts), first)


def _form(columns: Columns, chosen: Column) -> str:
    if "chosen_origin" in columns:
        return "x-kde"
    if "choice" in columns:
        return "released"
    texts = sum(isinstance(answer, str) for answer in _listed(chosen))
    return "text" if 2 * texts > len(chosen) else "chat"


def _keys(field_: str) -> tuple[str, ...]:
    return (field_, *OTHER_NAMES.get(field_, ()))


_KNOWN = frozenset(key for field_ in PAIR_SCHEMA.names for key in _keys(field_))


def _wanted(names: Iterable[str]) -> list[str]:
    return [name for name in names if name in _KNOWN]


def _listed(column: Column) -> list[Any]:
    return column if isinstance(column, list) else column.to_pylist()


def _either(columns: Columns, field_: str, count: int) -> Column:
    """Return a field's values under whichever of its names a row has it."""
    there = [columns[key] for key in _keys(field_) if key in columns]
    if not there:
        return [None] * count
    if len(there) == 1:
        return there[0]
    return [
        next((value for value in values if value is not None), None)
        for values in zip(*map(_listed, there), strict=True)
    ]


def _columns(rows: list[Mapping[str, object]]) -> Columns:
    names = _wanted(dict.fromkeys(key for row in rows for key in row))
    return {name: [row.get(name) for row in rows] for name in names}


def _numbered(count: int, word: str = "row") -> list[str]:
    return [f"{word} {number}" for number in range(1, count + 1)]


def _json_rows(
    content: bytes, bad: Bad, name: str
) -> tuple[list[Mapping[str, object]], list[str]]:
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.lstrip().startswith(b"["):
        try:
            rows = parse_json(content)
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
            values.append(parse_json(line))
            places.append(f"line {number}")
        except ValueError:
            bad.append(("not_json", f"line {number}"))
    return _objects(values, places, bad)


def _objects(
    values: Sequence[object], places: list[str], bad: Bad
) -> tuple[list[Mapping[str, object]], list[str]]:
    rows: list[Mapping[str, object]] = []
    kept: list[str] = []
    for value, place in zip(values, places, strict=True):
        if isinstance(value, Mapping):
            rows.append(value)
            kept.append(place)
        else:
            bad.append(("not_an_object", place))
    return rows, kept


def _text_columns(*columns: Column) -> list[pa.Array]:
    """Return prompts, chosen and rejected as texts, all null where one is missing."""
    if all(
        pa.types.is_string(c.type) and not c.null_count
        if isinstance(c, pa.Array)
        else all(isinstance(value, str) for value in c)
        for c in columns
    ):
        return [_array(c, pa.string()) for c in columns]
    rows = [_texts(*row) for row in zip(*map(_listed, columns), strict=True)]
    return [
        _array([row and row[place] for row in rows], pa.string())
        for place in range(len(columns))
    ]


def _texts(prompt: object, chosen: object, rejected: object) -> Texts | None:
    """Return (prompt, chosen, rejected) as texts; None where one is missing."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        if isinstance(prompt, str):
            return prompt, chosen, rejected
        if prompt is None:
            start = _common_start(chosen, rejected)
            return chosen[:start], chosen[start:], rejected[start:]
    prompted, good, worse = _turns(prompt, "user"), _turns(chosen), _turns(rejected)
    if not good or not worse or (prompt is not None and not prompted):
        return None
    start = 0  # what both begin with is the prompt, but for each one's last turn
    while start < min(len(good), len(worse)) - 1 and good[start] == worse[start]:
        start += 1
    prompted = prompted or good[:start]
    return _text_of(prompted), _text_of(good[start:]), _text_of(worse[start:])


def _common_start(one: str, other: str) -> int:
    """Return where two texts part, at the begin of a word."""
    pairs = zip(one, other, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), 0)
    return same - len(one[:same].split(" ")[-1].split("\n")[-1])


def _turns(value: object, role: str = "assistant") -> Turns:
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


def _text_of(turns: Turns) -> str:
    if len(turns) == 1:
        return turns[0][1]
    return "\n\n".join(f"{role}: {content}" for role, content in turns)


def _cleaned(
    columns: Columns, texts: list[pa.Array], places: list[str]
) -> tuple[pa.Table, Bad]:
    """Return the good rows as a table, and (reason, place) of the others.

    A row without an id is named by its place.
    """
    ids, objections = _ids(columns.get("id"), places), _objections(*texts[1:])
    given = dict(columns) | {"id": ids}
    given |= zip(("prompt", "chosen", "rejected"), texts, strict=True)
    table = pa.table(
        [_of_kind(given.get(f.name), f.type, len(places)) for f in PAIR_SCHEMA],
        schema=PAIR_SCHEMA,
    )
    if objections.null_count == pc.count_distinct(ids).as_py() == len(ids):
        return _with_languages(table), []
    seen: set[str] = set()
    good: list[int] = []
    bad: Bad = []
    for number, (id_, objection) in enumerate(
        zip(ids.to_pylist(), objections.to_pylist(), strict=True)
    ):
        reason = "duplicate_id" if id_ in seen else objection
        if reason:
            bad.append((reason, places[number]))
        else:
            seen.add(id_)
            good.append(number)
    return _with_languages(table.take(pa.array(good, pa.int64()))), bad


def _ids(stated: Column | None, places: list[str]) -> pa.Array:
    if isinstance(stated, pa.Array) and pa.types.is_string(stated.type):
        unknown = pc.fill_null(pc.equal(stated, ""), True)
        return pc.if_else(unknown, pa.array(places), stated)
    values = [None] * len(places) if stated is None else _listed(stated)
    ids = [
        place if value is None or value == "" else str(value)
        for value, place in zip(values, places, strict=True)
    ]
    return _array(ids, pa.string())


def _objections(chosen: pa.Array, rejected: pa.Array) -> pa.Array:
    """Return why each row is left out, null for a good one."""
    one, other = (pc.utf8_trim(text, SPACES) for text in (chosen, rejected))
    empty = pc.or_(pc.equal(one, ""), pc.equal(other, ""))
    cases = pc.make_struct(pc.is_null(one), empty, pc.equal(one, other))
    return pc.case_when(cases, "missing_field", "empty_answer", "same_answers")


def _of_kind(values: Column | None, kind: pa.DataType, count: int) -> pa.Array:
    """Return a column in its type; "" or null for what is unknown or of another."""
    is_text, is_truth = pa.types.is_string(kind), pa.types.is_boolean(kind)
    if isinstance(values, pa.Array):
        if is_text and values.type == kind:
            return pc.fill_null(values, "")
        if is_truth and values.type == kind:
            return values
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            values = values.cast(pa.float64(), safe=False)
            if pa.types.is_floating(kind):
                return pc.if_else(pc.is_finite(values), values, None)
    known = [None] * count if values is None else _listed(values)
    if is_text:
        return _array([v if isinstance(v, str) else "" for v in known], kind)
    if is_truth:
        return pa.array([v if isinstance(v, bool) else None for v in known], kind)
    return pa.array([_number(v) for v in known], kind)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a number of more digits than a float has
        return None


def _array(values: Column, kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # half a character, as "\\ud83d" in JSON
        return pa.array(
            [
                v and v.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
                for v in values
            ],
            kind,
        )


def _with_languages(pairs: pa.Table) -> pa.Table:
    """Return pairs with the languages that their texts show, where none is stated."""
    pairs = pairs.combine_chunks()
    known = {name: pairs[name] for name in pairs.column_names}
    source = known["source"] = each_distinct(code_of, known["source"])
    target = each_distinct(code_of, known["target"])
    unknown = pc.equal(target, "")
    if pc.any(unknown).as_py():
        by_prompt = each_distinct(target_of, known["prompt"])
        target = pc.if_else(unknown, by_prompt, target)
    known["target"] = target
    for which in ("chosen", "rejected"):
        stated = known[f"{which}_language"]
        right = pc.fill_null(known[f"{which}_is_right"], False)
        unknown = pc.and_(pc.equal(stated, ""), pc.invert(right))
        shown = answer_languages(pc.if_else(unknown, known[which], ""), target, source)
        known[f"{which}_language"] = pc.if_else(
            pc.equal(stated, ""), pc.if_else(right, target, shown), stated
        )
    return pa.table(known, schema=PAIR_SCHEMA)


def code_of(text: str) -> str:
    """Return the ISO code of a code as benchmarks write it; nothing for others."""
    return text if text in LANGUAGES else _BY_OTHER_CODE.get(text, "")


def target_of(prompt: str) -> str:
    """Return the query's language by the edit prompt's instruction, if it is there."""
    rest = prompt.partition(EDIT_INSTRUCTION)[2]
    return _BY_NAME.get(rest.partition(".")[0], "")
