"""Tests of the server engine against a server on loopback that answers, or fails.

What vLLM itself answers is tested in ``test_vllm``; here are the faults that a
real one does not have on demand.
"""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pages.shell import pool as shared
from xkde.asking.session import Sent, stream_together
from xkde.engines.pool import Pool
from xkde.engines.server import ServerEngine, open_server, served_engine
from xkde.errors import CheckpointError, InputError
from xkde.types import Sampling

PROMPTS = [[1, 2, 3], [1, 4], [1, 5, 6, 7]]
OUT_OF_MEMORY = {"message": "out of memory", "type": "InternalServerError"}


class Protocol(BaseHTTPRequestHandler):
    """Echoes the prompt's ids; fails as its server's ``faults`` say, one a request."""

    server: Any

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": self.server.models})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        fault = self.server.faults.pop(0) if self.server.faults else 0
        if fault == "slow":
            time.sleep(2)
        if isinstance(fault, int) and fault >= 400:
            self._send(fault, {"message": "the prompt is too long for this model"})
            return
        if asked.get("stream"):
            self._stream(asked, fault)
            return
        if fault == "nothing":
            self._send(200, {"id": "1", "object": "text_completion", "created": 0,
                             "model": "tiny", "choices": []})  # fmt: skip
            return
        text = " " + "-".join(map(str, asked["prompt"]))
        choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
        choice["token_ids"] = asked["prompt"]
        self._send(200, {"id": "1", "object": "text_completion", "created": 0,
                         "model": "tiny", "choices": [choice]})  # fmt: skip

    def _stream(self, asked: dict[str, Any], fault: Any) -> None:
        """Send one token of one prompt at a time, by turns; end as ``fault`` has it."""
        events = []
        longest = max(map(len, asked["prompt"]))
        for at in range(longest):
            for index, prompt in enumerate(asked["prompt"]):
                if at < len(prompt):
                    finish = "stop" if at == len(prompt) - 1 else None
                    choice = {"index": index, "text": f" {prompt[at]}",
                              "finish_reason": finish, "logprobs": None,
                              "token_ids": [prompt[at]]}  # fmt: skip
                    events.append({"id": "1", "object": "text_completion",
                                   "created": 0, "model": asked["model"],
                                   "choices": [choice]})  # fmt: skip
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        last = "data: [DONE]\n\n"
        if fault == "event":
            lines, last = lines[:2], f"data: {json.dumps({'error': OUT_OF_MEMORY})}\n\n"
        body = "".join([*lines, last]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # A server that dies has promised more than it has sent.
        self.wfile.write("".join(lines[:2]).encode() if fault == "dies" else body)

    def _send(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After-Ms", "1")
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the client has gone, as one that waits no longer does

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    served: Any = ThreadingHTTPServer(("127.0.0.1", 0), Protocol)
    served.faults, served.asked = [], []
    served.models = [{"id": "tiny", "object": "model", "created": 0, "owned_by": "us"}]
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture
def engine(server: Any, atlas_folder: Path) -> Iterator[ServerEngine]:
    address = f"http://127.0.0.1:{server.server_port}/v1"
    opened = open_server(address, str(atlas_folder), workers=2, retries=2, timeout=1)
    yield opened
    opened.client.close()


def test_ids_go_out_and_answers_come_back_in_order(
    server: Any, engine: ServerEngine
) -> None:
    steps: list[tuple[int, int]] = []
    drawn = [Sampling(9, 0.8, 0.9, seed) for seed in (5, 6, 7)]
    given = engine.generate(PROMPTS, drawn, on_progress=lambda *now: steps.append(now))
    assert [answer.text for answer in given] == ["1-2-3", "1-4", "1-5-6-7"]
    assert [list(answer.token_ids) for answer in given] == PROMPTS
    assert steps == [(1, 3), (2, 3), (3, 3)]
    sent = sorted(server.asked, key=lambda each: each["seed"])
    assert [each["prompt"] for each in sent] == PROMPTS
    assert {each["model"] for each in sent} == {"tiny"}
    first = sent[0]
    assert (first["max_tokens"], first["temperature"], first["top_p"]) == (9, 0.8, 0.9)


def test_a_moment_s_failure_is_repeated(server: Any, engine: ServerEngine) -> None:
    server.faults = [503, 429]
    given = engine.generate(PROMPTS[:1], Sampling())
    assert given[0].text == "1-2-3"
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("faults", "error", "words"),
    [
        ([500] * 3, CheckpointError, "answers with error 500"),
        ([400], InputError, "refuses a prompt of 3 tokens: the prompt is too long"),
        (["slow"] * 3, CheckpointError, "does not answer, after 3 tries"),
        (["nothing"], CheckpointError, "broke off: no answer came"),
    ],
)
def test_a_lasting_failure_says_what_to_do(
    server: Any,
    engine: ServerEngine,
    faults: list[Any],
    error: type[Exception],
    words: str,
) -> None:
    server.faults = list(faults)
    with pytest.raises(error, match=words):
        engine.generate(PROMPTS[:1], Sampling())


def test_a_server_that_died_meanwhile(server: Any, engine: ServerEngine) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(CheckpointError, match="start the server again"):
        replace(engine, workers=1).generate(PROMPTS, Sampling())


def test_bad_addresses_and_empty_prompts(
    server: Any, engine: ServerEngine, atlas_folder: Path
) -> None:
    with pytest.raises(InputError, match="prompt is empty"):
        engine.generate([[]], Sampling())
    server.models = []
    with pytest.raises(CheckpointError, match="has no model"):
        open_server(str(engine.client.base_url), str(atlas_folder))


def test_answers_stream_by_turns_in_one_request(
    server: Any, engine: ServerEngine
) -> None:
    steps = list(engine.stream(PROMPTS, Sampling(9)))
    assert [one.text for one in steps[0]] == ["1", "", ""]
    assert [one.text for one in steps[-1]] == ["1 2 3", "1 4", "1 5 6 7"]
    assert [list(one.token_ids) for one in steps[-1]] == PROMPTS
    assert {one.finish for one in steps[-1]} == {"stop"}
    assert len(server.asked) == 1
    cancelled = threading.Event()
    going = engine.stream(PROMPTS, Sampling(9), cancelled)
    next(going)
    cancelled.set()
    assert {one.finish for one in next(going)} == {"cancelled"}
    server.faults = [500] * 3
    with pytest.raises(CheckpointError, match="answers with error 500"):
        list(engine.stream(PROMPTS, Sampling(9)))


@pytest.mark.parametrize(
    ("fault", "words"),
    [("dies", "does not answer"), ("event", "broke off: out of memory")],
)
def test_a_server_that_dies_within_an_answer_fails_it_in_words(
    server: Any, engine: ServerEngine, fault: str, words: str
) -> None:
    server.faults = [fault]
    steps = engine.stream(PROMPTS[:2], Sampling(9))
    assert [one.text for one in next(steps)] == ["1", ""]
    with pytest.raises(CheckpointError, match=words):
        list(steps)
    server.faults = [fault]
    panes: Any = {"base": [Sent(engine, "Hello")]}
    *_, last = stream_together(panes, Sampling(9), threading.Event())
    assert words in last["base"].failure
    assert last["base"].generations


def test_the_pool_finds_base_and_adapter_on_the_server(
    server: Any, atlas_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{server.server_port}/v1"
    monkeypatch.setenv(shared.SERVER_VARIABLE, address)
    with pytest.raises(CheckpointError, match="only tiny. Start vLLM with"):
        served_engine(address, atlas_folder)
    lora = {"id": atlas_folder.name, "root": "x", "parent": "tiny"}
    server.models = [*server.models, {**server.models[0], **lora}]
    pool = Pool(shared._load, adapter_loader=shared._adapt)
    pool.start(str(atlas_folder))
    assert pool.wait(str(atlas_folder), 30).phase == "ready"
    [(found, _)] = pool.find([str(atlas_folder)])
    assert (found.model, found.tokenizer.bos_token) == (
        atlas_folder.name,
        "<|bos|>",
    )
    with (
        pytest.raises(CheckpointError, match="runs on a server"),
        pool.use([str(atlas_folder)]),
    ):
        pass
