"""Tests of vLLM, real: in this process and as a server, against transformers.

It comes with ``make vllm``; without it these tests are skipped, and say so.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.helpers.tiny_adapters import lora
from xkde.data.atlas.world import atlas
from xkde.engines.loading import load, with_adapter
from xkde.engines.server import open_server, served_engine
from xkde.errors import InputError
from xkde.paths import checkpoints
from xkde.prompts import ask
from xkde.training.preference.sampling import atlas_prompts
from xkde.types import Sampling

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None, reason="no vLLM here: make vllm"
    ),
]
GREEDY = Sampling(max_new_tokens=16)
DRAWN = Sampling(max_new_tokens=16, temperature=0.8, seed=11)
# vLLM starts processes that import the main module, so it gets one of its own.
SCRIPT = """
import json, sys
from xkde.engines.vllm import load_vllm
from xkde.errors import InputError
from xkde.types import Sampling

if __name__ == "__main__":
    asked = json.loads(sys.argv[2])
    engine = load_vllm(sys.argv[1], max_length=512)
    told = {"ids": [], "refused": ""}
    for temperature in (0.0, 1.5, 1.5):  # else a sure model answers the same
        drawn = [Sampling(16, temperature, seed=11 + i) for i in range(len(asked))]
        given = engine.generate(asked, drawn)
        told["ids"].append([answer.token_ids for answer in given])
    told["texts"] = [answer.text for answer in given]
    try:
        engine.generate([[1] * 600], Sampling())
    except InputError as error:
        told["refused"] = str(error)
    print("TOLD" + json.dumps(told))
"""


def environment() -> dict[str, str]:
    return os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}


@pytest.fixture(scope="module")
def edited() -> Path:
    return checkpoints() / "atlas-xe-it"


@pytest.fixture(scope="module")
def asked(edited: Path) -> list[list[int]]:
    engine = load(edited)
    drawn = atlas_prompts(atlas(), 24, seed=3)
    return [list(engine.encode(ask(each.prompt)).ids) for each in drawn]


@pytest.fixture(scope="module")
def adapter(edited: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lora(edited, tmp_path_factory.mktemp("adapters") / "atlas-lora")


@pytest.fixture(scope="module")
def served(edited: Path, adapter: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(edited), "--host", "127.0.0.1", "--port", str(port),
        "--enforce-eager", "--dtype", "float32", "--max-model-len", "512",
        "--served-model-name", "atlas-xe-it", "--enable-lora", "--max-lora-rank", "8",
        # On a CPU, vLLM gives the base what lies in the last place: it stays empty.
        "--max-loras", "2",
        "--lora-modules", f"{adapter.name}={adapter}",
    ]  # fmt: skip
    log = adapter.with_name("server.log")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env=environment(), stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        give_up = time.monotonic() + 300
        while not is_up(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < give_up, "the server did not come up"
            time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(60)


def is_up(address: str) -> bool:
    try:
        with urlopen(address, timeout=2) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def agreement(these: list[list[int]], those: list[list[int]]) -> float:
    pairs = zip(these, those, strict=True)
    return sum(list(a) == list(b) for a, b in pairs) / len(these)


def test_in_this_process(edited: Path, asked: list[list[int]], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(edited), json.dumps(asked)],
        env=environment() | {"PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    line = next((x for x in done.stdout.splitlines() if x.startswith("TOLD")), "")
    assert line, done.stderr[-3000:]
    told = json.loads(line.removeprefix("TOLD"))
    ours = [list(a.token_ids) for a in load(edited).generate(asked, GREEDY)]
    assert agreement(told["ids"][0], ours) >= 0.95  # a tie may fall either way
    assert told["ids"][1] == told["ids"][2]  # a seed draws the same again
    assert told["ids"][0] != told["ids"][1]
    assert all(told["texts"])
    assert "The prompt has 600 tokens" in told["refused"]


def test_as_a_server(edited: Path, asked: list[list[int]], served: str) -> None:
    engine = open_server(served, str(edited))
    given = engine.generate(asked, GREEDY)
    local = load(edited).generate(asked, GREEDY)
    assert (
        agreement(
            [list(a.token_ids) for a in given], [list(a.token_ids) for a in local]
        )
        >= 0.95
    )
    same = sum(a.text == b.text for a, b in zip(given, local, strict=True))
    assert same >= 0.95 * len(asked)
    assert {a.finish for a in given} <= {"stop", "length"}
    drawn = engine.generate(asked[:8], DRAWN)
    assert [a.text for a in drawn] == [
        a.text for a in engine.generate(asked[:8], DRAWN)
    ]
    with pytest.raises(InputError, match="refuses a prompt of 600 tokens"):
        engine.generate([[1] * 600], GREEDY)


def test_both_panes_stream_from_one_server_to_many_visitors(
    edited: Path, adapter: Path, asked: list[list[int]], served: str
) -> None:
    base = load(edited)
    local = {"base": base, "edited": with_adapter(base, adapter)}
    remote = {"base": served_engine(served, edited),
              "edited": served_engine(served, adapter)}  # fmt: skip
    assert remote["base"].model != remote["edited"].model

    def visit(number: int) -> tuple[int, list[list[int]]]:
        pane = ("base", "edited")[number % 2]
        steps = list(remote[pane].stream(asked[number : number + 3], GREEDY))
        return len(steps), [list(each.token_ids) for each in steps[-1]]

    with ThreadPoolExecutor(8) as visitors:
        found = list(visitors.map(visit, range(8)))
    for number, (steps, ids) in enumerate(found):
        pane = ("base", "edited")[number % 2]
        ours = local[pane].generate(asked[number : number + 3], GREEDY)
        assert agreement(ids, [list(one.token_ids) for one in ours]) >= 2 / 3
        assert steps > 3  # it streamed
