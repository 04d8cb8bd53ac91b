"""Every job that resumes is killed (SIGKILL) while it writes, then ends the same.

A job is run undisturbed once. Then it is started and killed again and again, each time
a drawn number of changes of its files later. Where it ends before the kill, and after
the last kill, its files must be those of the undisturbed one, to the byte where nothing
is measured in time; then it begins anew in an empty folder.

    python -m xkde campaign kills --kills 30
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from xkde import paths

LONGEST = 600.0  # seconds that one start may take
POLL = 0.01  # seconds between two looks at a job's files
CHANGES = 4  # of its files, at most, before a job is killed
TRIES = 3  # starts for each kill that is wanted: a job may end before it
RECIPE = "recipe.yaml"
TIMED = ("date", "seconds", "peak_mb", "edit_seconds", "edit_peak_mb")


@dataclass(frozen=True)
class KilledJob:
    """A job: its command, and what of its files must come out the same."""

    words: str  # {out}: where it writes
    out: str  # the name of its file or folder
    result: Callable[[Path], str]


@dataclass(frozen=True)
class KillCount:
    """What became of one job; ``ends`` are the results that were compared."""

    job: str
    kills: int
    ends: int
    is_same: bool
    why: str
    seconds: float


def _bytes_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _rows_of(path: Path) -> str:
    table = pq.read_table(path / "results.parquet")
    kept = [name for name in table.column_names if name not in TIMED]
    rows = sorted(map(str, table.select(kept).to_pylist()))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _weights_of(path: Path) -> str:
    files = sorted(
        file
        for file in path.rglob("model.safetensors")
        if "checkpoint-" not in str(file.relative_to(path))
    )
    return " ".join(_bytes_of(file) for file in files) or "no weights"


JOBS: dict[str, KilledJob] = {
    "data build": KilledJob(
        "data build --sources atlas --settings {recipe} --samples 12000 --out {out}",
        "train.jsonl",
        _bytes_of,
    ),
    "sample": KilledJob(
        "sample --checkpoint atlas-xe-it --count 200 --answers 2 --max-new-tokens 6 "
        "--out {out}",
        "samples.jsonl",
        _bytes_of,
    ),
    "evaluate": KilledJob(
        "evaluate --checkpoint atlas-xe-it --limit 12 --directions en-zh "
        "--batch-size 1 --out {out}",
        "run",
        _rows_of,
    ),
    "average": KilledJob(
        "average {checkpoints}/atlas-base {checkpoints}/atlas-xe-it --share 0.4 "
        "--out {out}",
        "mixed",
        _weights_of,
    ),
    "experiments": KilledJob(
        "experiments batch --editor ft-m --checkpoint atlas-base --sizes 1,2,3 "
        "--tested 3 --again 1 --facts 4 --languages-per-edit 2 --max-new-tokens 4 "
        "--out {out}",
        "sizes",
        _rows_of,
    ),
    "train": KilledJob(
        "train atlas-base-smoke --samples 500 --save_steps 2 --logging_steps 1 "
        "--output_dir {out}",
        "trained",
        _weights_of,
    ),
}


def kill_often(name: str, folder: Path, kills: int, seed: str = "1") -> KillCount:
    """Run a job whole, then with so many kills; compare what they wrote."""
    job, random_ = JOBS[name], random.Random(f"{seed} {name}")
    began = time.monotonic()
    whole, cut = _empty(folder / "whole"), _empty(folder / "cut")
    hits, ends, why = 0, 0, _run(job, whole)
    for _ in range(TRIES * kills):
        if why or hits == kills:
            break
        status = _killed(job, cut, random_)
        if status == -signal.SIGKILL:
            hits += 1
        else:  # it ended before
            ends += 1
            why = _said(cut) if status else _difference(job, whole, cut)
            cut = cut if why else _empty(cut)
    if not why:
        ends += 1
        why = _run(job, cut) or _difference(job, whole, cut)
    seconds = round(time.monotonic() - began, 1)
    return KillCount(name, hits, ends, not why, why, seconds)


def _empty(folder: Path) -> Path:
    """Return a folder that holds the recipe alone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / RECIPE).write_text(_recipe(), encoding="utf-8")
    return folder


def _difference(job: KilledJob, whole: Path, cut: Path) -> str:
    """Say in what a killed job's folder is not as the undisturbed one's."""
    if job.result(whole / job.out) != job.result(cut / job.out):
        return "it wrote something else"
    left = [path.name for path in cut.rglob("*.part")]
    return f"left behind: {', '.join(left)}" if left else ""


def _recipe() -> str:
    """Return settings of training data that need no other source than Atlas."""
    known = yaml.safe_load(
        (paths.SETTINGS / "instructions" / "gemma-3-270m.yaml").read_text("utf-8")
    )
    shares = {"in_scope": 0.5, "multi_hop": 0.2, "translation": 0.3}
    return str(yaml.safe_dump(known | {"shares": shares}))


def _start(job: KilledJob, folder: Path) -> "subprocess.Popen[bytes]":
    words = job.words.format(
        out=folder / job.out,
        checkpoints=paths.checkpoints(),
        recipe=folder / RECIPE,
    )
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "xkde", *words.split()],
            cwd=paths.ROOT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _run(job: KilledJob, folder: Path) -> str:
    """Let a job run to its end; return nothing, or the last line that it said."""
    process = _start(job, folder)
    return _said(folder) if process.wait(LONGEST) else ""


def _said(folder: Path) -> str:
    """Return the last line that a job said."""
    said = (folder / "log").read_text("utf-8", "replace").strip().splitlines()
    return said[-1][:300] if said else "it failed and said nothing"


def _killed(job: KilledJob, folder: Path, random_: random.Random) -> int:
    """Kill a job a few changes of its files later; return its exit status.

    It is -SIGKILL where the kill came before the end.
    """
    process, changes = _start(job, folder), random_.randrange(1, CHANGES + 1)
    before, end = _state_of(folder / job.out), time.monotonic() + LONGEST
    while process.poll() is None and changes and time.monotonic() < end:
        time.sleep(POLL)
        now = _state_of(folder / job.out)
        if now != before:
            before, changes = now, changes - 1
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _state_of(out: Path) -> int:
    """Return a number that changes with a job's files, those beside it included."""
    state = 0
    for path in (*out.parent.glob(f"{out.name}*"), *out.rglob("*")):
        try:
            status = path.stat()
        except OSError:  # renamed meanwhile
            continue
        state ^= hash((str(path), status.st_size, status.st_mtime_ns))
    return state
