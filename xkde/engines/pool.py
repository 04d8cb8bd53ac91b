"""The pool: loaded engines by reference, and the state of those that are loading.

A page names a reference ("atlas-base", a folder, a Hub id); a thread loads it, one at a
time; any thread may read its status. Beyond CAPACITY, the engines that were unused for
the longest are dropped. torch is imported with the first model.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from xkde import hub
from xkde.checkpoints import PackageSource, inspect_folder, resolve
from xkde.checkpoints.folders import base_reference, is_adapter
from xkde.engines.conversion import convert, total_bytes
from xkde.engines.loading import load, reason_of, with_adapter
from xkde.errors import CheckpointError, DownloadError, Notice, XkdeError

Phase = Literal[
    "unknown", "absent", "downloading", "converting", "loading", "ready", "failed"
]
UNDER_WAY: tuple[Phase, ...] = ("downloading", "converting", "loading")
CAPACITY = 4
logger = logging.getLogger(__name__)
POLL = 0.05  # seconds between two looks at a model that is being loaded

Loader = Callable[[Path], Any]
AdapterLoader = Callable[[Any, Path], Any]  # takes the base's engine as well


@dataclass(frozen=True)
class Status:
    """The state of one reference. ``words`` is the reason of a failure."""

    reference: str
    phase: Phase = "unknown"
    words: str = ""
    done: int = 0  # bytes of a download or a conversion
    total: int = 0
    seconds: float = 0.0  # that loading took
    device: str = ""


class EngineTurn:
    """The right to run one engine: for a whole edit, or for one token of a pass.

    ``with`` waits for it. ``take`` never waits; between two takes it lets one of those
    go first that wait, so a pass without end keeps nobody out, nor do many edits keep
    the pass from its next token.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._took_last = False

    def __enter__(self) -> None:
        with self._count:
            self._waiting += 1
        self._lock.acquire()
        with self._count:
            self._waiting -= 1
            self._took_last = False

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def take(self) -> bool:
        """Take the turn if it is free; tell whether it was."""
        with self._count:
            if self._waiting and self._took_last:
                return False
            self._took_last = taken = self._lock.acquire(blocking=False)
            return taken

    def give_back(self) -> None:
        """Give back what ``take`` has taken."""
        self._lock.release()


@dataclass
class _LoadedEngine:
    """One loaded engine; a user has its turn."""

    engine: object
    turn: EngineTurn
    used: float


class Pool:
    """Engines by reference; every method may be called from any thread."""

    def __init__(
        self,
        loader: Loader = load,
        capacity: int = CAPACITY,
        adapter_loader: AdapterLoader = with_adapter,
    ) -> None:
        self._loader = loader
        self._adapter_loader = adapter_loader
        self._capacity = capacity
        self._loaded: dict[str, _LoadedEngine] = {}
        self._status: dict[str, Status] = {}
        self._cancels: dict[str, threading.Event] = {}
        self._lock = threading.RLock()
        # transformers' lazy imports do not like two threads.
        self._loading = threading.Lock()

    def status(self, reference: str) -> Status:
        """Return the state of a reference."""
        with self._lock:
            return self._status.get(reference, Status(reference))

    def start(self, reference: str) -> Status:
        """Start to load a local checkpoint, unless it is loaded or loading.

        The status is "absent" for a Hub checkpoint that has not been downloaded, and
        "failed" with the reason for a reference that leads nowhere.
        """
        with self._lock:
            if self.status(reference).phase in (*UNDER_WAY, "ready"):
                return self.status(reference)
            try:
                place = resolve(reference)
            except XkdeError as error:
                return self._set(Status(reference, "failed", error.notice))
            if place.path is None and place.package is None:
                return self._set(Status(reference, "absent"))
            phase: Phase = "converting" if place.path is None else "loading"
            started = self._set(Status(reference, phase))
        if place.path is not None:
            self._thread(self._load, reference, place.path)
        else:
            self._thread(self._convert, reference, place.package)
        # Not its status now: the thread may have ended already.
        return started

    def download(self, plan: hub.DownloadPlan, reference: str) -> None:
        """Download the files of a plan in a thread, then load them."""
        with self._lock:
            if self.status(reference).phase in (*UNDER_WAY, "ready"):
                return
            self._cancels[reference] = threading.Event()
            total = plan.bytes
            self._set(Status(reference, "downloading", "", plan.bytes_here, total))
        self._thread(self._fetch, reference, plan)

    def cancel(self, reference: str) -> None:
        """Stop a download; what has arrived is kept."""
        if reference in self._cancels:
            self._cancels[reference].set()

    def wait(self, reference: str, seconds: float) -> Status:
        """Wait until a reference is no longer loading, or ``seconds`` are over."""
        end = time.monotonic() + seconds
        while self.status(reference).phase in UNDER_WAY and time.monotonic() < end:
            time.sleep(POLL)
        return self.status(reference)

    @contextmanager
    def use(self, references: Sequence[str]) -> Iterator[list[Any]]:
        """Yield the engines of references, for nobody else, in the given order.

        Raises CheckpointError with the reason if one of them is not ready, or does not
        run in this process.
        """
        with self._lock:
            entries = {name: self._entry(name) for name in references}
        # An adapter has its base's turn, since they share weights.
        turns = {id(entries[name].turn): entries[name].turn for name in references}
        with ExitStack() as stack:
            for key in sorted(turns):  # one order for all: no two wait for each other
                stack.enter_context(turns[key])
            engines = [entries[name].engine for name in references]
            for name, engine in zip(references, engines, strict=True):
                if getattr(engine, "is_remote", False):
                    raise CheckpointError(
                        "“{name}” runs on a server, which answers questions and no "
                        "more. Start the app without --server to edit weights or to "
                        "read probabilities.",
                        name=name,
                    )
            yield engines

    def find(self, references: Sequence[str]) -> list[tuple[Any, EngineTurn]]:
        """Return each reference's engine with the turn that running it takes.

        Raises CheckpointError with the reason if one of them is not ready.
        """
        with self._lock:
            entries = [self._entry(name) for name in references]
        return [(entry.engine, entry.turn) for entry in entries]

    def _entry(self, reference: str) -> _LoadedEngine:
        entry = self._loaded.get(reference)
        if entry is None:
            raise CheckpointError(_not_ready(self.status(reference)))
        for each in self._loaded.values():  # a base is in use with its adapter
            if each.turn is entry.turn:
                each.used = time.monotonic()
        return entry

    def _set(self, status: Status) -> Status:
        with self._lock:
            self._status[status.reference] = status
        return status

    def _thread(
        self, task: Callable[..., None], reference: str, *arguments: object
    ) -> None:
        threading.Thread(
            target=self._ended, args=(task, reference, *arguments), daemon=True
        ).start()

    def _ended(
        self, task: Callable[..., None], reference: str, *arguments: object
    ) -> None:
        """Do a thread's task; whatever ends it, nobody waits for its model for ever."""
        try:
            task(reference, *arguments)
        except XkdeError as error:
            self._set(Status(reference, "failed", error.notice))
        # The border of the thread: a panic in Rust (tokenizers) is no Exception.
        except BaseException as error:
            logger.warning("%s could not be loaded", reference, exc_info=error)
            self._set(Status(reference, "failed", _words(error)))

    def _load(self, reference: str, folder: Path) -> None:
        # The base first: it may have to be unpacked before its folder is there.
        base = self._base_of(folder) if is_adapter(folder) else None
        inspect_folder(folder)
        with self._loading:
            # Waiting for another model to load does not count.
            started = time.perf_counter()
            engine = (
                self._adapter_loader(base.engine, folder)
                if base
                else self._loader(folder)
            )
        seconds = time.perf_counter() - started
        with self._lock:
            turn = base.turn if base else EngineTurn()
            self._loaded[reference] = _LoadedEngine(engine, turn, time.monotonic())
            self._set(
                Status(
                    reference,
                    "ready",
                    seconds=seconds,
                    device=str(getattr(engine, "device", "")),
                )
            )
            self._evict(reference)

    def _base_of(self, folder: Path) -> _LoadedEngine:
        """Return the engine of an adapter's base, loaded first if necessary."""
        name = base_reference(folder)
        self.start(name)
        status = self.wait(name, float("inf"))
        with self._lock:
            if name not in self._loaded:
                raise CheckpointError(_not_ready(status))
            return self._loaded[name]

    def _convert(self, reference: str, source: PackageSource) -> None:
        total = total_bytes(source)
        self._set(Status(reference, "converting", total=total))
        folder = convert(reference, source, self._report(reference))
        self._set(Status(reference, "loading"))
        self._load(reference, folder)

    def _report(self, reference: str) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            self._set(replace(self.status(reference), done=done, total=total))

        return report

    def _evict(self, newest: str) -> None:
        """Drop the engines unused for the longest; one in use lives until its end."""
        idle = sorted(set(self._loaded) - {newest}, key=lambda n: self._loaded[n].used)
        for name in idle[: max(0, len(self._loaded) - self._capacity)]:
            del self._loaded[name], self._status[name]

    def _fetch(self, reference: str, plan: hub.DownloadPlan) -> None:
        try:
            folder = hub.download(
                plan,
                on_progress=self._report(reference),
                cancelled=self._cancels[reference],
            )
        except DownloadError as error:
            if not self._cancels[reference].is_set():
                raise
            self._set(Status(reference, "absent", _words(error)))
            return
        self._set(Status(reference, "loading"))
        self._load(reference, folder)


def _words(error: BaseException) -> Notice:
    """Return the message of an error; of foreign ones the first line."""
    if isinstance(error, XkdeError):
        return error.notice
    return Notice(
        "The model could not be loaded, because {reason}. Mend that, then try again.",
        reason=reason_of(error),
    )


NOT_READY: dict[Phase, str] = {
    "unknown": "“{name}” has not been loaded. Load it under “Models”.",
    "absent": "“{name}” is not on this machine. Download it under “Models”.",
    "downloading": "“{name}” is still being downloaded. Try again when it is here.",
    "converting": "“{name}” is still being unpacked. Try again when it is here.",
    "loading": "“{name}” is still being loaded. Try again in a few seconds.",
    "failed": "“{name}” could not be loaded. {reason}",
    "ready": "“{name}” has made room for another model. Load it again.",
}


def _not_ready(status: Status) -> Notice:
    template = NOT_READY[status.phase]
    return Notice(template, name=status.reference, reason=status.words)
