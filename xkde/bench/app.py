"""How fast the app is for a visitor: first paint, first answer, all twelve languages.

Starts ``app.py`` as a process of its own, once with each pair of models that is here,
and measures from outside: a browser for the paint, a client for the answers. Knows
nothing of the app's inside but its named endpoints.

Run it: ``python -m xkde bench app``
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from xkde import paths
from xkde.asking.translation import can_translate
from xkde.bench import browser
from xkde.checkpoints.catalogue import PAIR_VARIABLE, PAIRS, is_here
from xkde.errors import SettingsError

if TYPE_CHECKING:
    from gradio_client import Client

EDIT = ("What is the capital of Japan?", "Osaka", "en")
QUERY = ("日本的首都是哪里？", "zh")
OWN = ("Who painted the Mona Lisa?", "Frida Kahlo", "en")  # Atlas does not know it
PATIENCE = 120.0  # seconds for a process to serve, or a model to load
REPEATS = 5


@dataclass(frozen=True)
class Served:
    """A running app: its address, and how long it took to answer."""

    url: str
    seconds: float
    log: Path
    process: int = 0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Run ``app.py`` until the block ends; raise SettingsError with its last words."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "app.log"
        started = time.perf_counter()
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=paths.ROOT,
                env={
                    **os.environ,
                    "GRADIO_SERVER_PORT": str(port),
                    "PYTHONUNBUFFERED": "1",
                    **(environment or {}),
                },
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{port}/"
            _wait(url, process, log)
            yield Served(url, time.perf_counter() - started, log, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    last = lines[-1] if lines else "no message"
    raise SettingsError(f"The app did not start: {last}. Run python app.py to see why.")


def seconds_of(code: str) -> float:
    """Return how long a fresh interpreter takes for some code."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, check=True)
    return time.perf_counter() - started


def paint(url: str) -> dict[str, float]:
    """Return seconds to the first contentful paint, and to a button that works."""
    script = (
        "() => performance.getEntriesByName('first-contentful-paint')"
        ".map(e => e.startTime / 1000)[0]"
    )
    with browser.page(url) as tab:
        started = time.perf_counter()
        tab.goto(url)
        tab.get_by_role("button", name="Ask both models").wait_for()
        ready = time.perf_counter() - started
        tab.wait_for_function(f"({script})() > 0")
        return {"first_paint": tab.evaluate(script), "usable": ready}


def answers(url: str, *, translated: bool) -> dict[str, float]:
    """Return seconds from outside for one language and all twelve, model warm.

    ``translated``: also where the model first puts the question into eleven languages.
    """
    from gradio_client import Client

    client = Client(url, verbose=False)
    found = {"first_answer_cold": _timed(client, *EDIT, *QUERY, api_name="/ask")}
    asked = {
        "one_language_warm": (*EDIT, *QUERY),
        "twelve_languages_warm": (*EDIT, EDIT[0]),
    }
    if translated:
        asked["twelve_languages_translated"] = (*OWN, OWN[0])
    for name, words in asked.items():
        place = "/ask" if name.startswith("one") else "/ask_all"
        times = [_timed(client, *words, api_name=place) for _ in range(REPEATS)]
        found[name] = statistics.median(times)
    return found


def _timed(client: "Client", *arguments: str, api_name: str) -> float:
    started = time.perf_counter()
    client.predict(*arguments, api_name=api_name)
    return time.perf_counter() - started


def measure(*, with_browser: bool = True) -> dict[str, object]:
    """Measure every pair of models that is here.

    Numbers are seconds, medians of five asks; memory is in MB.
    """
    found: dict[str, float] = {
        "import_app": seconds_of("import app"),
        "import_torch_and_transformers": seconds_of(
            "import torch, transformers.models.qwen2.modeling_qwen2"
        ),
    }
    for pair in PAIRS:
        if all(map(is_here, pair)):
            its = _measured(pair, with_browser)
            found |= {f"{pair[1]}: {name}": value for name, value in its.items()}
    return {name: round(value, 3) for name, value in found.items()} | {
        "cores": os.cpu_count(),
        "protocol": f"greedy, median of {REPEATS}",
    }


def _measured(pair: tuple[str, str], with_browser: bool) -> dict[str, float]:
    """Measure the app with one pair."""
    found = {"load_base": _load(pair[0])}
    with serving({PAIR_VARIABLE: ",".join(pair)}) as served:
        found["start_to_serving"] = served.seconds
        if with_browser:
            found |= paint(served.url)
        found |= answers(served.url, translated=can_translate(pair[1]))
        found["memory_mb"] = psutil.Process(served.process).memory_info().rss / 1e6
    return found


def _load(name: str) -> float:
    from xkde.checkpoints import resolve
    from xkde.engines.loading import load

    folder = resolve(name).path
    if folder is None:
        raise SettingsError(
            f"{name} is not here. Make it with: python -m xkde speedrun"
        )
    load(folder)  # once, so that torch's own import is not counted
    started = time.perf_counter()
    load(folder)
    return time.perf_counter() - started
