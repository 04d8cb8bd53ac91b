"""The command with engines that only answer: a server on loopback, vLLM, its server."""

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.judge_server import judging
from tests.helpers.result_samples import roomy_copy
from tests.xkde.engines.test_server import Protocol
from tests.xkde.engines.test_vllm import environment, is_up
from xkde.__main__ import main
from xkde.evaluation.results.rows import load_results
from xkde.paths import checkpoints

HAS_VLLM = importlib.util.find_spec("vllm") is not None
FEW = ["--limit", "2", "--max-new-tokens", "3", "--protocol", "generated"]


@pytest.fixture
def echo() -> Iterator[Any]:
    """A server whose answer is the prompt's ids."""
    served: Any = ThreadingHTTPServer(("127.0.0.1", 0), Protocol)
    served.faults, served.asked = [], []
    served.models = [{"id": "tiny", "object": "model", "created": 0, "owned_by": "us",
                      "max_model_len": 4096}]  # fmt: skip
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_server_and_a_judge(
    echo: Any, atlas_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = roomy_copy(atlas_folder, tmp_path / "roomy")
    words = [
        "evaluate", "--checkpoint", str(folder), *FEW, "--json",
        "--engine", f"http://127.0.0.1:{echo.server_port}/v1",
        "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    with judging() as judge:
        assert main([*words, "--judge", judge.address]) == 0
        assert judge.asked
    told = json.loads(capsys.readouterr().out)
    assert told["settings"]["engine"] == "server"
    assert told["versions"]["server_model"] == "tiny"
    assert told["judge"]["model"] == "solomon"
    rows = load_results([tmp_path / "run"]).to_pylist()
    assert told["judge"]["judged"] == len(rows) == told["rows"]
    for row in rows:
        assert set(row["answer"]) <= set("0123456789-")
        assert (row["exact"], row["judged"]) == (False, False)
        if row["probe"] == "locality":  # another prompt, so another echo
            assert row["unchanged"] == 0.0
            assert row["before"] != row["answer"]
    asked = len(echo.asked)
    assert main(words) == 0
    capsys.readouterr()
    assert len(echo.asked) == asked
    kept = load_results([tmp_path / "run"])["judged"]
    assert kept.null_count == 0  # the verdicts stay without the judge
    assert main([*words, "--editor", "ike"]) == 1
    assert "ike works on the engine transformers only" in capsys.readouterr().err


def evaluated(out: Path, *options: str) -> dict[Any, str]:
    """Run the command as a process of its own; return the answers by row."""
    done = subprocess.run(
        [
            sys.executable, "-m", "xkde", "evaluate", "--checkpoint", "atlas-xe-it",
            "--limit", "6", "--directions", "en-zh", "--protocol", "generated",
            "--max-new-tokens", "16", "--json", "--out", str(out), *options,
        ],
        env=environment() | {"PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)  # nothing else is printed there
    rows = load_results([out]).to_pylist()
    assert told["rows"] == len(rows)
    return {
        (r["case"], r["probe"], r["question"]): (r["answer"], r["before"]) for r in rows
    }


def alike(one: dict[Any, Any], other: dict[Any, Any]) -> float:
    assert one.keys() == other.keys()
    return sum(one[key] == other[key] for key in one) / len(one)


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.skipif(not HAS_VLLM, reason="no vLLM here: make vllm")
def test_vllm_answers_as_transformers(tmp_path: Path) -> None:
    plain = evaluated(tmp_path / "plain")
    here = evaluated(tmp_path / "here", "--engine", "vllm")
    assert alike(plain, here) >= 0.9  # a tie may fall either way


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.skipif(not HAS_VLLM, reason="no vLLM here: make vllm")
def test_a_vllm_server_answers_as_transformers(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Protocol) as free:
        port = free.server_port
    address = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(checkpoints() / "atlas-xe-it"), "--host", "127.0.0.1",
        "--port", str(port), "--enforce-eager", "--dtype", "float32",
    ]  # fmt: skip
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, env=environment(), stdout=quiet, stderr=quiet)
    try:
        give_up = time.monotonic() + 300
        while not is_up(f"{address}/health"):
            assert server.poll() is None, "the server ended by itself"
            assert time.monotonic() < give_up, "the server did not come up"
            time.sleep(1)
        asked = evaluated(tmp_path / "asked", "--engine", f"{address}/v1")
    finally:
        server.terminate()
        server.wait(60)
    assert alike(evaluated(tmp_path / "plain"), asked) >= 0.9
