"""How many threads torch should have here: measured in milliseconds, not guessed.

Threads wait for each other at every small product. Where a core is taken by somebody
else all of them wait, and a small model is faster with one; on an idle machine, or with
a large model, more are. XKDE_THREADS says a number instead.

    use(measured())
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from xkde.errors import SettingsError

VARIABLE = "XKDE_THREADS"
# One token of a dozen rows, in a model of a width such as Atlas's or Gemma's.
ROWS, WIDTH, WIDER, PRODUCTS = 12, 512, 2048, 24
ROUNDS = 5
WORTH = 0.9  # more threads must take at most this share of the time of fewer


@dataclass(frozen=True)
class Threads:
    """A number of threads, and the milliseconds that each number took."""

    count: int
    milliseconds: Mapping[int, float]  # empty where the number was given


def measured() -> Threads:
    """Return the given number of threads, or the one that is fastest now.

    Raises SettingsError for a given number that is none.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given:
        if not given.isdecimal() or int(given) < 1:
            raise SettingsError(
                "{variable} is “{value}”. Give a number of threads from 1, or leave it "
                "out: it is then measured.",
                variable=VARIABLE,
                value=given,
            )
        return Threads(int(given), {})
    before = torch.get_num_threads()
    try:
        times = _times(sorted({1, 2, before} if before > 1 else {1}))
    finally:
        torch.set_num_threads(before)
    return Threads(fastest(times), times)


def fastest(milliseconds: Mapping[int, float]) -> int:
    """Return the number of threads to use; more only where they are worth it."""
    best = min(milliseconds)
    for count in sorted(milliseconds):
        if milliseconds[count] < WORTH * milliseconds[best]:
            best = count
    return best


def use(threads: Threads) -> None:
    """Let torch have so many threads from now on."""
    torch.set_num_threads(threads.count)


@torch.inference_mode()
def _times(counts: list[int]) -> dict[int, float]:
    """Return the median milliseconds of a chain of small products, by threads.

    The numbers take turns, so that other load affects all of them.
    """
    weight = torch.ones(WIDTH, WIDER)
    states = torch.ones(ROWS, WIDTH)
    taken: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(ROUNDS + 1):
        for count in counts:
            torch.set_num_threads(count)
            began = time.perf_counter()
            for _ in range(PRODUCTS):
                states @ weight
            taken[count].append(1e3 * (time.perf_counter() - began))
    # The first round starts threads and touches memory.
    return {count: sorted(each[1:])[ROUNDS // 2] for count, each in taken.items()}
