"""The file of labels: nothing that was confirmed is lost, whoever writes and dies."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.helpers.label_samples import case, label
from tests.helpers.small_disk import small_disk
from xkde.errors import DataError
from xkde.labelling import store
from xkde.labelling.records import LabelledCase

WRITER = """
import sys
from pathlib import Path
from tests.helpers.label_samples import case, label
from xkde.labelling import store
for number in range(1, 10_000):
    kept = label(number % 60, note=str(number), annotator=sys.argv[2])
    store.store(Path(sys.argv[1]), case(number % 60), kept)
    print(number, flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labels" / "labels.sqlite3"


def test_what_was_confirmed_survives_kill_9(file: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(file), "Ada"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        confirmed = [int(writer.stdout.readline()) for _ in range(40)][-1]
        os.kill(writer.pid, signal.SIGKILL)
        # What it had still said before it died counts too.
        confirmed = max([confirmed, *map(int, writer.stdout.read().split())])
    with closing(sqlite3.connect(file)) as base:
        notes = {int(note) for (note,) in base.execute("SELECT note FROM labels")}
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert set(range(1, confirmed + 1)) <= notes
    store.store(file, case(1), label(1))  # and it goes on


def test_two_browsers_write_at_once_under_one_name_and_lose_nothing(file: Path) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 15):
            store.store(file, case(number), label(number), browser=str(start))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.labelled(file)) == 25
    assert store.is_elsewhere(file, "Ada", "0", "2026")
    assert not store.is_elsewhere(file, "Ada", "0", "2027")
    assert not store.is_elsewhere(file, "Bo", "0", "2026")


def test_the_newest_label_counts_and_undoing_brings_the_one_before_back(
    file: Path,
) -> None:
    store.store(file, case(1), label(1, "near_miss"))
    later = label(1, "broken", at="2026-11-21T00:00:00.000000+00:00")
    number = store.store(file, case(1), later)
    assert [each.kind for each in store.labelled(file)] == ["broken"]
    store.undo(file, number)
    assert [each.kind for each in store.labelled(file)] == ["near_miss"]


def test_labels_come_back_as_they_went_and_are_added_once(file: Path) -> None:
    kept = label(1, severity="major", note="“Osaka”, kept; =1+1", blind=True)
    settled = label(1, "broken", settles=True, annotator="Bo")
    made = LabelledCase(case(1), (kept, settled))
    assert store.store_all(file, [made]) == 2
    assert store.store_all(file, [made]) == 0
    [found] = store.labelled(file, [case(1).id])
    assert found.case == case(1)
    assert set(found.labels) == {kept, settled}
    assert store.labelled(file, ["another"]) == []
    assert found.kind == "broken"


def test_an_earlier_file_is_brought_up_wholly_or_not_at_all(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.store(file, case(1), label(1))
    steps = store.MIGRATIONS
    broken = "ALTER TABLE labels ADD COLUMN seconds REAL; SELECT * FROM nothing"
    monkeypatch.setattr(store, "MIGRATIONS", (*steps, broken))
    with pytest.raises(DataError):
        store.labelled(file)
    monkeypatch.setattr(store, "MIGRATIONS", steps)
    assert len(store.labelled(file)) == 1
    longer = (*steps, "ALTER TABLE labels ADD COLUMN seconds REAL")
    monkeypatch.setattr(store, "MIGRATIONS", longer)
    store.store(file, case(2), label(2))
    assert len(store.labelled(file)) == 2


def test_a_later_file_and_a_strange_one_are_left_as_they_are(
    file: Path, tmp_path: Path
) -> None:
    store.store(file, case(1), label(1))
    with closing(sqlite3.connect(file)) as base:
        base.execute("PRAGMA user_version = 99")
    with pytest.raises(DataError, match="later version"):
        store.store(file, case(2), label(2))
    other = tmp_path / "other.sqlite3"
    other.write_bytes(b"this is no database, however long it may be" * 100)
    before = other.read_bytes()
    with pytest.raises(DataError, match="no file of labels"):
        store.labelled(other)
    assert other.read_bytes() == before


def test_a_full_disk_is_said_in_words_and_loses_nothing(file: Path) -> None:
    store.store(file, case(1), label(1))
    long = label(2, note="x" * 2000)
    with small_disk(file.stat().st_size), pytest.raises(DataError, match="written"):
        for number in range(2, 60):
            store.store(file, case(number), long)
    kept = len(store.labelled(file))
    assert kept >= 1
    store.store(file, case(99), label(99))
    assert len(store.labelled(file)) == kept + 1
