"""Who asks, and how often: a visitor's key for fair queuing, and a limit by the minute.

A visitor is an address, or, on one's own machine, a session. Behind the proxy of a
Space, or where ``XKDE_BEHIND_PROXY`` is set, the address is the first that
``X-Forwarded-For`` names. That one can be forged; whoever does so still waits in the
same queue as everybody. ``XKDE_ASKS_PER_MINUTE`` sets the limit; 0 means none.
"""

import os
import threading
import time
from collections import deque

import gradio as gr

from pages.shell.pool import on_space
from xkde.asking.scheduling import BusyError

PROXY_VARIABLE, LIMIT_VARIABLE = "XKDE_BEHIND_PROXY", "XKDE_ASKS_PER_MINUTE"
ON_SPACE = 60  # asks a minute of one visitor
MINUTE = 60.0  # seconds
KEPT = 4096  # visitors whose asks are counted
LOOPBACK = ("", "127.0.0.1", "::1", "localhost", "testclient")


def visitor_of(request: gr.Request | None) -> str:
    """Return who asks: an address, or the session of somebody on this machine."""
    if request is None or request.request is None:
        return ""
    if on_space() or os.environ.get(PROXY_VARIABLE):
        first = str(request.headers.get("x-forwarded-for", "")).split(",")[0].strip()
        if first:
            return first
    host = str(request.client.host) if request.client else ""
    return str(request.session_hash or "") if host in LOOPBACK else host


def asks_per_minute() -> int:
    """Return how many asks a visitor has in a minute; 0 means any number."""
    return int(os.environ.get(LIMIT_VARIABLE) or (ON_SPACE if on_space() else 0))


class AskLimit:
    """Counts the asks of every visitor in the last minute."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def count(self, visitor: str, most: int) -> None:
        """Count one ask; raise BusyError if the visitor has had ``most`` already."""
        now = time.monotonic()
        with self._lock:
            times = self._times.pop(visitor, deque())
            while times and now - times[0] > MINUTE:
                times.popleft()
            self._times[visitor] = times  # last, as who asked last
            while len(self._times) > KEPT:
                del self._times[next(iter(self._times))]
            if most and len(times) >= most:
                raise BusyError(
                    "You have asked {n} times in a minute. Ask again in {seconds} "
                    "seconds; what you typed stays.",
                    n=most,
                    seconds=max(1, round(MINUTE - (now - times[0]))),
                )
            times.append(now)


ASK_LIMIT = AskLimit()


def admitted(request: gr.Request | None) -> str:
    """Return who asks, once it is counted; raise BusyError if that is too often."""
    visitor = visitor_of(request)
    ASK_LIMIT.count(visitor, asks_per_minute())
    return visitor
