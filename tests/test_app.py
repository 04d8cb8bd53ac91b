"""The running app from a client: its endpoints, sessions, queue and bad input."""

import asyncio
import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.helpers.app_server import running, two_models
from xkde.bench import serving
from xkde.bench.app import Served
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import PROBES

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


def test_named_endpoints_are_these(served: Served) -> None:
    info = json.loads(fetched(served, "gradio_api/info")[1])
    assert set(info["named_endpoints"]) == {
        "/ask", "/ask_all", "/evaluate_case", "/search_pairs",
    }  # fmt: skip
    assert info["unnamed_endpoints"] == {}
    names = [
        each["parameter_name"] for each in info["named_endpoints"]["/ask"]["parameters"]
    ]
    asked = ["question", "answer", "language", "query", "query_language"]
    assert names == [*asked, "follows"]


def test_ask(client: Client) -> None:
    said = client.predict(*EDIT, "日本的首都是哪里？", "zh", api_name="/ask")
    assert tuple(said["edit"].values()) == EDIT
    assert said["language"] == "zh"
    for pane in ("base", "edited"):
        assert set(said[pane]) == PANE
        assert said[pane]["tokens"] > 0
    assert said["base"]["model"] == "atlas-base"


def test_ask_all_asks_in_each_language_s_own_words(client: Client) -> None:
    said = client.predict(*EDIT, EDIT[0], api_name="/ask_all")
    assert [row["language"] for row in said["answers"]] == list(ATLAS_LANGUAGES)
    queries = {row["language"]: row["query"] for row in said["answers"]}
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
    said = client.predict("<b>q</b>", "<i>", "en", "<script>", "en", api_name="/ask")
    assert said["query"] == "<script>"


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


def test_sixty_at_once_are_answered_or_told_how_long_to_wait(served: Served) -> None:
    found = asyncio.run(serving.crowd(served.url, 60, 1))
    assert found.failed == []
    assert len(found.answered) + len(found.asked_to_wait) == 60
    assert len(found.answered) >= 30
    assert found.searches  # the visitor who does not ask was answered meanwhile


def test_a_refusal_comes_in_the_visitor_s_language(served: Served) -> None:
    async def asked_badly() -> str:
        async with serving.client_of(served.url, 1) as client:
            client.headers["Accept-Language"] = "zh-CN"
            with pytest.raises(RuntimeError) as raised:
                ask = (await serving.endpoints(client))["ask"]
                await serving.call(client, ask, [*EDIT, "x", "klingon", ""])
        return str(raised.value)

    assert "请使用" in asyncio.run(asked_badly())


def test_a_case_is_evaluated(client: Client) -> None:
    said = client.predict(1, "en", "zh", api_name="/evaluate_case")
    asked = {row["probe"] for row in said["probes"]}  # two hops do not always exist
    assert set(PROBES) - {"portability"} <= asked <= set(PROBES)
    assert said["protocol"] == "generated"
    for row in said["probes"]:
        assert set(row["base"]) == {"answer", "exact", "f1"}
    with pytest.raises(AppError, match="Choose one of them"):
        client.predict(10**6, "en", "zh", api_name="/evaluate_case")


def test_pairs_are_found(client: Client) -> None:
    said = client.predict("", "en-zh", 3, api_name="/search_pairs")
    assert len(said["pairs"]) == 3 <= said["found"]
    assert {pair["direction"] for pair in said["pairs"]} == {"en→zh"}
    with pytest.raises(AppError, match="No pair is in the direction"):
        client.predict("", "en-xx", 3, api_name="/search_pairs")


def posted(served: Served, path: str, data: Any, **headers: str) -> int:
    body = json.dumps(data).encode()
    headers = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(served.url + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


def test_the_page_s_own_handlers_answer_the_page_alone(served: Served) -> None:
    config = json.loads(fetched(served, "config")[1])
    functions = config["dependencies"]
    private = [each for each in functions if each["api_visibility"] == "private"]
    assert len(private) > 50
    named = next(each["api_name"] for each in private if each["api_name"])
    for way in ("call", "run", "api", "call/v2"):
        assert posted(served, f"gradio_api/{way}/{named}", {"data": []}) == 403
    link = next(each for each in private if each["api_name"] == "render_link")
    asked = {"fn_index": link["id"], "data": [], "session_hash": "x"}
    for path in ("gradio_api/queue/join", "gradio_api/run/predict"):
        assert posted(served, path, asked) == 403
        assert posted(served, path, asked, Origin="https://elsewhere.example") == 403
    assert posted(served, "gradio_api/queue/join", asked, Origin=served.url) == 200
    for number in (str(link["id"]), f" {link['id']}", f"{link['id']}.0"):
        for path in ("gradio_api/queue/join", "gradio_api/run/predict"):
            assert posted(served, path, {**asked, "fn_index": number}) == 403


def test_a_public_name_opens_no_private_number(served: Served) -> None:
    functions = json.loads(fetched(served, "config")[1])["dependencies"]
    link = next(each for each in functions if each["api_name"] == "render_link")
    asked = {"fn_index": link["id"], "data": [], "session_hash": "x"}
    for path in ("run/ask", "api/ask", "run/ask/"):
        assert posted(served, "gradio_api/" + path, asked) == 403
    assert posted(served, "gradio_api/run/ask", {"data": []}) != 403


def test_health_and_headers(served: Served) -> None:
    status, said = fetched(served, "health")
    assert status == 200
    assert json.loads(said)["models"].keys() == {"atlas-base", "atlas-xe-it"}
    with urllib.request.urlopen(served.url, timeout=20) as answer:
        policy = answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self' https://huggingface.co" in policy
    assert "object-src 'none'" in policy
    assert fetched(served, "gradio_api/dev/reload")[0] == 404


def test_everybody_s_page_names_the_address_that_it_is_asked_by(served: Served) -> None:
    def root(**headers: str) -> str:
        request = urllib.request.Request(served.url + "config", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert "object-src 'none'" in answer.headers["content-security-policy"]
            return str(json.load(answer)["root"])

    for _ in range(2):
        assert root() == served.url.rstrip("/")
        proxy = {"X-Forwarded-Host": "x.example", "X-Forwarded-Proto": "https"}
        assert root(**proxy) == "https://x.example"


def test_sigterm_answers_who_is_asking_and_ends(
    atlas_folder: Path, tmp_path: Path
) -> None:
    with running(two_models(atlas_folder, tmp_path)) as own:
        asyncio.run(serving.call_often(own.url, 4))
        os.kill(own.process, signal.SIGTERM)
        give_up = time.monotonic() + 20
        while psutil.pid_exists(own.process) and time.monotonic() < give_up:
            if psutil.Process(own.process).status() == psutil.STATUS_ZOMBIE:
                break
            time.sleep(0.1)
        assert time.monotonic() < give_up


def test_nothing_is_published_that_should_not_be(served: Served) -> None:
    assert fetched(served, "monitoring/summary")[0] != 200
    assert fetched(served, "gradio_api/file=app.py")[0] in (403, 404)
    status, page = fetched(served, "")
    assert status == 200
    assert page.count("<head><script>") == 1
    assert "X-KDE" in page
    for outside in ("fonts.googleapis", "cdn.", "huggingface.co/"):
        assert outside not in page.split("window.gradio_config")[0]
