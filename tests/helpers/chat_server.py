"""A small server on loopback that chats as the OpenAI protocol asks, or fails to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str], str | int]  # a prompt's reply, or the status of an error


class ChatProtocol(BaseHTTPRequestHandler):
    """Replies what the server's ``answer`` makes of a prompt."""

    server: Any

    def do_GET(self) -> None:
        models = [{"id": "oracle", "object": "model", "created": 0, "owned_by": "us"}]
        self._send(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        reply = self.server.answer(asked["messages"][0]["content"])
        if isinstance(reply, int):
            self._send(reply, {"error": {"message": "not today"}})
            return
        message = {"role": "assistant", "content": reply}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        self._send(200, {"id": "1", "object": "chat.completion", "created": 0,
                         "model": asked["model"], "choices": [choice]})  # fmt: skip

    def _send(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After-Ms", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no log."""


@contextmanager
def chatting(answer: Answer) -> Iterator[Any]:
    """Run the server; ``asked`` are its requests, ``address`` its own."""
    served: Any = ThreadingHTTPServer(("127.0.0.1", 0), ChatProtocol)
    served.asked, served.answer = [], answer
    served.address = f"http://127.0.0.1:{served.server_port}/v1"
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.shutdown()
        served.server_close()
        thread.join()
