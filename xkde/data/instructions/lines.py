"""JSON lines that grow: appended whole, read on after a job was killed."""

import json
from collections.abc import Iterable
from pathlib import Path

from xkde.errors import DataError
from xkde.text import parse_json
from xkde.writing import writing


def read_lines(path: Path) -> tuple[dict[int, object], list[int]]:
    """Return the values of a file's lines by their numbers, and which are no JSON.

    Empty lines count, but have no value. Raises DataError where there is no file or it
    cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read. Check its name.") from error
    values: dict[int, object] = {}
    broken: list[int] = []
    for number, line in enumerate(
        content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1
    ):
        if not line.strip():
            continue
        try:
            values[number] = parse_json(line.decode("utf-8"))
        except ValueError:
            broken.append(number)
    return values, broken


def resume(path: Path) -> int:
    """Cut off an unfinished last line; return how many lines there are."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
    return content.count(b"\n")


def append_lines(path: Path, values: Iterable[object]) -> None:
    """Add values to a file, one a line; make its folder if need be."""
    lines = "".join(json.dumps(v, ensure_ascii=False) + "\n" for v in values)
    with writing(path), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(lines)
