"""The files of a benchmark: JSON lists and JSON lines, each record with its line.

One file, or all of a folder. Knows no benchmark; says which line is no JSON.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xkde.data.benchmarks.records import Row, RowFile, Skipped
from xkde.errors import BenchmarkError
from xkde.types import Source

_ENDINGS = (".json", ".jsonl")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def read_files(path: Path) -> tuple[list[RowFile], list[Skipped]]:
    """Return the files of a path, and those of a folder that hold no records."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        hint = ""
        if _HUB_ID.fullmatch(str(path)):
            hint = (
                " A data set of the Hub is downloaded first (hf download "
                f"{path} --repo-type dataset --local-dir FOLDER); then give the folder."
            )
        raise BenchmarkError(f"There is no file or folder “{path}”.{hint}")
    if path.suffix not in _ENDINGS:
        raise BenchmarkError(
            f"{path.name} is no JSON file. Benchmarks are read from .json and .jsonl "
            "files; convert it, or give the original file."
        )
    file = read_rows(path, path.name)
    if not file.rows:
        raise BenchmarkError(f"{path.name} holds no record. Give another file.")
    return [file], []


def _folder(path: Path) -> tuple[list[RowFile], list[Skipped]]:
    files: list[RowFile] = []
    skipped: list[Skipped] = []
    for found in sorted(path.rglob("*.json*")):
        name = found.relative_to(path).as_posix()
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if hidden or found.suffix not in _ENDINGS:
            continue
        try:
            file = read_rows(found, name)
        except BenchmarkError:
            if found.read_bytes().lstrip()[:1] == b"[":
                raise  # a list that breaks off is damage, not another kind of file
            skipped.append(Skipped(Source(name, 0, 1), "no list of records"))
            continue
        if file.rows:
            files.append(file)
        else:
            skipped.append(Skipped(Source(name, 0, 1), "it holds no record"))
    if not files:
        raise BenchmarkError(
            f"“{path.name}” holds no .json or .jsonl file with records. Give the "
            "folder in which the benchmark's files lie."
        )
    return files, skipped


def read_rows(path: Path, name: str) -> RowFile:
    """Read a JSON list or JSON lines; BenchmarkError names the line that is neither."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BenchmarkError(
            f"{name}, line {line}: this is no UTF-8 text. Save the file as UTF-8."
        ) from None
    start = len(text) - len(text.lstrip())
    pairs = _array(text, start, name) if text[start:][:1] == "[" else _lines(text, name)
    rows = (
        Row(Source(name, number, line), value)
        for number, (line, value) in enumerate(pairs, 1)
    )
    return RowFile(name, hashlib.sha256(content).hexdigest(), tuple(rows))


def _array(text: str, start: int, name: str) -> Iterator[tuple[int, Any]]:
    """Yield line and value of each element of the list that begins at ``start``."""
    decoder = json.JSONDecoder()
    place, line, counted = start + 1, 1, 0
    first = True
    while True:
        place = _past_space(text, place)
        if text[place : place + 1] == "]":
            return
        if not first:
            if text[place : place + 1] != ",":
                raise _no_json(text, place, name)
            place = _past_space(text, place + 1)
        try:
            value, end = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise _no_json(text, error.pos, name) from None
        line, counted = line + text.count("\n", counted, place), place
        yield line, value
        place, first = end, False


def _past_space(text: str, place: int) -> int:
    while text[place : place + 1].isspace():
        place += 1
    return place


def _no_json(text: str, place: int, name: str) -> BenchmarkError:
    line = text.count("\n", 0, place) + 1
    return BenchmarkError(
        f"{name}, line {line}: this is no JSON. A benchmark is a JSON list of records, "
        "or JSON lines; fetch the file again if it was cut off."
    )


def _lines(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Yield line and value of each line; a single object over lines is no list."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError:
            raise BenchmarkError(
                f"{name}, line {number}: neither a JSON list nor JSON lines. Give the "
                "benchmark's own JSON file."
            ) from None
        yield number, value
