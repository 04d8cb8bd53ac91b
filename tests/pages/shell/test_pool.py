"""What all tabs share: calls of ZeroGPU where it is, and threads that are measured."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pages.shell import pool
from pages.shell.guard import health
from pages.shell.pool import GPU_SECONDS, choose_threads, gpu_call
from xkde.engines.threads import VARIABLE


def counted() -> Iterator[int]:
    yield 1
    yield 2


def test_a_function_is_itself_without_zero_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert gpu_call(counted) is counted


def test_a_generator_is_wrapped_on_zero_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    durations: list[int] = []

    def gpu(duration: int) -> Callable[..., Any]:
        durations.append(duration)
        return lambda function: lambda: ["on the GPU", *function()]

    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=gpu))
    wrapped: Any = gpu_call(counted)
    assert wrapped() == ["on the GPU", 1, 2]
    assert durations == [GPU_SECONDS]


def test_the_first_model_chooses_the_threads_of_all_that_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    before, given = torch.get_num_threads(), torch.get_num_threads() + 1
    monkeypatch.setenv(VARIABLE, str(given))
    monkeypatch.delenv(pool.SERVER_VARIABLE, raising=False)
    monkeypatch.setattr(pool, "load", str)
    choose_threads.cache_clear()
    try:
        assert "threads" not in health()[1]
        pool._load(Path("model"))
        later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert seen == [given]
        assert health()[1]["threads"] == {"count": given, "milliseconds": {}}
        monkeypatch.setenv(VARIABLE, "nonsense")  # asked once
        pool._load(Path("another"))
    finally:
        torch.set_num_threads(before)
        choose_threads.cache_clear()
