"""What surrounds every request: security headers, the page's own handlers, health.

The content policy allows what the page itself loads and nothing from elsewhere; Gradio
writes scripts and styles into the page, hence “unsafe-inline”, and makes functions of a
component's script, hence “unsafe-eval”. Only Hugging Face may frame the page.

Gradio's “private” keeps a handler out of the list of endpoints and runs it all the
same. Here such a handler answers the page alone: a request that does not come from the
page's own origin is refused. That is not a login: handlers that do more than show
something check for themselves who asks.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from urllib.parse import urlsplit

from gradio.block_function import BlockFunction
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.shell.pool import BASE, EDITED, POOL, SCHEDULER, choose_threads
from xkde import __version__

HEALTH = "/health"
POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self' https://huggingface.co https://*.hf.space",
}
HEADERS = {
    "content-security-policy": "; ".join(f"{k} {v}" for k, v in POLICY.items()),
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
}
PREFIX = "/gradio_api/"
NEVER_ENDS = PREFIX + "dev/reload"  # Gradio's, for developers of an app
BY_NUMBER = (PREFIX + "queue/join", PREFIX + "run/predict", PREFIX + "api/predict")
BY_NAME = tuple(PREFIX + way for way in ("call/v2/", "call/", "run/", "api/"))


class Guard:
    """Middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse or pass on a request; add the headers to every answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        own = _own_answer(scope)
        if own is None and scope["method"] == "POST" and _may_have_number(scope):
            body = await _body(receive)
            if _is_private_number(scope, body) and not _is_same_origin(scope):
                own = _refusal()
            receive = _again(body, receive)
        await (own or self.app)(scope, receive, with_headers)


def health() -> tuple[int, dict[str, object]]:
    """Return the status code and what is known: models, threads, asks, version."""
    closing = SCHEDULER.is_closing
    models = {name: POOL.status(name).phase for name in (BASE, EDITED)}
    status = "closing" if closing else "ok"
    if "failed" in models.values():
        status = "no model"
    found: dict[str, object] = {
        "status": status,
        "version": __version__,
        "models": models,
    }
    if choose_threads.cache_info().currsize:  # since the first model was loaded
        found["threads"] = asdict(choose_threads())
    return 200 if status == "ok" else 503, {**found, **SCHEDULER.load}


def _own_answer(scope: Scope) -> Response | None:
    path = scope["path"]
    if path == HEALTH:
        code, found = health()
        return JSONResponse(found, code)
    if path == NEVER_ENDS:
        return JSONResponse({"error": "There is nothing here."}, 404)
    if path in BY_NUMBER or scope["method"] != "POST":
        return None
    way = next((each for each in BY_NAME if path.startswith(each)), None)
    if way and path.removeprefix(way).strip("/") not in _public_names(scope):
        return _refusal()
    return None


def _refusal() -> Response:
    words = "This handler is the page's own. The endpoints for programs are listed at "
    return JSONResponse({"error": words + PREFIX + "info"}, 403)


def _functions(scope: Scope) -> Mapping[int, BlockFunction]:
    found: Mapping[int, BlockFunction] = scope["app"].get_blocks().fns
    return found


def _public_names(scope: Scope) -> set[str]:
    return {
        str(each.api_name)
        for each in _functions(scope).values()
        if each.api_visibility == "public"
    }


def _may_have_number(scope: Scope) -> bool:
    """Tell whether Gradio reads a handler's number; it counts more than a name."""
    return scope["path"] in BY_NUMBER or scope["path"].startswith(BY_NAME)


def _is_private_number(scope: Scope, body: bytes) -> bool:
    try:
        number = json.loads(body)["fn_index"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False  # Gradio says what is wrong with it
    if number is None:
        return False
    if not isinstance(number, int):  # Gradio makes a number of “3” and 3.0
        return True
    function = _functions(scope).get(number)
    return function is not None and function.api_visibility != "public"


def _is_same_origin(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    origin = urlsplit(headers.get("origin", "")).netloc
    places = (headers.get("host"), headers.get("x-forwarded-host"))
    return bool(origin) and origin in (*places, os.environ.get("SPACE_HOST"))


async def _body(receive: Receive) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body once more, then what comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body}]

    async def give() -> Message:
        return left.pop() if left else await receive()

    return give
