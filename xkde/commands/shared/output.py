"""How commands print: tables for people, JSON for programs. No command of its own."""

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any


def print_json(value: Any) -> None:
    """Print a value as JSON that keeps every script readable."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def width(text: str) -> int:
    """Return how many terminal columns a text takes (Chinese two, Thai marks none)."""
    return sum(
        0
        if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me")
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a header in aligned columns."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(width(row[i]) for row in table) for i in range(len(header))]
    for row in table:
        cells = (
            cell + " " * (w - width(cell)) for cell, w in zip(row, widths, strict=True)
        )
        print("  ".join(cells).rstrip())


def progress(what: str) -> Any:
    """Return a function (done, of) that shows progress on a terminal's stderr."""

    def show(done: int, of: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done >= of else ""
            print(f"\r{what} {done}/{of}", end=end, file=sys.stderr, flush=True)

    return show
