"""The app's threads share heaps: counted by malloc itself, in a process of its own."""

import ctypes
import os
import subprocess
import sys

import pytest

COUNT = """
import ctypes, threading
from app import share_heaps

if {shared}:
    share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
met = threading.Barrier(12)

def allocate():
    libc.malloc(ctypes.c_size_t(1000))
    met.wait()  # a thread that ended would leave its heap to the next

threads = [threading.Thread(target=allocate) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""
HAS_GLIBC = sys.platform == "linux" and hasattr(
    ctypes.CDLL(None), "gnu_get_libc_version"
)
pytestmark = pytest.mark.skipif(not HAS_GLIBC, reason="another malloc is in use")


def heaps(shared: bool, given: str | None = None) -> int:
    """Return how many heaps malloc has after twelve threads allocated."""
    environment = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"}
    if given is not None:
        environment["MALLOC_ARENA_MAX"] = given
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format(shared=shared)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.count("<heap nr=")


def test_threads_share_two_heaps() -> None:
    assert heaps(shared=False) > 2
    assert heaps(shared=True) == 2


def test_a_given_number_stays() -> None:
    assert heaps(shared=True, given="3") == 3
