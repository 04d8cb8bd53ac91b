"""Files that are there wholly or not at all, and the words for a disk that is full.

Whatever is written to the disk goes through ``writing`` (a file that grows), ``aside``
(a file or folder that is written beside its place, then renamed) or ``write_aside``.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xkde.errors import DataError, Notice

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Libraries that write in Rust or C++ raise errors of their own without a number.
DISK_FULL_WORDS = (
    "no space left", "file too large", "quota exceeded", "failed writing file",
    "disk is full",
)  # fmt: skip


@contextmanager
def writing(file: Path, *also: type[Exception]) -> Iterator[None]:
    """Make room for a file; raise DataError in words where it cannot be written.

    ``also`` are errors by which a library says the same as OSError.
    """
    failures: tuple[type[Exception], ...] = (OSError, UnicodeEncodeError, *also)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield
    except failures as error:
        raise DataError(
            "{file} cannot be written: {reason}. What was written before is kept: "
            "mend that, then try again.",
            file=file,
            reason=_reason(error),
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return Notice("a text holds half a character")
    if says_full(error):
        return Notice("the disk is full")
    # shutil gathers the errors of many files; its text is a list of them all.
    first = (getattr(error, "strerror", None) or str(error))[:200]
    return first.rstrip(".")


def says_full(error: Exception) -> bool:
    """Tell whether an error, whoever raised it, says that the disk is full."""
    return getattr(error, "errno", None) in DISK_FULL or any(
        words in str(error).lower() for words in DISK_FULL_WORDS
    )


@contextmanager
def full_disk_in_words(folder: Path, *also: type[Exception]) -> Iterator[None]:
    """Let a library write into a folder; raise DataError where the disk is full.

    Its other errors, which may be about anything, are left as they are.
    """
    failures: tuple[type[Exception], ...] = (OSError, *also)
    try:
        yield
    except failures as error:
        if not says_full(error):
            raise
        with writing(folder / "…", *also):
            raise


def part_of(path: Path) -> Path:
    """Return where a file or folder is written until it is complete."""
    return path.with_name(path.name + ".part")


@contextmanager
def aside(path: Path, *also: type[Exception]) -> Iterator[Path]:
    """Yield where to write a file or folder; it takes its place when that is complete.

    After any error nothing of it is left. Raises DataError as ``writing`` does.
    """
    part = part_of(path)
    with writing(path, *also):
        try:
            remove(part)
            yield part
            if part.is_dir():
                remove(path)
            part.replace(path)
        except BaseException:
            remove(part)
            raise


def remove(path: Path) -> None:
    """Remove a file or folder, there or not."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_aside(path: Path, text: str) -> None:
    """Write a text file so that it is there wholly or not at all."""
    with aside(path) as part:
        part.write_text(text, encoding="utf-8")
