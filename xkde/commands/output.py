"""How commands print: tables for people, JSON for programs, progress on stderr."""

import json
import sys
import time
import unicodedata
from collections.abc import Callable, Sequence


def print_json(value: object) -> None:
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


def progress(what: str) -> Callable[[int, int], None]:
    """Return a function (done, of) that shows progress on a terminal's stderr."""

    def show(done: int, of: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done >= of else ""
            print(f"\r{what} {done}/{of}", end=end, file=sys.stderr, flush=True)

    return show


def time_left() -> Callable[[float, int], None]:
    """Return a function (done, of) that shows answers and time left on stderr."""
    started = time.monotonic()
    first: list[float] = []

    def show(done: float, of: int) -> None:
        first.append(done) if not first else None
        if not sys.stderr.isatty():
            return
        passed, made = time.monotonic() - started, done - first[0]
        left = f", {_time((of - done) * passed / made)} left" if made > 0 else ""
        end = "\n" if done >= of else ""
        line = f"\ranswers {round(done)}/{of}{left}".ljust(50)
        print(line, end=end, file=sys.stderr, flush=True)

    return show


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
