"""Threads: measured in moments, given by whoever knows better."""

import time

import pytest
import torch

from xkde.engines.threads import VARIABLE, Threads, fastest, measured, use
from xkde.errors import SettingsError


def test_more_threads_must_be_worth_it() -> None:
    assert fastest({1: 10.0, 2: 9.5}) == 1
    assert fastest({1: 10.0, 2: 6.0, 8: 5.9}) == 2
    assert fastest({1: 10.0, 2: 30.0, 8: 4.0}) == 8


def test_a_measure_takes_moments_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    before, began = torch.get_num_threads(), time.process_time()
    found = measured()
    assert time.process_time() - began < 5
    assert torch.get_num_threads() == before
    assert found.count in found.milliseconds
    assert all(each > 0 for each in found.milliseconds.values())


def test_a_given_number_is_used_and_nonsense_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = torch.get_num_threads()
    monkeypatch.setenv(VARIABLE, "1")
    assert measured() == Threads(1, {})
    use(measured())
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)
    for value in ("0", "many", "-2", "1.5"):
        monkeypatch.setenv(VARIABLE, value)
        with pytest.raises(SettingsError, match="from 1"):
            measured()
