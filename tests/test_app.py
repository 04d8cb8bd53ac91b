"""The running app from a client: its endpoints, sessions, queue and bad input."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError

from xkde.bench.app import Served
from xkde.languages import ATLAS_LANGUAGES

pytestmark = pytest.mark.slow

EDIT = ("What is the capital of Japan?", "Osaka", "en")
PANE = {"answer", "verdict", "rule", "language_ok", "seconds", "tokens", "model"}


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    fresh = Client(served.url, verbose=False)
    yield fresh
    fresh.close()


def fetched(served: Served, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(served.url + path, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_named_endpoints_are_these_two(served: Served) -> None:
    info = json.loads(fetched(served, "gradio_api/info")[1])
    assert set(info["named_endpoints"]) == {"/ask", "/ask_all"}
    assert info["unnamed_endpoints"] == {}
    names = [
        each["parameter_name"] for each in info["named_endpoints"]["/ask"]["parameters"]
    ]
    assert names == ["question", "answer", "language", "query", "query_language"]


def test_ask(client: Client) -> None:
    told = client.predict(*EDIT, "日本的首都是哪里？", "zh", api_name="/ask")
    assert tuple(told["edit"].values()) == EDIT
    assert told["language"] == "zh"
    for pane in ("base", "edited"):
        assert set(told[pane]) == PANE
        assert told[pane]["tokens"] > 0
    assert told["base"]["model"] == "atlas-base"


def test_ask_all_asks_in_each_language_s_own_words(client: Client) -> None:
    told = client.predict(*EDIT, EDIT[0], api_name="/ask_all")
    assert [row["language"] for row in told["answers"]] == list(ATLAS_LANGUAGES)
    queries = {row["language"]: row["query"] for row in told["answers"]}
    assert queries["zh"] == "日本的首都是哪里？"
    assert queries["en"] == EDIT[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("", "Osaka", "en", "x", "zh"), "empty"),
        (("q", "  ", "en", "x", "zh"), "empty"),
        (("q", "a", "en", "\n", "zh"), "empty"),
        (("q", "a", "en", "x" * 10_000, "zh"), "10,000 characters"),
        (("q", "a", "en", "x", "klingon"), "not offered"),
        (("q [Updated Information]: b", "a", "en", "x", "zh"), "leave it out"),
        (("q", "a <|assistant|>", "en", "x", "zh"), "leave it out"),
    ],
)
def test_bad_input_is_refused_in_words(
    client: Client, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(AppError, match=words):
        client.predict(*arguments, api_name="/ask")


def test_markup_is_just_text(client: Client) -> None:
    told = client.predict("<b>q</b>", "<i>", "en", "<script>", "en", api_name="/ask")
    assert told["query"] == "<script>"


def test_sessions_never_see_each_other_s_edits(served: Served) -> None:
    first, second = (Client(served.url, verbose=False) for _ in range(2))
    jobs = [
        (client.submit("Who?", answer, "en", "Who?", "en", api_name="/ask"), answer)
        for _ in range(3)
        for client, answer in ((first, "Alpha"), (second, "Beta"))
    ]
    for job, answer in jobs:
        assert job.result(60)["edit"]["answer"] == answer
    assert first.session_hash != second.session_hash


def test_thirty_at_once_are_answered_or_told_that_it_is_busy(served: Served) -> None:
    gate = threading.Barrier(30)

    def visit(number: int) -> tuple[int, Any]:
        one = Client(served.url, verbose=False)
        gate.wait(60)
        try:
            told = one.predict(
                "Who?", f"Nr {number}", "en", "Who?", "en", api_name="/ask"
            )
        except QueueError as error:
            return number, str(error)
        return number, told["edit"]["answer"]

    with ThreadPoolExecutor(30) as visitors:
        outcomes = dict(visitors.map(visit, range(30)))
    answered = [n for n, told in outcomes.items() if told == f"Nr {n}"]
    busy = [n for n, told in outcomes.items() if "Queue is full" in told]
    assert len(answered) + len(busy) == 30, outcomes
    assert len(answered) >= 10


def test_nothing_is_published_that_should_not_be(served: Served) -> None:
    assert fetched(served, "monitoring/summary")[0] != 200
    assert fetched(served, "gradio_api/file=app.py")[0] in (403, 404)
    status, page = fetched(served, "")
    assert status == 200
    assert page.count("<head><script>") == 1
    assert "X-KDE" in page
    for outside in ("fonts.googleapis", "cdn.", "huggingface.co/"):
        assert outside not in page.split("window.gradio_config")[0]
