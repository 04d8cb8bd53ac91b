"""What is kept is what Gradio would make anew, and is kept for the right requests."""

import asyncio
import gzip
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import Block
from starlette.types import Message, Receive, Scope, Send

import app
from pages.shell.caching import MOST, PageCache, keep_configurations

PLAIN = b"<html>" * 50


def some_blocks() -> gr.Blocks:
    with gr.Blocks() as demo:
        question = gr.Textbox("What?", label="Question")
        gr.UploadButton("Open")
        button = gr.Button("Ask")
        button.click(lambda text: text, question, question)
    return demo


def own_configuration(block: Block) -> dict[str, Any]:
    return type(block).get_config(block)


@pytest.mark.parametrize(
    "build", [some_blocks, pytest.param(app.build, marks=pytest.mark.slow)]
)
def test_a_kept_configuration_is_what_the_component_says(build: Any) -> None:
    demo = build()
    keep_configurations(demo)
    for block in demo.blocks.values():
        assert block.get_config() == own_configuration(block)
        if not block.skip_api:
            assert block.api_info() == type(block).api_info(block)


def test_the_app_s_configuration_is_the_same_with_and_without() -> None:
    demo = some_blocks()
    before = demo.get_config_file()
    keep_configurations(demo)
    assert demo.get_config_file() == before


def test_one_session_s_value_is_not_another_s() -> None:
    demo = some_blocks()
    keep_configurations(demo)
    text = next(each for each in demo.blocks.values() if isinstance(each, gr.Textbox))
    one = text.get_config()
    one["value"] = "mine"
    assert text.get_config()["value"] == "What?"


class Site:
    """An app whose page names the host that it was asked by."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.made = status, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.made += 1
        await asyncio.sleep(0)
        host = dict(scope["headers"]).get(b"host", b"")
        headers = [(b"content-type", b"text/html"), (b"content-length", b"0")]
        await send(
            {"type": "http.response.start", "status": self.status, "headers": headers}
        )
        await send({"type": "http.response.body", "body": PLAIN, "more_body": True})
        await send({"type": "http.response.body", "body": host})


async def fetched(
    cache: PageCache, path: str = "/", *, method: str = "GET", auth: Any = None,
    query: str = "", **headers: str,
) -> tuple[dict[bytes, bytes], bytes]:  # fmt: skip
    """Return headers and body."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in headers.items()
        ],
        "app": SimpleNamespace(auth=auth, auth_dependency=None),
    }
    await cache(scope, receive, send)
    body = b"".join(each.get("body", b"") for each in sent[1:])
    return dict(sent[0]["headers"]), body


def test_a_page_is_made_once_for_each_address_of_the_app() -> None:
    site = Site()
    cache = PageCache(site)

    async def visits() -> None:
        crowd = [fetched(cache, host="one", query="?lang=en") for _ in range(20)]
        assert {body for _, body in await asyncio.gather(*crowd)} == {PLAIN + b"one"}
        assert site.made == 1
        assert (await fetched(cache, host="two"))[1] == PLAIN + b"two"
        await fetched(cache, host="one", x_forwarded_proto="https")
        await fetched(cache, "/config", host="one")
        assert site.made == 4

    asyncio.run(visits())


def test_a_browser_gets_it_compressed() -> None:
    async def visits() -> None:
        cache = PageCache(Site())
        for _ in range(2):
            headers, body = await fetched(cache, host="one", accept_encoding="gzip, br")
            assert headers[b"content-encoding"] == b"gzip"
            assert headers[b"content-length"] == str(len(body)).encode()
            assert gzip.decompress(body) == PLAIN + b"one"
        headers, body = await fetched(cache, host="one")
        assert headers[b"content-length"] == str(len(PLAIN + b"one")).encode()
        assert headers[b"vary"].lower() == b"accept-encoding"
        assert b"content-encoding" not in headers

    asyncio.run(visits())


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/theme.css"},
        {"method": "HEAD"},
        {"query": "page=other"},
        {"query": "lang=en&deep_link=abc"},
        {"auth": {"user": "word"}},
    ],
)
def test_what_is_not_for_everybody_is_passed_on(other: dict[str, Any]) -> None:
    async def visits() -> None:
        site = Site()
        cache = PageCache(site)
        for _ in range(2):
            headers, _ = await fetched(cache, **other)
            assert b"vary" not in headers
        assert site.made == 2

    asyncio.run(visits())


def test_what_failed_is_not_kept_nor_more_than_so_many() -> None:
    async def visits() -> None:
        failing, site = Site(503), Site()
        broken, cache = PageCache(failing), PageCache(site)
        for _ in range(2):
            await fetched(broken)
        assert failing.made == 2
        for number in range(MOST):
            await fetched(cache, host=f"host{number}")
        await fetched(cache, host="host0")  # asked for last: it stays
        await fetched(cache, host="another")  # host1 goes
        assert site.made == MOST + 1
        await fetched(cache, host="host0")
        assert site.made == MOST + 1
        await fetched(cache, host="host1")
        assert site.made == MOST + 2

    asyncio.run(visits())
