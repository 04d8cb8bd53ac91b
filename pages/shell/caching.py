"""What is the same for every visitor, made once: the page, components' configurations.

Gradio builds its page anew whenever somebody opens it, and asks every component for its
configuration whenever a session begins: together a tenth of a second of Python for each
visitor, in which nobody is answered. Neither changes once the app has been built: what
a visitor changes, Gradio keeps in that visitor's session.
"""

import asyncio
import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qs

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PLACES = ("/", "/config")
CHOOSING = {"page", "deep_link"}  # what of a query Gradio makes another page for
# Gradio writes the app's own address into the page; it reads it from these.
NAMING = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")
MOST = 16  # addresses, of which one is usual; anybody can make some up
Key = tuple[object, ...]


def keep_configurations(demo: gr.Blocks) -> None:
    """Compute the configuration of every component of a finished app, and keep it.

    Each call returns a copy: a session writes a component's value into its own.
    """
    for block in demo.blocks.values():
        _keep(block, "get_config", block.get_config)
        if isinstance(block, Component) and not block.skip_api:
            _keep(block, "api_info", block.api_info)


def _keep(block: Block, name: str, method: Callable[[], Mapping[str, object]]) -> None:
    setattr(block, name, partial(dict, method()))


@dataclass(frozen=True)
class _Page:
    """What everybody gets, plain and compressed."""

    start: Message
    plain: bytes
    compressed: bytes

    async def send(self, is_compressed: bool, send: Send) -> None:
        body = self.compressed if is_compressed else self.plain
        start: Message = {**self.start, "headers": list(self.start["headers"])}
        headers = MutableHeaders(raw=start["headers"])
        headers["content-length"] = str(len(body))
        headers.add_vary_header("accept-encoding")
        if is_compressed:
            headers["content-encoding"] = "gzip"
        await send(start)
        await send({"type": "http.response.body", "body": body})


class PageCache:
    """Middleware that keeps the page and the configuration, for each own address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._pages: dict[Key, _Page] = {}
        self._making = asyncio.Lock()  # what a whole crowd waits for is made once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a page that is kept, or pass the request on."""
        if not _is_for_everybody(scope):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        named = [tuple(headers.getlist(name)) for name in NAMING]
        place = ("path", "root_path", "scheme", "server")
        key = (*(scope.get(each) for each in place), *named)
        async with self._making:
            page = self._pages.pop(key, None) or await self._made(scope, receive)
            if page.start["status"] == 200:
                self._pages[key] = page  # last, as asked for last
            while len(self._pages) > MOST:
                del self._pages[next(iter(self._pages))]
        await page.send("gzip" in headers.get("accept-encoding", ""), send)

    async def _made(self, scope: Scope, receive: Receive) -> _Page:
        start: Message = {}
        body = bytearray()

        async def take(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self.app(scope, receive, take)
        return _Page(start, bytes(body), await asyncio.to_thread(gzip.compress, body))


def _is_for_everybody(scope: Scope) -> bool:
    """Tell whether a request is for what does not depend on who makes it."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    if scope["path"] not in PLACES or scope["app"].auth or scope["app"].auth_dependency:
        return False
    return not CHOOSING & parse_qs(scope["query_string"].decode("latin-1")).keys()
