"""Messages: every refusal of the Hub, the network or the disk, with what to do.

Translates the exceptions of huggingface_hub (over httpx2) and of the operating system.
"""

import errno
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx2
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    parse_ratelimit_headers,
)

from xkde.errors import CheckpointError, DownloadError, XkdeError

# EFBIG: a quota on single files, as containers and batch systems set it.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class HubRequest:
    """The repository that was requested, as messages name it."""

    endpoint: str
    repository: str
    revision: str | None

    @property
    def page(self) -> str:
        """Where a person reads about the model and accepts its licence."""
        return f"{self.endpoint}/{self.repository}"


@contextmanager
def explained(request: HubRequest) -> Iterator[None]:
    """Turn what the client raises inside into an XkdeError with a way out."""
    try:
        yield
    except HFValidationError as error:
        raise CheckpointError(
            f"“{request.repository}” cannot be a Hub id. Write it as owner/name."
        ) from error
    except HfHubHTTPError as error:
        raise refusal(error, request) from error
    except OfflineModeIsEnabled as error:
        raise DownloadError(
            "Downloads are switched off by HF_HUB_OFFLINE. Unset it and restart, or "
            "choose a checkpoint that is already here."
        ) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise unreachable(request) from error
    except OSError as error:
        raise disk_failure(error) from error


def unreachable(request: HubRequest) -> DownloadError:
    """Return the error for a Hub that does not answer at all."""
    return DownloadError(
        f"There is no connection to {request.endpoint}. Check the network, the proxy "
        "and HF_ENDPOINT and try again; embedded checkpoints work without."
    )


def gated(request: HubRequest) -> DownloadError:
    """Return the error for a model whose licence has to be accepted first."""
    return DownloadError(
        f"{request.repository} is gated. Accept its licence on {request.page}, then "
        "log in with “hf auth login” (or set HF_TOKEN) and try again."
    )


def refusal(error: HfHubHTTPError, request: HubRequest) -> XkdeError:
    """Return the error for an HTTP status with which the Hub refuses."""
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return gated(request)
    if isinstance(error, RevisionNotFoundError):
        return CheckpointError(
            f"{request.repository} has no revision “{request.revision or 'main'}”. Use "
            f"a branch, a tag or a full commit from {request.page}, or leave it out."
        )
    if status == 401 and "Invalid credentials" in (error.server_message or ""):
        return DownloadError(
            "The Hub does not accept the access token that is set here. Log in again "
            "with “hf auth login”, or renew or unset HF_TOKEN."
        )
    if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
        return CheckpointError(
            f"The Hub has no model {request.repository}, or it is private. Check the "
            "spelling; for a private model log in with “hf auth login” or set HF_TOKEN."
        )
    if status == 429:
        return DownloadError(
            "The Hub has had too many requests from here. Try again "
            f"{waiting_time(error.response.headers)}; what has arrived is kept."
        )
    if status >= 500:
        return DownloadError(
            f"The Hub has a fault of its own at the moment ({status}). Try again in a "
            "few minutes; what has arrived is kept."
        )
    return DownloadError(
        f"The Hub refuses {request.repository} ({status}). Read {request.page} for the "
        "reason, and check that your token may read it."
    )


def waiting_time(headers: Mapping[str, str]) -> str:
    """Return when to ask again, from Retry-After or the Hub's rate limit headers."""
    limit = parse_ratelimit_headers(headers)
    stated = headers.get("Retry-After", "").strip()
    if stated.isdigit():
        seconds = int(stated)
    elif stated:
        try:
            seconds = math.ceil(parsedate_to_datetime(stated).timestamp() - time.time())
        except ValueError:
            return "in a few minutes"
    elif limit is not None and limit.remaining == 0:
        seconds = limit.reset_in_seconds
    else:
        return "in a few minutes"
    if seconds <= 120:
        return f"in {max(seconds, 1)} seconds"
    return f"in {math.ceil(seconds / 60)} minutes"


def disk_failure(error: OSError) -> DownloadError:
    """Return the error for a disk that does not take what has arrived."""
    if error.errno in DISK_FULL:
        return DownloadError(
            "The disk is full. Free some space, or set XKDE_HOME to a folder on a "
            "larger disk, and start again; what has arrived is kept."
        )
    return DownloadError(
        f"The download cannot be written ({error.strerror or error}). Check the rights "
        "of the downloads folder, or set XKDE_HOME to another one."
    )


def size_text(count: int) -> str:
    """Return a number of bytes as people read it: "13.5 GB"."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
