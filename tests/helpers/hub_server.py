"""A small Hub on 127.0.0.1: answers as the real one does, with a fault on demand.

Serves one repository from memory: the model API, ``resolve`` with HEAD, GET, Range and
the headers that the client reads, large files by a redirect to another host name, as
the Hub does. Knows nothing of X-KDE; ``Hub.fault`` is the switch.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REPOSITORY = "someone/tiny"
COMMIT = "c" * 40
LFS_FROM = 10_000  # bytes; larger files are LFS here


@dataclass
class Hub:
    """The served repository, the switched fault and what was asked."""

    files: dict[str, bytes]
    fault: str = ""
    cut_at: int = 0  # absolute position at which a transfer of weights breaks off
    headers: dict[str, str] = field(default_factory=dict)  # sent with a refusal
    gated: str | bool = False
    token: str = "accepted"  # the one that may read a gated repository
    endpoint: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    authorised: list[bool] = field(default_factory=list)  # by the storage's requests
    release: threading.Event = field(default_factory=threading.Event)
    # What was sent: new repositories, commits by file name, large files by their hash
    created: list[dict[str, Any]] = field(default_factory=list)
    commits: list[dict[str, bytes]] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)

    def ranges(self, name: str) -> list[str]:
        """Return the Range header of each transfer of a file, "" for none."""
        return [
            asked
            for method, path, asked in self.requests
            if method == "GET" and path.startswith("/storage/") and path.endswith(name)
        ]


def is_large(body: bytes) -> bool:
    """Whether a file is LFS here."""
    return len(body) >= LFS_FROM


def git_hash(body: bytes) -> str:
    """Return git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def model_info(hub: Hub, with_files: bool) -> dict[str, Any]:
    """Return what the model API answers; sizes and hashes only if asked for."""
    siblings = []
    for name, body in hub.files.items():
        entry: dict[str, Any] = {"rfilename": name}
        if with_files:
            entry |= {"size": len(body), "blobId": git_hash(body)}
        if with_files and is_large(body):
            sha256 = hashlib.sha256(body).hexdigest()
            entry["lfs"] = {"size": len(body), "sha256": sha256, "pointerSize": 134}
        siblings.append(entry)
    return {
        "_id": "0",
        "id": REPOSITORY,
        "sha": COMMIT,
        "private": False,
        "gated": hub.gated,
        "tags": [],
        "downloads": 0,
        "cardData": {"license": "apache-2.0"},
        "siblings": siblings,
    }


def _upload_mode(file: dict[str, Any]) -> dict[str, Any]:
    mode = "lfs" if file["size"] >= LFS_FROM else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}


def _committed(body: bytes) -> dict[str, bytes]:
    """Return a commit's files by name; of a large one, its hash."""
    files: dict[str, bytes] = {}
    for line in body.splitlines():
        entry = json.loads(line)
        value = entry["value"]
        if entry["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif entry["key"] == "lfsFile":
            files[value["path"]] = value["oid"].encode()
    return files


class Handler(BaseHTTPRequestHandler):
    """One request; ``self.server.hub`` is the state."""

    protocol_version = "HTTP/1.1"
    server: "HubServer"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        """Take a large file."""
        name = self.path.removeprefix("/storage/")
        self.server.hub.stored[name] = self.read_body()
        self.send_body(200, b"", "text/plain")

    def do_POST(self) -> None:
        """Take what an upload to a Space asks: new, checked, listed, stored, done."""
        hub, body = self.server.hub, self.read_body()
        hub.requests.append(("POST", self.path, ""))
        if self.refused(self.path):
            return
        answer: dict[str, Any] = {}
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            hub.created.append({key: asked[key] for key in ("name", "type", "sdk")})
            answer = {"url": f"{hub.endpoint}/spaces/someone/{asked['name']}"}
        elif "/preupload/" in self.path:
            answer = {
                "files": [_upload_mode(file) for file in json.loads(body)["files"]]
            }
        elif self.path.endswith("/objects/batch"):
            answer = {
                "objects": [self.upload_of(o) for o in json.loads(body)["objects"]]
            }
        elif "/commit/" in self.path:
            hub.commits.append(_committed(body))
            url = f"{hub.endpoint}/spaces/someone/x-kde/commit/{COMMIT}"
            answer = {"commitUrl": url, "commitOid": COMMIT}
        self.send_body(200, json.dumps(answer).encode(), "application/json")

    def upload_of(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return where a large file is to be put."""
        href = f"{self.server.hub.endpoint}/storage/{wanted['oid']}"
        return {**wanted, "actions": {"upload": {"href": href, "header": {}}}}

    def read_body(self) -> bytes:
        """Return what was sent."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def answer(self) -> None:
        hub = self.server.hub
        url = urlsplit(self.path)
        path = unquote(url.path)
        asked_range = self.headers.get("Range", "")
        hub.requests.append((self.command, path, asked_range))
        if self.refused(path):
            return
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self.answer_api(parts[2:], "blobs" in parse_qs(url.query))
        elif "/resolve/" in path:
            self.answer_resolve(path)
        else:
            hub.authorised.append("Authorization" in self.headers)
            name = path.removeprefix("/storage/")
            self.send_file(hub.files[name], name, asked_range)

    def refused(self, path: str) -> bool:
        hub = self.server.hub
        statuses = {"429": 429, "503": 503, "401": 401}
        kind, _, where = hub.fault.partition(" ")  # "503", "503 api", "429 storage"
        if kind not in statuses or (where and not path.startswith(f"/{where}")):
            return False
        self.send_error_json(statuses[kind], "", "", hub.headers)
        return True

    def answer_api(self, parts: list[str], with_files: bool) -> None:
        if "/".join(parts[:2]) != REPOSITORY:
            self.send_error_json(404, "RepoNotFound", "Repository not found")
        elif parts[2:3] == ["revision"] and parts[3] not in ("main", COMMIT):
            self.send_error_json(404, "RevisionNotFound", "Invalid rev id")
        elif self.server.hub.fault == "portal":
            self.send_body(200, b"<html>Please log in</html>", "text/html")
        else:
            body = json.dumps(model_info(self.server.hub, with_files)).encode()
            self.send_body(200, body, "application/json")

    def answer_resolve(self, path: str) -> None:
        hub = self.server.hub
        name = path.partition("/resolve/")[2].partition("/")[2]  # after the revision
        if hub.gated and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self.send_error_json(
                401, "GatedRepo", "Access to this model is restricted."
            )
            return
        body = hub.files[name]
        extra = {"X-Repo-Commit": COMMIT, "ETag": f'"{git_hash(body)}"'}
        if not is_large(body):
            self.send_file(body, name, self.headers.get("Range", ""), extra)
            return
        extra |= {
            "X-Linked-Size": str(len(body)),
            "X-Linked-ETag": f'"{hashlib.sha256(body).hexdigest()}"',
            # Another host name, as the Hub's storage is.
            "Location": f"http://localhost:{self.server.server_port}/storage/{name}",
        }
        self.send_body(302, b"", "text/plain", extra)

    def send_file(
        self, body: bytes, name: str, asked: str, extra: dict[str, str] | None = None
    ) -> None:
        hub = self.server.hub
        weights = name.endswith(".safetensors")
        if weights and hub.fault == "altered":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if weights and hub.fault == "short":
            body = body[: len(body) // 2]
        if weights and hub.fault == "long":
            body = body + b"more"
        start = 0
        if asked and hub.fault != "no ranges":
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(body):
            self.send_body(416, b"", "text/plain", {"Content-Range": f"*/{len(body)}"})
            return
        headers = dict(extra or {})
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self.start(206 if start else 200, len(body) - start, headers)
        if self.command == "HEAD":
            return
        if weights and hub.fault in ("cut", "cut once", "silence"):
            self.break_off(body[start : max(hub.cut_at, start)])
            return
        self.wfile.write(body[start:])

    def break_off(self, beginning: bytes) -> None:
        """Send the beginning of what was announced, then close or fall silent."""
        hub = self.server.hub
        self.wfile.write(beginning)
        self.wfile.flush()
        if hub.fault == "silence":
            hub.release.wait(10)
        if hub.fault == "cut once":
            hub.fault = ""
        self.close_connection = True

    def send_error_json(
        self, status: int, code: str, text: str, extra: dict[str, str] | None = None
    ) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": text}
        headers = {key: value for key, value in headers.items() if value}
        body = json.dumps({"error": text}).encode()
        self.send_body(status, body, "application/json", headers | (extra or {}))

    def send_body(
        self, status: int, body: bytes, kind: str, extra: dict[str, str] | None = None
    ) -> None:
        self.start(status, len(body), {"Content-Type": kind} | (extra or {}))
        if self.command != "HEAD":
            self.wfile.write(body)

    def start(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()


class HubServer(ThreadingHTTPServer):
    """The server; each connection has a thread of its own."""

    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Hub]:
    """Serve ``files`` as the one repository until the block ends."""
    hub = Hub(files)
    server = HubServer(hub)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
