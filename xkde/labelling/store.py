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
_NEWEST = f"""
    SELECT {_FIELDS} FROM (
        SELECT *, row_number() OVER (
            PARTITION BY case_id, annotator, settles ORDER BY at DESC, number DESC
        ) AS place FROM labels WHERE NOT undone
    ) WHERE place = 1 ORDER BY at
"""


def default_file() -> Path:
    """Return where labels are kept."""
    return paths.labels() / "labels.sqlite3"


def store(file: Path, case: FailedCase, label: Label, browser: str = "") -> int:
    """Keep a label with its case; return its number. Raises DataError in words."""
    return store_all(file, [LabelledCase(case, (label,))], browser)[0]


def store_all(
    file: Path, cases: Iterable[LabelledCase], browser: str = ""
) -> list[int]:
    """Keep many labels, all or none; what is there already is left out."""
    numbers = []
    with _open(file) as base, base:
        for each in cases:
            data = json.dumps(to_record(each.case), ensure_ascii=False)
            base.execute(
                "INSERT INTO cases VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = "
                "excluded.data",
                (each.case.id, data),
            )
            for label in each.labels:
                values = (*to_record(label).values(),)
                if base.execute(
                    f"SELECT 1 FROM labels WHERE ({_FIELDS}) = (?,?,?,?,?,?,?,?)",
                    values,
                ).fetchone():
                    continue
                added = base.execute(
                    f"INSERT INTO labels ({_FIELDS}, browser) "
                    "VALUES (?,?,?,?,?,?,?,?,?)",
                    (*values, browser),
                )
                numbers.append(int(added.lastrowid or 0))
    return numbers


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
    with _open(file) as base:
        cases = dict(base.execute("SELECT id, data FROM cases"))
        rows = base.execute(_NEWEST).fetchall()
    wanted = None if ids is None else set(ids)
    labels: dict[str, list[Label]] = {}
    for *texts, settles, blind in rows:
        if wanted is None or texts[0] in wanted:
            label = Label(*texts, bool(settles), bool(blind))
            labels.setdefault(label.case_id, []).append(label)
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
        try:
            base.execute("PRAGMA journal_mode = WAL")
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.OperationalError):
                raise DataError(
                    "{file} is no file of labels. Move it away: a new one is made.",
                    file=file.name,
                ) from error
            raise
        base.execute("PRAGMA synchronous = FULL")
        if _version(base, file) < len(MIGRATIONS):
            _migrate(base, file)
        yield base


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
