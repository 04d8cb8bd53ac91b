"""A soak counts what failed, and the memory that grows after caches are full."""

import pytest

from xkde.bench.campaign.soak import SoakedMinute, grown, soak


def minute(memory: float) -> SoakedMinute:
    return SoakedMinute(3, (), 0.1, 0.2, memory)


def test_memory_that_fills_caches_does_not_count() -> None:
    # Of twenty minutes the first two warm up: what counts begins with the third.
    minutes = [minute(memory) for memory in (100, 200, *range(300, 318))]
    assert grown(minutes) == 317 - 300
    assert grown([minute(500)]) == 0


@pytest.mark.slow
def test_every_visitor_is_answered() -> None:
    minutes = list(soak(minutes=2, visits=8, seconds=4))
    assert [(m.answered, m.failed) for m in minutes] == [(8, ()), (8, ())]
    assert all(m.memory > 100 and m.median and m.slowest for m in minutes)
    assert all(m.slowest >= m.median for m in minutes if m.slowest and m.median)
