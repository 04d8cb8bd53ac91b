"""One process for each run's folder, or for a file that grows.

The lock lies beside it (``.NAME.lock``), says who holds it, and is the system's own: a
process that was killed holds nothing.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from xkde.errors import DataError
from xkde.writing import writing


@contextmanager
def held(path: Path, seconds: float = 0.0) -> Iterator[None]:
    """Hold a folder or file, there or not yet, for this process inside the block.

    Waits so many ``seconds`` for it. Raises DataError that says who holds it.
    """
    file = path.with_name(f".{path.name}.lock")
    lock = FileLock(file, timeout=seconds)
    with writing(file):
        try:
            lock.acquire()
        except Timeout as error:
            raise DataError(
                "{name} is in use by {holder}. Wait for its end, or choose another "
                "place.",
                name=path.name,
                holder=_holder(file),
            ) from error
        file.write_text(_me(), encoding="utf-8")
    try:
        yield
    finally:
        lock.release()


def _me() -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"process {os.getpid()} on {socket.gethostname()} since {now}"


def _holder(file: Path) -> str:
    """Return what the holder wrote; it may not have come to that yet."""
    try:
        return file.read_text(encoding="utf-8").strip() or "another process"
    except (OSError, UnicodeDecodeError):
        return "another process"
