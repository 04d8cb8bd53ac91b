"""What is written is there wholly or not at all, and a full disk is said in words."""

import errno
import shutil
from pathlib import Path

import pytest

from tests.helpers.small_disk import small_disk
from xkde.errors import DataError
from xkde.writing import aside, full_disk_in_words, write_aside

FULL = OSError(errno.ENOSPC, "No space left on device")


def test_a_whole_file_takes_its_place(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.json"
    write_aside(file, "one")
    write_aside(file, "two")
    assert file.read_text("utf-8") == "two"
    assert [path.name for path in file.parent.iterdir()] == ["a.json"]


def test_a_folder_replaces_another_and_a_leftover(tmp_path: Path) -> None:
    folder, left = tmp_path / "a", tmp_path / "a.part"
    for each in (folder, left):
        each.mkdir()
        (each / "old").touch()
    with aside(folder) as part:
        part.mkdir()
        (part / "new").touch()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert not left.exists()


@pytest.mark.parametrize(
    ("error", "also", "words"),
    [
        (FULL, (), "the disk is full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"),
         (RuntimeError,), "the disk is full"),
        (shutil.Error([("a", "b", "No space left on device")]), (shutil.Error,),
         "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), (), "Permission denied"),
    ],
)  # fmt: skip
def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, error: Exception, also: tuple[type[Exception], ...], words: str
) -> None:
    file = tmp_path / "a"
    file.write_text("old")
    with pytest.raises(DataError, match=words), aside(file, *also) as part:
        part.write_text("half")
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert file.read_text() == "old"


def test_half_a_character_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="half a character"):
        write_aside(tmp_path / "a", "\ud800")
    assert list(tmp_path.iterdir()) == []


def test_the_systems_own_limit_is_a_full_disk(tmp_path: Path) -> None:
    with small_disk(10), pytest.raises(DataError, match="the disk is full"):
        write_aside(tmp_path / "a", "x" * 100)


def test_other_errors_of_a_library_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), full_disk_in_words(tmp_path):
        (tmp_path / "none").read_text()
    with (
        pytest.raises(DataError, match="the disk is full"),
        full_disk_in_words(tmp_path, RuntimeError),
    ):
        raise RuntimeError("PytorchStreamWriter failed writing file data/3")
