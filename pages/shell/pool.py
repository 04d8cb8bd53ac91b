"""The models that all tabs share, who decodes for everybody, what this place offers.

A place is one's own machine, a Space, or an app beside a vLLM server. A Space offers
what is on it, and of the catalogue what its owner lets visitors download: the ids in
``XKDE_DOWNLOADS``, with commas.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import gradio as gr

from pages.shell.components import Concurrency
from pages.shell.strings import Interface, tr
from xkde.asking.scheduling import Scheduler
from xkde.checkpoints import CATALOGUE, default_pair, resolve
from xkde.engines.loading import load, with_adapter
from xkde.engines.pool import UNDER_WAY, Pool
from xkde.errors import XkdeError

if TYPE_CHECKING:  # torch comes with them
    from xkde.engines.threads import Threads
    from xkde.engines.transformers import TransformersEngine

logger = logging.getLogger(__name__)
SERVER_VARIABLE = "XKDE_SERVER"  # addresses of servers, with commas
DOWNLOADS_VARIABLE = "XKDE_DOWNLOADS"


def server() -> str:
    """Return the addresses of the servers that answer instead of this process."""
    return os.environ.get(SERVER_VARIABLE, "")


def _load(folder: Path) -> object:
    if server():
        from xkde.engines.server import served_engine

        return served_engine(server(), folder)
    choose_threads()
    return load(folder)


@cache
def choose_threads() -> "Threads":
    """Measure once how many threads torch should have here, and let it have them."""
    from xkde.engines import threads

    chosen = threads.measured()
    threads.use(chosen)
    logger.info("torch has %s threads; measured, in ms: %s", *astuple(chosen))
    return chosen


def _adapt(base: "TransformersEngine", folder: Path) -> object:
    """An adapter is a LoRA module of the server."""
    return _load(folder) if server() else with_adapter(base, folder)


POOL = Pool(_load, adapter_loader=_adapt)
SCHEDULER = Scheduler()
GPU_SECONDS = 60  # that one ask may take on ZeroGPU
Answering = TypeVar("Answering", bound=Callable[..., object])
# The scheduler queues what is asked and says how long that takes, so Gradio's queue
# lets many in; each has a thread, of MOST_THREADS. The rest are for everything else.
MOST_ASKING, MOST_THREADS = 200, 264
ASKING: Concurrency = {"concurrency_id": "asking", "concurrency_limit": MOST_ASKING}
PATIENCE = 120.0  # seconds that a question waits for a download
LOOK = 0.2  # seconds between two looks at what is in the making
BASE, EDITED = default_pair()  # the models that a form begins with


def on_space() -> bool:
    """Tell whether this runs as a public Space."""
    return bool(os.environ.get("SPACE_ID"))


def on_zero_gpu() -> bool:
    """Tell whether a GPU is here for single calls only, as on ZeroGPU."""
    return bool(os.environ.get("SPACES_ZERO_GPU"))


def gpu_call(function: Answering) -> Answering:
    """Return a function that has the GPU of ZeroGPU while it runs.

    It runs in a process of its own: what it takes and returns or yields is pickled.
    Anywhere else it is the function itself.
    """
    if not on_zero_gpu():
        return function
    import spaces

    wrapped: Answering = spaces.GPU(duration=GPU_SECONDS)(function)
    return wrapped


def offered() -> list[str]:
    """Return the models of the catalogue that this place offers."""
    if not on_space():
        return list(CATALOGUE)
    return [name for name in CATALOGUE if may_download(name) or _is_here(name)]


def may_download(name: str) -> bool:
    """Tell whether a visitor may download a model here."""
    stated = os.environ.get(DOWNLOADS_VARIABLE, "").split(",")
    return not on_space() or name in [each.strip() for each in stated]


def _is_here(name: str) -> bool:
    try:
        place = resolve(name)
    except XkdeError:
        return False
    return place.path is not None or place.package is not None


def permitted(reference: str, interface: Interface) -> str:
    """Return a reference, or raise gr.Error if this place does not offer it."""
    name = (reference or "").strip()
    if on_space() and name not in offered():
        raise gr.Error(tr("model_list_only", interface), print_exception=False)
    return name


def waiting_for(names: Iterable[str]) -> list[str]:
    """Return the models that have to be waited for; start those nobody has started."""
    names = list(dict.fromkeys(names))
    for name in names:
        if POOL.status(name).phase == "unknown":
            POOL.start(name)
    return [name for name in names if POOL.status(name).phase in UNDER_WAY]


def loading(names: Sequence[str], cancelled: threading.Event) -> Iterator[None]:
    """Yield now and then until models are loaded, or Stop; a download has PATIENCE."""
    give_up = time.monotonic() + PATIENCE
    while (waiting := waiting_for(names)) and not cancelled.is_set():
        is_downloading = POOL.status(waiting[0]).phase == "downloading"
        if is_downloading and time.monotonic() > give_up:
            return
        POOL.wait(waiting[0], LOOK)
        yield
