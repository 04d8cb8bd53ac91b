"""An evaluation in the background: one process at a time, its state kept in files.

What was started is recorded beside the runs, so that a reloaded page or a restarted app
finds it again. A process that was stopped continues where it was. Loads no model
library.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from xkde import paths
from xkde.checkpoints import CATALOGUE, resolve
from xkde.data.benchmarks import items_of
from xkde.errors import CheckpointError, InputError
from xkde.evaluation.results.local_runs import EVALUATIONS
from xkde.evaluation.results.rows import JOINED, PROTOCOLS, part_files
from xkde.evaluation.run.questions import ATLAS, ChosenCases, choose
from xkde.locks import held
from xkde.types import PROBES
from xkde.writing import write_aside, writing

STARTED = "started.json"
BATCH = 16  # small, so that rows come often
PATIENCE = 5.0  # seconds in which a process may end
LONGEST_NAME, DIGEST = 120, 8  # characters of a run's folder, and of its digest
LINE = 400  # characters of a log's last line
State = Literal["running", "finished", "stopped"]

_children: dict[int, "subprocess.Popen[bytes]"] = {}  # of this process, to be reaped
_lock = threading.Lock()


@dataclass(frozen=True)
class Order:
    """What is to be evaluated, as ``python -m xkde evaluate`` takes it."""

    checkpoint: str = "atlas-xe-it"
    benchmark: str = ATLAS
    directions: str = "en-zh,zh-en"
    protocol: str = "both"
    editor: str = "x-kde"
    limit: int = 50

    @property
    def folder(self) -> Path:
        """The run's folder; equal orders share it, and go on in it.

        A digest tells apart what a short name does not, such as two files of one name.
        """
        rest = [self.directions, self.protocol, self.editor, str(self.limit or "all")]
        known, model = self.checkpoint in CATALOGUE, Path(self.checkpoint).name
        name = _as_name([model, Path(self.benchmark).stem, *rest])[:LONGEST_NAME]
        whole = [model if known else self.checkpoint, self.benchmark, *rest]
        if name != _as_name(whole):
            digest = hashlib.sha256(" ".join(whole).encode()).hexdigest()[:DIGEST]
            name = f"{name[: LONGEST_NAME - DIGEST - 1]}_{digest}"
        return paths.runs() / EVALUATIONS / name

    @property
    def arguments(self) -> list[str]:
        """The command's arguments."""
        return [
            "evaluate", "--checkpoint", self.checkpoint, "--benchmark", self.benchmark,
            "--directions", self.directions, "--protocol", self.protocol,
            "--editor", self.editor, "--limit", str(self.limit),
            "--batch-size", str(BATCH), "--out", str(self.folder),
        ]  # fmt: skip


def _as_name(words: Sequence[str]) -> str:
    return re.sub(r"[^\w.-]+", "_", " ".join(words))


@dataclass(frozen=True)
class Started:
    """How far the evaluation is that was started last."""

    order: Order
    state: State
    done: int
    total: int
    seconds: float  # since its process began
    before: int  # rows that were there when its process began
    words: str = ""  # what a stopped one said last

    @property
    def left(self) -> float | None:
        """Seconds that it may still take; None where nothing tells."""
        made = self.done - self.before
        if made <= 0 or self.state != "running":
            return None
        return (self.total - self.done) * self.seconds / made


def expected_rows(chosen: ChosenCases, protocol: str) -> int:
    """Return how many answers an evaluation gives."""
    asked = sum(
        len(items_of(case, probe, target))
        for source, target in chosen.directions
        for case in chosen.cases
        if source in case.edits
        for probe in PROBES
    )
    return asked * (len(PROTOCOLS) if protocol == "both" else 1)


def start(order: Order) -> Started:
    """Start a process, or go on with one that was stopped; raises XkdeError."""
    _refuse_another(order)
    if resolve(order.checkpoint).path is None:
        raise CheckpointError(
            f"{order.checkpoint} is not on this machine yet. Download it in Edit & "
            "Ask, under Models."
        )
    total = expected_rows(
        choose(order.benchmark, order.directions, limit=order.limit), order.protocol
    )
    with _lock, held(_file(), PATIENCE):
        _refuse_another(order)  # since then another app may have started one
        _begin(order, total)
    found = started()
    assert found is not None
    return found


def _refuse_another(order: Order) -> None:
    now = started()
    if now is not None and now.state == "running":
        raise InputError(
            "An evaluation is under way already. Wait for its end, or cancel it."
        )
    if (order.folder / JOINED).is_file():
        raise InputError(
            "This has been measured already. Look at it above, or choose something "
            "else."
        )


def _begin(order: Order, total: int) -> None:
    log = _log(order)
    with writing(log), log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "xkde", *order.arguments],
            cwd=paths.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it stays when the app ends
        )
    _children[process.pid] = process
    record = {
        "order": asdict(order),
        "pid": process.pid,
        "born": born(process.pid),
        "total": total,
        "before": _done(order.folder),
        "time": time.time(),
    }
    write_aside(_file(), json.dumps(record, ensure_ascii=False, indent=1))


def started() -> Started | None:
    """Return how far it is, by the files; None where nothing was started."""
    try:
        record = json.loads(_file().read_text(encoding="utf-8"))
        order = Order(**record["order"])
        pid, birth, total = (
            int(record["pid"]),
            str(record["born"]),
            int(record["total"]),
        )
        before, then = int(record["before"]), float(record["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    is_there = bool(birth) and born(pid) == birth
    state: State = "running" if is_there else "stopped"
    words = "" if is_there else _last_line(_log(order))
    if not is_there and (order.folder / JOINED).is_file():
        state, words = "finished", ""
    done = total if state == "finished" else _done(order.folder)
    return Started(order, state, done, total, time.time() - then, before, words)


def cancel() -> Started | None:
    """End the process; what it has measured is kept."""
    with _lock, held(_file(), PATIENCE):
        now = started()
        if now is None or now.state != "running":
            return now
        pid = int(json.loads(_file().read_text(encoding="utf-8"))["pid"])
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while born(pid) and time.monotonic() < end:
            time.sleep(0.05)
    return started()


def born(pid: int) -> str:
    """Return when a process began, which tells it from a later one of its number.

    Empty where there is none, or it has ended.
    """
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        return ""
    if Path("/proc/self/stat").exists():
        try:
            record = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return ""
        fields = record.rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True
    )
    return shown.stdout.strip()


def _file() -> Path:
    return paths.runs() / EVALUATIONS / STARTED


def _log(order: Order) -> Path:
    return order.folder.with_name(order.folder.name + ".log")


def _done(folder: Path) -> int:
    count = 0
    for part in part_files(folder):
        try:
            count += pq.read_metadata(part).num_rows
        except (OSError, pa.ArrowException):
            continue  # it was cut off, and is measured again
    return count


def _last_line(log: Path) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in re.split(r"[\r\n]+", text)]
    return next((line for line in reversed(lines) if line), "")[:LINE]
