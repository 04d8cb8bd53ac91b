"""The transfer: files are fetched aside, verified, and renamed together.

``downloads/owner--name/<commit>`` exists only once every file is complete and its
checksum correct. Until then all files lie in ``.<commit>.partial`` beside it, where the
next attempt resumes, even after a restart.

Session, token and errors are huggingface_hub's own. The loop is ours: hf_hub_download
removes a partial file when it fails, reports in steps of 10 MB, and waits for a
Retry-After that nothing can interrupt. Files come over HTTPS, without xet.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx2
from filelock import FileLock, Timeout
from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from xkde.checkpoints.catalogue import repository_folder
from xkde.errors import DownloadError, XkdeError
from xkde.hub import planning
from xkde.hub.messages import explained, gated, refusal, size_text, unreachable
from xkde.hub.planning import PARTIAL, DownloadPlan, RemoteFile

Progress = Callable[[int, int], None]

SILENCE = 15.0  # seconds without a byte after which a connection counts as cut
PAUSES = (0.5, 1.0, 2.0)  # seconds before each new attempt while none brings anything
INTERVAL = 0.1  # seconds between two reports
CHUNK = 1 << 20  # bytes read at once for a checksum


@dataclass(frozen=True)
class Transfer:
    """What every step of one download needs."""

    plan: DownloadPlan
    aside: Path
    report: Callable[[int], None]  # takes the bytes of the plan that are here
    cancelled: threading.Event

    def stop_if_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise DownloadError(
                f"The download of {self.plan.repository} was cancelled. What has "
                "arrived is kept: start it again and it goes on from there."
            )


def download(
    plan: DownloadPlan,
    target: Path | None = None,
    on_progress: Progress = lambda done, total: None,
    cancelled: threading.Event | None = None,
) -> Path:
    """Fetch what ``plan`` lists and return the finished folder.

    ``on_progress(done, total)`` counts bytes and is called at most ten times a second.
    Raises DownloadError, after which the same call goes on where this one ended.
    """
    parent = repository_folder(plan.repository, target)
    final, aside = parent / plan.commit, parent / f".{plan.commit}.partial"
    if final.is_dir():
        return final
    if not plan.allowed:
        raise gated(plan.request)
    report = _reporter(on_progress, plan.bytes)
    transfer = Transfer(plan, aside, report, cancelled or threading.Event())
    with explained(plan.request):
        parent.mkdir(parents=True, exist_ok=True)
        try:
            held = FileLock(parent / f".{plan.commit}.lock").acquire(timeout=0)
        except Timeout as error:
            raise DownloadError(
                f"{plan.repository} is being downloaded already. Wait for that to end."
            ) from error
        with held:
            if final.is_dir():
                return final
            aside.mkdir(exist_ok=True)
            _check_space(plan, aside)
            done = 0
            for file in plan.files:
                _fetch(transfer, file, done)
                done += file.bytes
            os.replace(aside, final)
    on_progress(plan.bytes, plan.bytes)
    return final


def _reporter(on_progress: Progress, total: int) -> Callable[[int], None]:
    last = float("-inf")

    def report(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= INTERVAL:
            last = now
            on_progress(done, total)

    return report


def _check_space(plan: DownloadPlan, aside: Path) -> None:
    here = sum(
        planning.bytes_here_of(aside.parent, plan.commit, file) for file in plan.files
    )
    missing = plan.bytes - here + planning.RESERVE
    free = planning.free_bytes_at(aside)
    if missing > free:
        raise DownloadError(
            f"The download needs {size_text(missing)} and the disk has "
            f"{size_text(free)} free. Free some space, or set XKDE_HOME to a folder on "
            "a larger disk."
        )


def _fetch(transfer: Transfer, file: RemoteFile, done: int) -> None:
    """Bring one file into the folder aside; ``done`` bytes of the plan precede it."""
    complete = transfer.aside / file.name
    partial = transfer.aside / f"{file.name}{PARTIAL}"
    if complete.is_file() and complete.stat().st_size == file.bytes:
        return
    pauses = iter(PAUSES)
    partial.parent.mkdir(exist_ok=True)  # an encoder's parts have their own
    partial.touch()
    while True:
        before = partial.stat().st_size
        if before >= file.bytes:
            break
        failure = _attempt(transfer, file, partial, done)
        if partial.stat().st_size > before:
            pauses = iter(PAUSES)
        elif (pause := next(pauses, None)) is None:
            raise failure
        else:
            transfer.cancelled.wait(pause)
    _verify(transfer, file, partial)
    os.replace(partial, complete)


def _attempt(
    transfer: Transfer, file: RemoteFile, partial: Path, done: int
) -> XkdeError:
    """Stream as much as comes; return the error to raise if that was nothing.

    Raises at once what a new attempt would not mend.
    """
    request = transfer.plan.request
    try:
        _stream(transfer, file, partial, done)
    except (httpx2.ConnectError, httpx2.ConnectTimeout):
        return unreachable(request)
    except HfHubHTTPError as error:
        if error.response.status_code < 500:
            raise
        return refusal(error, request)
    except httpx2.TransportError:
        pass
    here, whole = size_text(partial.stat().st_size), size_text(file.bytes)
    return DownloadError(
        f"The connection was cut after {here} of {whole} of {file.name}. What has "
        "arrived is kept: start the download again and it goes on from there."
    )


def _stream(transfer: Transfer, file: RemoteFile, partial: Path, done: int) -> None:
    here = partial.stat().st_size
    transfer.stop_if_cancelled()
    plan = transfer.plan
    url = hf_hub_url(
        plan.repository, file.name, revision=plan.commit, endpoint=plan.endpoint
    )
    # Identity: a compressed body could be neither counted nor resumed.
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if here:
        headers["Range"] = f"bytes={here}-"
    with get_session().stream("GET", url, headers=headers, timeout=SILENCE) as response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink()
            raise _altered(transfer, file, "is shorter than the Hub's list says")
        hf_raise_for_status(response)
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            here = 0  # the server sends the file from its beginning
        with partial.open("ab" if here else "wb") as stream:
            for chunk in response.iter_bytes():
                transfer.stop_if_cancelled()
                stream.write(chunk)
                here += len(chunk)
                if here > file.bytes:
                    break
                transfer.report(done + here)
    if here > file.bytes:
        partial.unlink()
        raise _altered(transfer, file, "is longer than the Hub's list says")


def _verify(transfer: Transfer, file: RemoteFile, partial: Path) -> None:
    """Compare the checksum; a file that fails is thrown away."""
    if file.sha256:
        digest, expected = hashlib.sha256(), file.sha256
    else:
        # How git names a blob; not a matter of security, the commit is pinned.
        digest = hashlib.sha1(b"blob %d\0" % file.bytes, usedforsecurity=False)
        expected = file.git_hash or ""
    with partial.open("rb+") as stream:
        while chunk := stream.read(CHUNK):
            transfer.stop_if_cancelled()
            digest.update(chunk)
        os.fsync(stream.fileno())
    if digest.hexdigest() != expected:
        partial.unlink()
        raise _altered(transfer, file, "does not match its checksum")


def _altered(transfer: Transfer, file: RemoteFile, finding: str) -> DownloadError:
    return DownloadError(
        f"{file.name} as it arrived {finding}, so it was thrown away. Try again; if it "
        f"happens twice, something between here and {transfer.plan.endpoint} alters "
        "files: check the proxy and HF_ENDPOINT."
    )
