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
from pathlib import Path
from urllib.request import urlopen

import pytest

from xkde.data.atlas.world import atlas
from xkde.engines.loading import load
from xkde.engines.vllm import open_server
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
def served(edited: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(edited), "--host", "127.0.0.1", "--port", str(port),
        "--enforce-eager", "--dtype", "float32", "--max-model-len", "512",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        give_up = time.monotonic() + 300
        while not is_up(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, "the server ended by itself"
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
