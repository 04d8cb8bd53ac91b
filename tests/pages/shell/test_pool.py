"""Where ZeroGPU is, what needs the GPU is one call of it; elsewhere nothing changes."""

import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pages.shell.pool import GPU_SECONDS, gpu_call


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
