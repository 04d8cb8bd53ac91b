"""A visitor is an address or, on this machine, a session; asks a minute are counted."""

from types import SimpleNamespace
from typing import Any

import pytest

from pages.shell import visitors
from pages.shell.visitors import KEPT, AskLimit, asks_per_minute, visitor_of
from xkde.asking.scheduling import BusyError


def request(host: str, session: str = "s", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(
        request=object(), client=SimpleNamespace(host=host), headers=named,
        session_hash=session,
    )  # fmt: skip


def test_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    forwarded = {"x_forwarded_for": "203.0.113.7, 10.0.0.1"}
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert visitor_of(None) == ""
    assert visitor_of(request("127.0.0.1", "one")) == "one"
    assert visitor_of(request("192.0.2.1", "one")) == "192.0.2.1"
    assert visitor_of(request("192.0.2.1", **forwarded)) == "192.0.2.1"  # no proxy
    monkeypatch.setenv("SPACE_ID", "someone/x-kde")
    assert visitor_of(request("10.0.0.1", **forwarded)) == "203.0.113.7"


def test_so_many_asks_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(visitors.time, "monotonic", lambda: clock[0])
    limit = AskLimit()
    for _ in range(3):
        limit.count("a", 3)
        clock[0] += 10
    with pytest.raises(BusyError, match="Ask again in 30 seconds"):
        limit.count("a", 3)
    limit.count("b", 3)  # another visitor's own
    clock[0] = 61
    limit.count("a", 3)
    for number in range(KEPT + 5):
        limit.count(str(number), 0)
    assert len(limit._times) == KEPT


def test_the_limit_is_a_space_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.delenv(visitors.LIMIT_VARIABLE, raising=False)
    assert asks_per_minute() == 0
    monkeypatch.setenv("SPACE_ID", "someone/x-kde")
    assert asks_per_minute() == visitors.ON_SPACE
    monkeypatch.setenv(visitors.LIMIT_VARIABLE, "7")
    assert asks_per_minute() == 7
