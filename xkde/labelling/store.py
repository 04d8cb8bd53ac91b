"""The file of labels: SQLite, written by several processes at once, nothing ever lost.

A label is on the disk when ``store`` returns. Labels are added and never overwritten:
of one annotator's labels of a case the newest counts, and undoing marks one as undone.
So two people who use one name lose nothing of each other's.

The file's version stands in ``user_version``. A file of an earlier version is brought
up step by step, in one transaction; one of a later version is left as it is.
https://www.sqlite.org/wal.html
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from xkde import paths
from xkde.errors import DataError
from xkde.labelling.records import (
    FailedCase,
    Label,
    LabelledCase,
    case_from,
    to_record,
)
from xkde.writing import writing

# Step n brings a file of version n to n + 1.
MIGRATIONS = (
    """
    CREATE TABLE cases (id TEXT PRIMARY KEY, data TEXT NOT NULL);
    CREATE TABLE labels (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        case_id TEXT NOT NULL REFERENCES cases (id),
        annotator TEXT NOT NULL,
        kind TEXT NOT NULL,
        severity TEXT NOT NULL,
        note TEXT NOT NULL,
        at TEXT NOT NULL,
        settles INTEGER NOT NULL,
        blind INTEGER NOT NULL,
        browser TEXT NOT NULL,
        undone INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX labels_by_case ON labels (case_id, annotator);
    CREATE INDEX labels_by_annotator ON labels (annotator, at);
    """,
)
PATIENCE = 10.0  # seconds to wait while another process writes
_FIELDS = "case_id, annotator, kind, severity, note, at, settles, blind"
_SAME = f"SELECT 1 FROM labels WHERE ({_FIELDS}) = (?, ?, ?, ?, ?, ?, ?, ?)"
_ADD = f"INSERT INTO labels ({_FIELDS}, browser) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CASES = """
    SELECT id, data FROM cases
    WHERE ?1 IS NULL OR id IN (SELECT value FROM json_each(?1))
"""
_NEWEST = f"""
    SELECT {_FIELDS} FROM (
        SELECT *, row_number() OVER (
            PARTITION BY case_id, annotator, settles ORDER BY at DESC, number DESC
        ) AS place FROM labels WHERE NOT undone AND (
            ?1 IS NULL OR case_id IN (SELECT value FROM json_each(?1))
        )
    ) WHERE place = 1 ORDER BY at
"""


def default_file() -> Path:
    """Return where labels are kept."""
    return paths.labels() / "labels.sqlite3"


def store(file: Path, case: FailedCase, label: Label, browser: str = "") -> int:
    """Keep a label with its case; return its number. Raises DataError in words."""
    with _open(file) as base, base:
        _keep_case(base, case)
        return _add(base, label, browser)


def store_all(file: Path, cases: Iterable[LabelledCase]) -> int:
    """Keep many labels, all or none; return how many of them are new.

    What was undone here stays undone.
    """
    added = 0
    with _open(file) as base, base:
        for each in cases:
            _keep_case(base, each.case)
            for label in each.labels:
                its = (*to_record(label).values(),)
                if base.execute(_SAME, its).fetchone() is None:
                    _add(base, label, "")
                    added += 1
    return added


def _keep_case(base: sqlite3.Connection, case: FailedCase) -> None:
    data = json.dumps(to_record(case), ensure_ascii=False)
    base.execute("INSERT OR REPLACE INTO cases VALUES (?, ?)", (case.id, data))


def _add(base: sqlite3.Connection, label: Label, browser: str) -> int:
    values = (*to_record(label).values(), browser)
    return int(base.execute(_ADD, values).lastrowid or 0)


def undo(file: Path, number: int) -> None:
    """Let a label count no more; the one before it counts again."""
    with _open(file) as base, base:
        base.execute("UPDATE labels SET undone = 1 WHERE number = ?", (number,))


def labelled(file: Path, ids: Iterable[str] | None = None) -> list[LabelledCase]:
    """Return the cases that have labels, in the order of their first one.

    ``ids`` keeps some of them. A file that is not there holds none.
    """
    if not file.is_file():
        return []
    wanted = None if ids is None else json.dumps(list(ids))
    with _open(file) as base:
        cases = dict(base.execute(_CASES, (wanted,)))
        rows = base.execute(_NEWEST, (wanted,)).fetchall()
    labels: dict[str, list[Label]] = {}
    for case_id, who, kind, severity, note, at, settles, blind in rows:
        label = Label(
            case_id, who, kind, severity, note, at, bool(settles), bool(blind)
        )
        labels.setdefault(case_id, []).append(label)
    return [
        LabelledCase(case_from(json.loads(cases[key])), tuple(its))
        for key, its in labels.items()
    ]


def is_elsewhere(file: Path, annotator: str, browser: str, since: str) -> bool:
    """Tell whether another browser has labelled under this name since a time."""
    if not file.is_file():
        return False
    with _open(file) as base:
        found = base.execute(
            "SELECT 1 FROM labels WHERE annotator = ? AND browser NOT IN ('', ?) "
            "AND at > ? LIMIT 1",
            (annotator, browser, since),
        )
        return found.fetchone() is not None


@contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    """Yield the file, of the present version; raise DataError in words."""
    with (
        writing(file, sqlite3.Error),
        closing(sqlite3.connect(file, timeout=PATIENCE)) as base,
    ):
        _use_wal(base, file)
        base.execute("PRAGMA synchronous = FULL")
        if _version(base, file) < len(MIGRATIONS):
            _migrate(base, file)
        yield base


def _use_wal(base: sqlite3.Connection, file: Path) -> None:
    """Let readers not wait for writers, where the disk can do that."""
    try:
        base.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # Another process has the file open: who opens it alone changes its mode.
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
    except sqlite3.DatabaseError as error:
        raise DataError(
            "{file} is no file of labels. Move it away: a new one is made.",
            file=file.name,
        ) from error


def _version(base: sqlite3.Connection, file: Path) -> int:
    version = int(base.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise DataError(
            "{file} was written by a later version of X-KDE. Update X-KDE, or name "
            "another folder in XKDE_HOME; the file is left as it is.",
            file=file.name,
        )
    return version


def _migrate(base: sqlite3.Connection, file: Path) -> None:
    """Bring the file up to the present version, wholly or not at all."""
    base.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it meanwhile.
        for step in MIGRATIONS[_version(base, file) :]:
            for statement in filter(str.strip, step.split(";")):
                base.execute(statement)
        base.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        base.rollback()
        raise
    base.commit()
