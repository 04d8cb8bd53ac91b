"""Experiments with many edits, as files, and the numbers that are read from them.

    <folder>/settings.json             what was asked for
    <folder>/sizes/000010.parquet …    all answers after so many edits
    <folder>/results.parquet           all of them, with settings and versions inside

Every file is written aside and renamed: killed at any time, a run has lost one size at
most; other settings never come into the same folder. Intervals redraw edits with all
answers about them. Loads no model library.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xkde import paths
from xkde.data.parquet import read_parquet
from xkde.errors import DataError, SettingsError
from xkde.evaluation.results.rows import HERE
from xkde.evaluation.results.store import changed_settings, run_id
from xkde.evaluation.results.summary import GroupMean, means
from xkde.text import Json, parse_json
from xkde.types import PROBES
from xkde.writing import aside, write_aside

Kind = Literal["batch", "sequential"]
KINDS: tuple[Kind, ...] = ("batch", "sequential")
UNTOUCHED = "untouched"  # stands for a probe: facts of subjects that no edit is about
ASKED_ABOUT = (*PROBES, UNTOUCHED)
AskedIn = Literal["own", "others"]  # the edit's own language, or others
ASKED_IN: tuple[AskedIn, ...] = ("own", "others")
SETTINGS, SIZES, JOINED = "settings.json", "sizes", "results.parquet"
FOLDER = "experiments"  # below runs/, and below the shipped results
_HEAD = b"xkde_experiment"


@dataclass(frozen=True)
class ExperimentSettings:
    """All that decides what the answers of a run say."""

    kind: Kind
    editor: str
    checkpoint: str
    revision: str
    source: str  # language of the edits
    sizes: tuple[int, ...]
    edits_sha256: str
    editor_settings: str = ""  # JSON; "": it has none
    memory: str = ""  # JSON: encoder, how many edits a prompt holds; "": all of them
    benchmark: str = "atlas"
    tested: int = 100  # edits asked about after each size, evenly among them
    again: int = 50  # the first edits, asked about after each size, too
    languages_per_edit: int = 4  # the edit's own, and others drawn
    facts: int = 300  # of untouched subjects
    engine: str = "transformers"
    left_out: int = 13  # first cases, on which editors' settings were chosen
    max_new_tokens: int = 24
    seed: int = 7  # draws Atlas's cases; answers are greedy

    @property
    def run(self) -> str:
        """The run's id: equal settings are one run."""
        return run_id(self)


@dataclass(frozen=True)
class Answered:
    """One answer after so many edits. None: not asked, or it cannot be known."""

    size: int  # edits at work; 0: none
    group: int  # which of several sets of so many edits
    place: int  # of the edit among all, from 0; -1: the fact is no edit's
    is_even: bool  # of the even sample of edits; else only one of the first
    split: str  # of the subject: edits of "train" subjects were seen by stage one
    probe: str  # or UNTOUCHED
    relation: str
    target: str  # language of the question
    query: str
    gold: str
    answer: str | None
    exact: bool | None  # protocol generated
    token_accuracy: float | None  # protocol teacher-forced
    unchanged: float | None  # locality and UNTOUCHED: answered as without any edit
    retrieved: bool | None  # with a memory: whether the prompt held the edit
    refused: int  # edits of the group that the editor would not make
    seconds: float  # that the editor took for all edits of the group
    peak_mb: float
    notes: str


_ARROW = {
    int: pa.int32(), str: pa.string(), bool: pa.bool_(), float: pa.float64(),
    str | None: pa.string(), bool | None: pa.bool_(), float | None: pa.float64(),
}  # fmt: skip
SCHEMA = pa.schema([(f.name, _ARROW[f.type]) for f in fields(Answered)])  # type: ignore[index]


@dataclass(frozen=True)
class Experiment:
    """One run that can be looked at; ``about`` are its settings, versions and date."""

    key: str
    about: Json
    rows: pd.DataFrame  # with the column ``edit``: which answers go together
    is_whole: bool


def open_folder(folder: Path, settings: ExperimentSettings) -> set[int]:
    """Create or reopen a run's folder; return the sizes that are measured.

    Raises SettingsError where the folder holds something else.
    """
    file = folder / SETTINGS
    if file.is_file():
        changed = changed_settings(_json_of(file), settings)
        if changed:
            raise SettingsError(
                f"The experiment in {folder} was begun with other settings: "
                f"{'; '.join(changed)}. Choose another folder, or remove that one."
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(
            f"{folder} holds something else than an experiment. Choose a new folder."
        )
    else:
        write_aside(
            file, json.dumps(asdict(settings), ensure_ascii=False, indent=1) + "\n"
        )
    return {int(part.stem) for part in _parts(folder)}


def write_size(folder: Path, size: int, rows: Iterable[Answered]) -> None:
    """Write all answers after so many edits; they are there wholly or not at all."""
    table = pa.Table.from_pylist([vars(row) for row in rows], schema=SCHEMA)
    _write(folder / SIZES / f"{size:06d}.parquet", table)


def rows_in(folder: Path) -> pa.Table:
    """Return all answers that are there."""
    return pa.concat_tables([_table(part) for part in _parts(folder)])


def finish(
    folder: Path, settings: ExperimentSettings, more: Mapping[str, object]
) -> Path:
    """Join the sizes into one file that says what they are of; return it."""
    about = {**asdict(settings), "run": settings.run, "provenance": HERE, **more}
    head = {_HEAD: json.dumps(about, ensure_ascii=False).encode()}
    file = folder / JOINED
    _write(file, rows_in(folder).replace_schema_metadata(head))
    return file


def ship(folder: Path) -> Path:
    """Copy a finished run's file to the shipped results; return it there."""
    file = folder / JOINED
    about = _head_of(file)
    name = "-".join(about[part] for part in ("checkpoint", "kind", "editor", "source"))
    to = paths.RESULTS / FOLDER / f"{name}.parquet"
    with aside(to) as part:
        shutil.copyfile(file, part)
    return to


def experiments() -> tuple[list[Experiment], list[str]]:
    """Return every run, shipped ones first, and a sentence for each broken one."""
    found: list[Experiment] = []
    broken: list[str] = []
    there: set[str] = set()
    files = sorted((paths.RESULTS / FOLDER).glob("*.parquet"))
    folders = sorted((paths.runs() / FOLDER).glob(f"**/{SETTINGS}"))
    for path in (*files, *(file.parent for file in folders)):
        try:
            run = read(path)
        except DataError as error:
            broken.append(str(error))
            continue
        if run is not None and run.about["run"] not in there:
            there.add(run.about["run"])
            found.append(run)
    return found, broken


def read(path: Path) -> Experiment | None:
    """Return the run of a shipped file or a folder; None where nothing is there yet.

    Raises DataError for what cannot be read.
    """
    if path.is_file():
        return Experiment(path.stem, _head_of(path), _frame(_table(path)), True)
    key = path.relative_to(paths.runs()).as_posix()
    joined = path / JOINED
    if joined.is_file():
        return Experiment(key, _head_of(joined), _frame(_table(joined)), True)
    if not _parts(path):
        return None
    about = {**_json_of(path / SETTINGS), "run": path.name, "date": "", "versions": {}}
    table = pa.concat_tables([_table(part) for part in _parts(path)])
    return Experiment(key, about, _frame(table), False)


def _parts(folder: Path) -> list[Path]:
    return sorted((folder / SIZES).glob("[0-9]*.parquet"))


def _table(file: Path) -> pa.Table:
    try:
        table = read_parquet(file, SCHEMA.names).select(SCHEMA.names)
        return table.replace_schema_metadata(None).cast(SCHEMA)
    except (DataError, KeyError, pa.ArrowException) as error:
        raise DataError(
            f"{file} is no file of an experiment. Remove it, or run it anew."
        ) from error


def _frame(table: pa.Table) -> pd.DataFrame:
    """Return answers as a frame; those about no edit go together by question."""
    rows = table.to_pandas(types_mapper=pd.ArrowDtype)
    place = rows["place"].astype("str")
    return rows.assign(edit=place.where(rows["place"] >= 0, rows["query"]))


def _head_of(file: Path) -> Json:
    try:
        head = (pq.read_schema(file).metadata or {})[_HEAD]
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DataError(
            f"{file} is no file of a finished experiment. Remove it, or run it anew."
        ) from error
    return _about_of(head, file)


def _about_of(text: str | bytes, file: Path) -> dict[str, object]:
    try:
        about = parse_json(text)
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise DataError(f"{file} is damaged. Remove it, or run anew.")
    return about


def _json_of(file: Path) -> dict[str, object]:
    try:
        return _about_of(file.read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file} cannot be read. Remove its folder, or run anew."
        ) from error


def _write(file: Path, table: pa.Table) -> None:
    with aside(file) as part:
        pq.write_table(table, part, compression="zstd", compression_level=12)


def means_by_size(
    run: Experiment,
    measure: str = "exact",
    asked_in: AskedIn = "others",
    more: Sequence[str] = (),
) -> list[GroupMean]:
    """Return a measure by size and probe, and by ``more``, of the even sample."""
    rows = _asked_in(run, asked_in)
    return _means(rows[rows["is_even"].to_numpy(dtype=bool)], measure, more)


def means_of_the_first(
    run: Experiment, measure: str = "exact", asked_in: AskedIn = "others"
) -> list[GroupMean]:
    """Return the same of the first edits, which are asked about again at every size.

    Sizes at which they are not all made in one group are left out.
    """
    rows, first = _asked_in(run, asked_in), run.about["again"]
    mask = (rows["place"] < first) & (rows["place"] >= 0)
    mask &= (rows["group"] == 0) & (rows["size"] >= first)
    return _means(rows[mask.to_numpy(dtype=bool)], measure)


def _asked_in(run: Experiment, asked_in: AskedIn) -> pd.DataFrame:
    """Return the answers in the edit's language, or in others; untouched facts in all.

    An edit is always asked about in its own language, so the two are kept apart.
    """
    rows = run.rows
    is_own = (rows["target"] == run.about["source"]).to_numpy(dtype=bool)
    is_untouched = (rows["probe"] == UNTOUCHED).to_numpy(dtype=bool)
    return rows[(is_own if asked_in == "own" else ~is_own) | is_untouched]


def _means(
    rows: pd.DataFrame, measure: str, more: Sequence[str] = ()
) -> list[GroupMean]:
    def place(mean: GroupMean) -> tuple[object, ...]:
        size, probe, *rest = mean.group.values()
        return size, ASKED_ABOUT.index(probe), *rest

    return sorted(means(rows, ["size", "probe", *more], measure, "edit"), key=place)
