"""Make a table of pairs of whatever a file held: checked, typed, languages told.

Knows no file and no form (``sources`` has them). What a file does not say is found out
where its texts tell: the query's language by the edit prompt's instruction, the
answers' languages by the answers.

Run its tests: ``python -m pytest tests/xkde/data/preferences/test_sources.py``
"""

import math
from functools import lru_cache
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from xkde.data.preferences.answer_language import answer_language
from xkde.data.preferences.files import PAIR_SCHEMA
from xkde.languages import LANGUAGES
from xkde.prompts import EDIT_INSTRUCTION

Columns = dict[str, list[Any]]
Texts = tuple[str, str, str]  # prompt, chosen, rejected

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


def cleaned(
    columns: Columns, texts: list[Texts | None], places: list[str]
) -> tuple[pa.Table, list[tuple[str, str]]]:
    """Return the good rows as a table, and (reason, place) of the others.

    A row without an id is named by its place.
    """
    ids = [
        place if value is None or value == "" else str(value)
        for value, place in zip(columns.get("id", places), places, strict=True)
    ]
    seen: set[str] = set()
    good: list[int] = []
    bad: list[tuple[str, str]] = []
    for number, (id_, told) in enumerate(zip(ids, texts, strict=True)):
        reason = "duplicate_id" if id_ in seen else _objection(told)
        if reason:
            bad.append((reason, places[number]))
        else:
            seen.add(id_)
            good.append(number)
    kept = dict(columns)
    if bad:
        kept = {name: [values[i] for i in good] for name, values in columns.items()}
    kept["id"] = [ids[i] for i in good]
    whole = [told for i in good if (told := texts[i]) is not None]
    for place, name in enumerate(("prompt", "chosen", "rejected")):
        kept[name] = [told[place] for told in whole]
    return _table(kept, len(good)), bad


def _objection(texts: Texts | None) -> str:
    if texts is None:
        return "missing_field"
    chosen, rejected = texts[1].strip(), texts[2].strip()
    if not chosen or not rejected:
        return "empty_answer"
    return "same_answers" if chosen == rejected else ""


def _table(columns: Columns, count: int) -> pa.Table:
    for kind in PAIR_SCHEMA:
        values = columns.get(kind.name, [None] * count)
        if pa.types.is_string(kind.type):
            columns[kind.name] = [v if isinstance(v, str) else "" for v in values]
        elif pa.types.is_boolean(kind.type):
            columns[kind.name] = [v if isinstance(v, bool) else None for v in values]
        else:
            columns[kind.name] = [_number(v) for v in values]
    _tell_languages(columns)
    return pa.table(
        {
            name: _array(columns[name], PAIR_SCHEMA.field(name).type)
            for name in PAIR_SCHEMA.names
        },
        schema=PAIR_SCHEMA,
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # half a character, as "\\ud83d" in JSON
        return pa.array(
            [
                v.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
                for v in values
            ],
            kind,
        )


def _tell_languages(columns: Columns) -> None:
    columns["source"] = [code_of(code) for code in columns["source"]]
    columns["target"] = [
        code_of(code) or target_of(prompt)
        for code, prompt in zip(columns["target"], columns["prompt"], strict=True)
    ]
    for which in ("chosen", "rejected"):
        columns[f"{which}_language"] = [
            told or (target if right else answer_language(answer, target, source))
            for told, right, answer, target, source in zip(
                columns[f"{which}_language"],
                columns[f"{which}_is_right"],
                columns[which],
                columns["target"],
                columns["source"],
                strict=True,
            )
        ]


def code_of(text: str) -> str:
    """Return the ISO code of a code as benchmarks write it; nothing for others."""
    return text if text in LANGUAGES else _BY_OTHER_CODE.get(text, "")


@lru_cache(maxsize=200_000)
def target_of(prompt: str) -> str:
    """Return the query's language by the edit prompt's instruction, if it is there."""
    rest = prompt.partition(EDIT_INSTRUCTION)[2]
    return _BY_NAME.get(rest.partition(".")[0], "")
