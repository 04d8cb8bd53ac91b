"""How the app serves many at once: answers, waiting times, refusals, memory.

Starts ``app.py`` as a process of its own and asks it from outside, with clients that
all ask at the same moment, each its own edits. Every visitor has an address of its own,
so fair shares are those of a Space. Meanwhile one more visitor opens the page and
searches the pairs, which must not wait for any model.

Run it: ``python -m xkde bench serving``
"""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

import httpx2
import psutil

from xkde.bench.app import Served, serving
from xkde.checkpoints.catalogue import PAIR_VARIABLE, PAIRS
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES

CROWDS = ((1, 5), (30, 5), (200, 3))  # visitors, asks of each
GEMMA_CROWD = (10, 3)
API_CALLS, AT_ONCE = 2000, 8
LIMIT = 150.0  # seconds that one crowd may take
PAUSE = 0.5  # seconds between two looks of the visitor who does not ask
# The app closes a connection that is idle for 5 s. A browser that is just writing to it
# then sends again; this client does not, and lets go of it earlier.
IDLE = 2.0  # seconds


@dataclass
class CrowdOutcome:
    """What came of a crowd's asks: seconds of each, and how many ended otherwise."""

    answered: list[float] = field(default_factory=list)
    asked_to_wait: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    searches: list[float] = field(default_factory=list)
    seconds: float = 0.0


def asks() -> Iterator[list[str]]:
    """Yield the arguments of endless asks, each with an edit of its own."""
    cases = atlas_cases(atlas(), "test")
    for number in count():
        case = cases[number % len(cases)]
        source = ATLAS_LANGUAGES[number % 12]
        target = ATLAS_LANGUAGES[(number * 5 + number // 12) % 12]
        edit, asked = case.edits[source], case.edits[target]
        yield [edit.question, edit.answer, source, asked.question, target, ""]


async def endpoints(client: httpx2.AsyncClient) -> dict[str, int]:
    """Return the numbers of the named endpoints, which a visitor's page reads once."""
    config = (await client.get("config")).json()
    return {its["api_name"]: its["id"] for its in config["dependencies"]}


async def call(
    client: httpx2.AsyncClient,
    endpoint: int,
    data: Sequence[object],
    session: str = "",
) -> object:
    """Call an endpoint; raise RuntimeError with the words of its refusal.

    It goes the way of the page and of Gradio's clients: the plain route “/call” keeps
    the words of a refusal to itself. Without ``session`` it begins one of its own.
    """
    session = session or uuid4().hex
    body = {"data": list(data), "fn_index": endpoint, "session_hash": session}
    (await client.post("gradio_api/queue/join", json=body)).raise_for_status()
    place = f"gradio_api/queue/data?session_hash={session}"
    async with client.stream("GET", place) as lines:
        async for line in lines.aiter_lines():
            event = json.loads(line.removeprefix("data: ")) if line else {}
            if event.get("msg") == "process_completed":
                if event["success"]:
                    return event["output"]["data"][0]
                raise RuntimeError(str(event["output"].get("error")))
    raise RuntimeError("the connection ended without an answer")


def client_of(url: str, visitor: int) -> httpx2.AsyncClient:
    """Return a client that the app takes for a visitor of its own."""
    address = f"10.0.{visitor // 250}.{visitor % 250 + 1}"
    return httpx2.AsyncClient(
        base_url=url,
        timeout=LIMIT,
        limits=httpx2.Limits(keepalive_expiry=IDLE),
        headers={"X-Forwarded-For": address},
    )


async def visit(
    url: str, visitor: int, own: list[list[str]], found: CrowdOutcome
) -> None:
    """Ask one question after another; who is asked to wait does not ask it again."""
    async with client_of(url, visitor) as client:
        ask, session = (await endpoints(client))["ask"], uuid4().hex
        for data in own:
            began = time.perf_counter()
            try:
                await call(client, ask, data, session)
            except RuntimeError as error:
                if "seconds" in str(error):
                    found.asked_to_wait.append(time.perf_counter() - began)
                else:
                    found.failed.append(str(error))
            except httpx2.HTTPError as error:
                found.failed.append(type(error).__name__)
            else:
                found.answered.append(time.perf_counter() - began)


async def look_around(url: str, found: CrowdOutcome) -> None:
    """Open the page and search the pairs, again and again."""
    async with client_of(url, 999) as client:
        search, session = (await endpoints(client))["search_pairs"], uuid4().hex
        while True:
            began = time.perf_counter()
            (await client.get("")).raise_for_status()
            opened = time.perf_counter()
            await call(client, search, ["", "", 5], session)
            found.pages.append(opened - began)
            found.searches.append(time.perf_counter() - opened)
            await asyncio.sleep(PAUSE)


async def crowd(url: str, visitors: int, each: int) -> CrowdOutcome:
    """Let so many visitors ask at once."""
    found, endless = CrowdOutcome(), asks()
    own = [[next(endless) for _ in range(each)] for _ in range(visitors)]
    began = time.perf_counter()
    looking = asyncio.create_task(look_around(url, found))
    going = [visit(url, number, each, found) for number, each in enumerate(own)]
    try:
        await asyncio.wait_for(asyncio.gather(*going), LIMIT)
    except TimeoutError:
        found.failed.append(f"cut off after {LIMIT:.0f} s")
    finally:
        looking.cancel()
    found.seconds = time.perf_counter() - began
    return found


async def call_often(url: str, calls: int) -> None:
    """Call ``ask`` so often, AT_ONCE at a time, each from a session of its own."""
    endless, left = asks(), iter(range(calls))

    async def caller(number: int) -> None:
        async with client_of(url, number) as client:
            ask = (await endpoints(client))["ask"]
            for _ in left:
                await call(client, ask, next(endless))

    await asyncio.gather(*(caller(number) for number in range(AT_ONCE)))


def numbers(found: CrowdOutcome) -> dict[str, object]:
    """Return the numbers of a crowd, times in seconds."""
    return {
        "asks": len(found.answered) + len(found.asked_to_wait) + len(found.failed),
        "answered": len(found.answered),
        "asked_to_wait": len(found.asked_to_wait),
        "failed": len(found.failed),
        "reasons": sorted(set(found.failed))[:3],
        "answers_per_second": round(len(found.answered) / found.seconds, 2),
        "p50": part(found.answered, 50),
        "p95": part(found.answered, 95),
        "asked_to_wait_p95": part(found.asked_to_wait, 95),
        "page_p95": part(found.pages, 95),
        "search_p95": part(found.searches, 95),
    }


def part(times: list[float], percent: int) -> float | None:
    """Return a percentile of some times, or None of none."""
    if len(times) < 2:
        return round(times[0], 2) if times else None
    return round(statistics.quantiles(times, n=100, method="inclusive")[percent - 1], 2)


def crowds(
    pair: tuple[str, str], sizes: tuple[tuple[int, int], ...], calls: int = 0
) -> dict[str, object]:
    """Start the app with a pair of models, and let each crowd ask."""
    found: dict[str, object] = {}
    environment = {
        PAIR_VARIABLE: ",".join(pair),
        "XKDE_BEHIND_PROXY": "1",
        "XKDE_ASKS_PER_MINUTE": "0",
    }
    with serving(environment) as served:
        asyncio.run(call_often(served.url, AT_ONCE))  # the models are loaded then
        for visitors, each in sizes:
            outcome = asyncio.run(crowd(served.url, visitors, each))
            found[f"{pair[0]}, {visitors} visitors"] = numbers(outcome)
        if calls:
            asyncio.run(call_often(served.url, calls // 4))  # caches are full then
            before = resident(served)
            asyncio.run(call_often(served.url, calls))
            found[f"MB added by {calls} calls"] = round(resident(served) - before, 1)
    return found


def resident(served: Served) -> float:
    """Return how much memory the app's process holds, in MB."""
    return float(psutil.Process(served.process).memory_info().rss) / 1e6


def measure() -> dict[str, object]:
    """Measure Atlas at every crowd, and Gemma at a small one where it is installed."""
    from xkde.checkpoints import default_pair

    found = crowds(PAIRS[-1], CROWDS, API_CALLS)
    if default_pair() == PAIRS[0]:
        found |= crowds(PAIRS[0], (GEMMA_CROWD,))
    return found | {
        "cores": len(os.sched_getaffinity(0)),
        "protocol": "greedy, 48 tokens at most, every ask another edit, loopback",
    }
