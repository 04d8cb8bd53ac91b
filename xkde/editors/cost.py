"""What an edit costs: seconds, and the most memory above what was in use before.

On CUDA torch counts the device's memory itself; elsewhere the process's resident memory
is looked at every few milliseconds, so a shorter peak may be missed.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

EVERY = 0.005  # seconds


@dataclass
class Cost:
    """Filled in when the measured block ends."""

    seconds: float = 0.0
    peak_bytes: int = 0


@contextmanager
def measured(device: torch.device) -> Iterator[Cost]:
    """Measure the block; the Cost is complete after it."""
    cost = Cost()
    peak = _cuda_peak if device.type == "cuda" else _resident_peak
    with peak(cost, device):
        began = time.perf_counter()
        try:
            yield cost
        finally:
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            cost.seconds = time.perf_counter() - began


@contextmanager
def _cuda_peak(cost: Cost, device: torch.device) -> Iterator[None]:
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    yield
    cost.peak_bytes = max(0, torch.cuda.max_memory_allocated(device) - before)


@contextmanager
def _resident_peak(cost: Cost, device: torch.device) -> Iterator[None]:
    process = psutil.Process()
    before = highest = process.memory_info().rss
    ended = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not ended.wait(EVERY):
            highest = max(highest, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        highest = max(highest, process.memory_info().rss)
        cost.peak_bytes = highest - before
