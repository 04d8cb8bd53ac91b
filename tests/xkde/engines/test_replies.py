"""Replies of a tiny model here and of a server on loopback."""

from pathlib import Path

import pytest

from tests.helpers.chat_server import chatting
from xkde.engines.engine import chat, chat_server, completion
from xkde.engines.loading import load
from xkde.errors import CheckpointError
from xkde.prompts import ask
from xkde.types import Sampling


def test_a_model_here_chats_and_continues(atlas_folder: Path) -> None:
    engine = load(str(atlas_folder))
    (reply,) = chat(engine, 6)(["Which city is the capital of Japan?"])
    ids = engine.encode(ask("Which city is the capital of Japan?")).ids
    (same,) = engine.generate([ids], Sampling(6))
    assert (reply.text, reply.ended) == (same.text, same.finish == "stop")
    prompts = ["Q: Who?\nA:", "Q: " + "long " * 400 + "\nA:"]
    short, long = completion(engine, 6)(prompts)
    assert not short.error
    assert long.error == "the prompt is too long for the model"


def test_one_bos_before_plain_text(llama2_folder: Path) -> None:
    engine = load(str(llama2_folder))
    ids = engine.tokenizer("Which city", add_special_tokens=False)["input_ids"]
    (same,) = engine.generate([[engine.tokenizer.bos_token_id, *ids]], Sampling(5))
    (reply,) = completion(engine, 5)(["Which city"])
    assert reply.text == same.text


def test_a_server_replies_in_order_and_fails_in_words() -> None:
    def answer(prompt: str) -> str | int:
        return 500 if prompt == "bad" else prompt.upper()

    with chatting(answer) as server:
        ask_server, model = chat_server(server.address, retries=0, patience=5)
        replies = ask_server(["one", "bad", "two"])
    assert model == "oracle"
    assert [reply.text for reply in replies] == ["ONE", "", "TWO"]
    assert replies[1].error == "the server: error 500"
    assert {asked["temperature"] for asked in server.asked} == {0}


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(CheckpointError, match="No server answers"):
        chat_server("http://127.0.0.1:9/v1", retries=0, patience=1)
