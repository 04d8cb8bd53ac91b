"""An hour of visitors: does the app still answer, as fast, in the same memory?

Starts ``app.py`` with Atlas. Visitors come at an even pace, each new to the app; in
turn they ask one language, ask all twelve, search the pairs and open the page. Each
minute the memory of the app's process is read. Memory that grows in the first tenth is
caches that fill; what it grows by afterwards is reported.

Run it: ``python -m xkde campaign soak --minutes 60``
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2

from xkde.bench.app import Served, serving
from xkde.bench.serving import asks, call, client_of, endpoints, part, resident
from xkde.checkpoints.catalogue import PAIR_VARIABLE, PAIRS

MINUTE = 60.0  # seconds
WARM_UP = 0.1  # of the minutes: caches fill
ADDRESSES = 60_000  # visitors' addresses before one comes again


@dataclass(frozen=True)
class SoakedMinute:
    """One minute: what the visitors got, and the memory at its end in MB."""

    answered: int
    failed: tuple[str, ...]
    median: float | None  # seconds
    slowest: float | None  # seconds
    memory: float


def soak(minutes: int, visits: int, seconds: float = MINUTE) -> Iterator[SoakedMinute]:
    """Yield what became of each minute with so many visits; the app ends with them.

    ``seconds`` that a minute has: tests take short ones.
    """
    environment = {
        PAIR_VARIABLE: ",".join(PAIRS[-1]),
        "XKDE_BEHIND_PROXY": "1",
        "XKDE_ASKS_PER_MINUTE": "0",
    }
    questions = asks()
    with serving(environment) as served:
        for minute in range(minutes):
            yield asyncio.run(
                _minute(served, minute * visits, visits, questions, seconds)
            )


async def _minute(
    served: Served,
    first: int,
    visits: int,
    questions: Iterator[list[str]],
    seconds: float,
) -> SoakedMinute:
    began = time.perf_counter()
    times: list[float] = []
    failed: list[str] = []

    async def one(number: int) -> None:
        await asyncio.sleep(number * seconds / visits)
        visitor = first + number
        async with client_of(served.url, visitor % ADDRESSES) as client:
            asked = time.perf_counter()
            try:
                await _visit(client, visitor, next(questions))
            except (RuntimeError, httpx2.HTTPError) as error:
                failed.append(str(error) or type(error).__name__)
            else:
                times.append(time.perf_counter() - asked)

    await asyncio.gather(*(one(number) for number in range(visits)))
    await asyncio.sleep(max(0.0, seconds - (time.perf_counter() - began)))
    return SoakedMinute(
        len(times), tuple(failed), part(times, 50), max(times, default=None),
        resident(served),
    )  # fmt: skip


async def _visit(client: httpx2.AsyncClient, visitor: int, own: list[str]) -> None:
    """Do what the visitor of this number came for."""
    if visitor % 4 == 3:
        (await client.get("")).raise_for_status()
        return
    name, data = (
        ("ask", own),
        ("ask_all", [*own[:3], own[0], ""]),
        ("search_pairs", ["", "", 5]),
    )[visitor % 4]
    await call(client, (await endpoints(client))[name], data)


def grown(minutes: list[SoakedMinute]) -> float:
    """Return by how many MB memory grew after the first tenth of the minutes."""
    warm = min(int(len(minutes) * WARM_UP), len(minutes) - 1)
    return minutes[-1].memory - minutes[warm].memory
