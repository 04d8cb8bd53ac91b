"""Files of edits: JSON lines, a JSON list or CSV; bad rows are reported one by one.

A row needs a question, an answer and a language; the field names of other benchmarks
and editors are accepted, too (``OTHER_NAMES``). A bad row is left out and reported with
its line, the reason and what to do.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xkde.errors import DataError, InputError
from xkde.memory.edits import check_edit
from xkde.text import cell_text, parse_json, safe_cell
from xkde.types import Edit
from xkde.writing import write_aside

FIELDS = ("question", "answer", "language", "subject", "old_answer", "aliases")
ALIAS_SEPARATOR = "|"  # in one cell of a CSV file
# Our field -> its names elsewhere
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "question": ("src", "prompt", "edit", "query"),
    "answer": ("alt", "target_new", "new_answer", "target"),
    "language": ("lang", "source_language"),
    "old_answer": ("old", "ground_truth", "target_true", "pred"),
}
# Why a row is left out -> the reason and what to do, in words
REASONS: dict[str, tuple[str, str]] = {
    "not_json": ("it is no JSON", "Write one object a line."),
    "not_an_object": ("it is no object with fields", "Write {…} with named fields."),
    "missing_field": (
        "a question or an answer is missing or is no text",
        "Fill in “question” and “answer” as texts.",
    ),
    "no_language": (
        "its language is missing",
        "Fill in “language” with a code such as en, or say the whole file's language.",
    ),
    "unusable": ("it cannot be used as an edit", "Correct it as it says."),
    "too_many_cells": (
        "it has more cells than the first line",
        "Put a text that holds the separator into quotation marks.",
    ),
}


@dataclass(frozen=True)
class BadRow:
    """A row that was left out. ``reason`` is a key of REASONS.

    ``line`` is where it begins, from 1; in a JSON list it is the number of the row.
    """

    line: int
    reason: str
    why: str
    remedy: str
    content: str  # its beginning


@dataclass(frozen=True)
class ReadEdits:
    """The edits of a file in their order, and the rows that were left out."""

    edits: tuple[Edit, ...]
    bad: tuple[BadRow, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many rows were left out, by reason."""
        return dict(Counter(row.reason for row in self.bad))


def read_edits(path: Path, language: str = "") -> ReadEdits:
    """Read a file; ``language`` is that of rows that name none.

    Raises DataError if the file cannot be read or holds no edit.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not written in UTF-8. Save it anew with that encoding."
        ) from error
    read = edits_of(text, language)
    if not read.edits:
        first = f"; line {read.bad[0].line}: {read.bad[0].why}" if read.bad else ""
        raise DataError(
            f"{path.name} holds no edit{first}. Each row needs a question, an answer "
            "and a language."
        )
    return read


def edits_of(text: str, language: str = "") -> ReadEdits:
    """Return the edits of a text in any of the three formats."""
    edits: list[Edit] = []
    bad: list[BadRow] = []
    for line, row in _rows(text):
        edit = row if isinstance(row, BadRow) else _edit(line, row, language)
        if isinstance(edit, BadRow):
            bad.append(edit)
        else:
            edits.append(edit)
    return ReadEdits(tuple(edits), tuple(bad))


def write_edits(edits: Iterable[Edit], path: Path) -> None:
    """Write edits: as CSV if the name ends in .csv, else as JSON lines."""
    kept = list(edits)
    text = as_csv(kept) if path.suffix.lower() == ".csv" else as_jsonl(kept)
    write_aside(path, text)


def as_jsonl(edits: Iterable[Edit]) -> str:
    """Return edits as JSON lines."""
    return _lines(asdict(edit) for edit in edits)


def as_csv(edits: Iterable[Edit]) -> str:
    """Return edits as CSV with a header; what looks like a formula is quoted."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for edit in edits:
        cells = asdict(edit) | {"aliases": ALIAS_SEPARATOR.join(edit.aliases)}
        writer.writerow({name: safe_cell(cell) for name, cell in cells.items()})
    return out.getvalue()


def _lines(rows: Iterable[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _rows(text: str) -> Iterator[tuple[int, object]]:
    """Yield (line, row); a row is any JSON value, or a BadRow."""
    start = text.lstrip()[:1]
    if start == "[":
        try:
            values = parse_json(text)
        except ValueError as error:
            raise DataError(
                f"The file begins as a JSON list but is none: {error}. Write it anew, "
                "or as JSON lines, of which a bad one is left out."
            ) from error
        yield from enumerate(values, 1)
    elif start == "{":
        for line, written in enumerate(text.split("\n"), 1):
            if written.strip():
                try:
                    yield line, parse_json(written)
                except ValueError:
                    yield line, _bad(line, "not_json", written)
    else:
        yield from _csv_rows(text)


def _csv_rows(text: str) -> Iterator[tuple[int, object]]:
    head = text.split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    line = 1
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        # A cell may hold line breaks: a row has several lines.
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) > len(names):
                yield line, _bad(line, "too_many_cells", separator.join(cells))
            elif any(cell.strip() for cell in cells):
                yield line, dict(zip(names, map(cell_text, cells), strict=False))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"Line {line} cannot be read as CSV: {error}. Look there for a quotation "
            "mark that is never closed."
        ) from error


def _edit(line: int, row: object, language: str) -> Edit | BadRow:
    if not isinstance(row, Mapping):
        return _bad(line, "not_an_object", row)
    fields = {field: _value(row, field) for field in FIELDS}
    if not all(isinstance(fields[key], str) for key in ("question", "answer")):
        return _bad(line, "missing_field", row)
    code = fields["language"] or language
    if not isinstance(code, str) or not code.strip():
        return _bad(line, "no_language", row)
    aliases = fields["aliases"] or ()
    if isinstance(aliases, str):
        aliases = aliases.split(ALIAS_SEPARATOR)
    if not isinstance(aliases, list | tuple):
        aliases = ()
    edit = Edit(
        question=fields["question"],
        answer=fields["answer"],
        language=code.strip().lower(),
        subject=_text(fields["subject"]),
        old_answer=_text(fields["old_answer"]),
        aliases=tuple(alias for alias in aliases if isinstance(alias, str)),
    )
    try:
        return check_edit(edit)
    except InputError as error:
        why, _, remedy = str(error).partition(". ")
        return BadRow(line, "unusable", why, remedy, _cut(row))


def _value(row: Mapping[str, object], field: str) -> Any:
    """Return the value of a field under any of its names; of a list, the first."""
    for key in (field, *OTHER_NAMES.get(field, ())):
        value = row.get(key)
        if field != "aliases" and isinstance(value, list) and value:
            value = value[0]
        if value not in (None, ""):
            return value
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _bad(line: int, reason: str, content: object) -> BadRow:
    why, remedy = REASONS[reason]
    return BadRow(line, reason, why, remedy, _cut(content))


def _cut(content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content, default=str)
    return text[:200]
