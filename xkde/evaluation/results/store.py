"""A run of an evaluation as a folder: parts as they come, one file and a card at last.

    <folder>/settings.json      what was asked for
    <folder>/parts/000000.parquet …    a batch of rows each, written aside and renamed
    <folder>/results.parquet    all rows, once they are all there
    <folder>/card.json          settings, counts, versions, seconds
    <folder>/judge/             verdicts of a judge, where one was asked

Killed at any time it has lost the batch under way at most; started again it knows what
is there; other settings never come into the same folder. Knows no model.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xkde.editors.registry import SettingsRecord
from xkde.errors import DataError, SettingsError
from xkde.evaluation.analysis.of_runs import with_stored_kinds
from xkde.evaluation.results.judged import judged_in_short, with_verdicts
from xkde.evaluation.results.rows import (
    HERE,
    JOINED,
    KEY,
    PARTS,
    PROTOCOLS,
    Result,
    load_results,
    part_files,
    table_of,
)
from xkde.paths import CARD
from xkde.types import PROBES, Probe
from xkde.writing import aside

SETTINGS = "settings.json"
_SECONDS = b"xkde_seconds"

logger = logging.getLogger(__name__)
Key = tuple[Any, ...]


@dataclass(frozen=True)
class RunSettings:
    """All that decides what the rows of a run say."""

    benchmark: str
    benchmark_sha256: str
    cases: int
    checkpoint: str
    revision: str
    engine: str = "transformers"
    editor: str = "x-kde"
    editor_settings: str = ""  # JSON; "": it has none
    base: str = ""  # the checkpoint that answers are compared with
    base_revision: str = ""
    protocols: tuple[str, ...] = PROTOCOLS
    wrapper: str = "hf_template"
    parity: bool = False
    dtype: str = "auto"  # of the weights' numbers; "auto": the checkpoint's own
    directions: tuple[str, ...] = ("en→zh",)
    left_out: int = 0  # of the benchmark's first cases
    languages_per_case: int = 0  # in which a case is asked, in turn; 0: in all
    probes: tuple[Probe, ...] = PROBES  # that are asked
    max_new_tokens: int = 48
    seed: int = 7  # draws Atlas's cases; answers are greedy

    @cached_property  # every row holds it
    def run(self) -> str:
        """The run's id: equal settings are one run."""
        return run_id(self)


def run_id(settings: SettingsRecord) -> str:
    """Return the id of a run with these settings, a dataclass."""
    text = json.dumps(asdict(settings), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def open_store(folder: Path, settings: SettingsRecord) -> set[Key]:
    """Create or reopen a run's folder; return the keys of the rows that are there.

    Raises SettingsError where the folder holds a run with other settings, or no run.
    """
    file = folder / SETTINGS
    if file.exists():
        _refuse_changes(folder, file, settings)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(
            f"{folder} holds something else than an evaluation. Choose a new folder."
        )
    else:
        _write(file, _json(asdict(settings)))
    for part in part_files(folder):
        if not _is_whole(part):
            logger.warning("%s was cut off while it was written; removed", part)
            part.unlink()
    if not part_files(folder):
        return set()
    table = rows_in(folder, KEY)
    return set(zip(*(table[name].to_pylist() for name in KEY), strict=True))


def rows_in(folder: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows that a run's parts hold."""
    return load_results(part_files(folder), columns)


def append_part(folder: Path, rows: Iterable[Result], seconds: float) -> None:
    """Add a batch of rows; it is there wholly or not at all."""
    parts = part_files(folder)
    number = int(parts[-1].stem) + 1 if parts else 0
    table = table_of(rows).replace_schema_metadata({_SECONDS: str(seconds)})
    _write(folder / PARTS / f"{number:06d}.parquet", _parquet(table))


def finish(folder: Path, settings: Any, versions: Mapping[str, str]) -> Path:
    """Join the parts into one file beside a card; return that file."""
    table = with_verdicts(folder, once_each(rows_in(folder), folder))
    table = with_stored_kinds(table)
    seconds = sum(
        float((pq.read_schema(part).metadata or {}).get(_SECONDS, b"0"))
        for part in part_files(folder)
    )
    card = {
        "run": settings.run,
        "settings": asdict(settings),
        "rows": table.num_rows,
        "not_measured": table["answer"].null_count,
        "judge": judged_in_short(folder, table),
        "seconds": round(seconds, 2),
        "versions": dict(versions),
        "provenance": HERE,
    }
    _write(folder / JOINED, _parquet(table))
    _write(folder / CARD, _json(card))
    return folder / JOINED


def once_each(table: pa.Table, folder: Path) -> pa.Table:
    """Return the rows with every key once: of rows of one key, the first.

    Answers are greedy, so rows of one key say the same; two processes without a lock
    have written both. A warning says how many there were.
    """
    keys = zip(*(table[name].to_pylist() for name in KEY), strict=True)
    first = {key: place for place, key in reversed(list(enumerate(keys)))}
    doubled = table.num_rows - len(first)
    if not doubled:
        return table
    logger.warning("%s held %d rows twice; the first of each is kept", folder, doubled)
    return table.take(sorted(first.values()))


def _refuse_changes(folder: Path, file: Path, settings: SettingsRecord) -> None:
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(
            f"{file} is damaged, so nobody knows what {folder.name} holds. Choose a "
            "new folder."
        ) from error
    changed = changed_settings(before, settings)
    if changed:
        raise SettingsError(
            f"The evaluation in {folder} was begun with other settings: "
            f"{'; '.join(changed)}. Choose another folder, or remove that one."
        )


def changed_settings(
    before: Mapping[str, object], settings: SettingsRecord
) -> list[str]:
    """Say which of a run's settings are others now; none: it may go on."""
    now = json.loads(_json(asdict(settings)))
    # What there was no setting for then went as its default goes now.
    defaults = {its.name: its.default for its in fields(settings)}
    usual = {name: value for name, value in defaults.items() if value is not MISSING}
    known = json.loads(_json(usual)) | dict(before)
    return [
        f"{name} was {known.get(name, 'not said')} and is {value}"
        for name, value in now.items()
        if known.get(name) != value
    ]


def _is_whole(part: Path) -> bool:
    try:
        load_results([part], KEY)
    except DataError:
        return False
    return True


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _parquet(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _write(file: Path, content: bytes | pa.Buffer) -> None:
    with aside(file) as part:
        part.write_bytes(content)
