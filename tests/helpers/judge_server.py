"""A small server on loopback that judges as the OpenAI protocol asks, or fails to."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ASKED = re.compile(r"Reference answer: (.*)\nAnswer: (.*)\n")


class Protocol(BaseHTTPRequestHandler):
    """Compares letters; says what its server's ``says`` has for an answer instead."""

    server: Any

    def do_GET(self) -> None:
        models = [{"id": "solomon", "object": "model", "created": 0, "owned_by": "us"}]
        self._send(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        found = ASKED.search(asked["messages"][0]["content"])
        assert found is not None
        right = found[1].casefold() == found[2].casefold()
        said = self.server.says.get(found[2], "CORRECT." if right else "Incorrect")
        if isinstance(said, int):
            self._send(said, {"error": {"message": "not today"}})
            return
        choice = {"index": 0, "finish_reason": "stop"}
        message = {"role": "assistant", "content": said}
        self._send(200, {"id": "1", "object": "chat.completion", "created": 0,
                         "model": asked["model"],
                         "choices": [choice | {"message": message}]})  # fmt: skip

    def _send(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After-Ms", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def judging() -> Iterator[Any]:
    """Run the server; ``asked`` are its requests, ``says`` its odd replies."""
    served: Any = ThreadingHTTPServer(("127.0.0.1", 0), Protocol)
    served.asked, served.says = [], {}
    served.address = f"http://127.0.0.1:{served.server_port}/v1"
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.shutdown()
        served.server_close()
        thread.join()
