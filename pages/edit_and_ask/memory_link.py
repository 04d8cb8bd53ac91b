"""A memory in an address: its edits, packed, whether it is used, and the threshold.

With the form's own parameters (``pages.shell.links``) a link reopens a question as it
was asked. What an address says is not trusted: edits are read as those of a file are,
and what cannot be read is no memory.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from pages.edit_and_ask.memory import HIGHEST, MemorySession, calibration, with_edits
from xkde.errors import XkdeError
from xkde.memory.files import as_jsonl, edits_of

LONGEST = 6_000  # characters that a packed memory may add to an address
MOST_BYTES = 200_000  # that it may have when unpacked


@dataclass(frozen=True)
class LinkedMemory:
    """The memory of an address, and how it is used."""

    session: MemorySession
    uses: bool
    threshold: float


def write_memory(linked: LinkedMemory) -> str | None:
    """Return the parameters that carry a memory; None where it is too large."""
    if not linked.session.memory.edits:
        return ""
    text = as_jsonl(linked.session.memory.edits)
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode()
    if len(packed) > LONGEST or len(text.encode()) > MOST_BYTES:
        return None
    values = {"memory": packed.rstrip("="), "threshold": f"{linked.threshold:g}"}
    if linked.uses:
        values["uses"] = "1"
    return "&" + urlencode(values)


def read_memory(parameters: Mapping[str, str]) -> LinkedMemory | None:
    """Return the memory that an address carries, or None."""
    packed = parameters.get("memory", "")
    if not packed or len(packed) > LONGEST:
        return None
    try:
        data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        text = _unpacked(data)
        session = with_edits(MemorySession(), edits_of(text).edits)
        threshold = float(parameters.get("threshold", ""))
    except (ValueError, zlib.error, XkdeError):
        return None
    if not session.memory.edits:
        return None
    if not 0 <= threshold <= HIGHEST:
        threshold = calibration().threshold
    return LinkedMemory(session, parameters.get("uses") == "1", threshold)


def _unpacked(data: bytes) -> str:
    """Return what was packed; raises ValueError where it is cut off or too large."""
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(data, MOST_BYTES)
    if not unpacking.eof:
        raise ValueError
    return text.decode()
