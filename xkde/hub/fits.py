"""Whether a model fits this machine's memory, in the number format it is loaded in.

A GPU takes two bytes for each parameter. A CPU does so for large checkpoints that are
stored in bfloat16 and widens all others to four (``engines.loading.choose_dtype``).
WORK is what answering takes beside the weights. A container's limit counts, not the
memory of the machine around it.
"""

from collections.abc import Mapping
from pathlib import Path

import psutil

WORK = 1.25  # of the weights
NARROW, WIDE = 2, 4  # bytes for each parameter
CGROUP = Path("/sys/fs/cgroup")
GPU = Path("/dev/nvidiactl")


def on_gpu() -> bool:
    """Tell whether models are loaded onto a GPU here, without loading torch."""
    return GPU.exists()


def memory_needed(stored_bytes: int, dtypes: Mapping[str, int], *, gpu: bool) -> int:
    """Return the bytes that a model takes once it is loaded.

    ``dtypes`` are its parameters by safetensors' name of their format; empty where the
    Hub does not say: then they are taken to be stored in two bytes each.
    """
    parameters = sum(dtypes.values()) or stored_bytes // NARROW
    is_narrow = gpu or set(dtypes) == {"BF16"}
    return int(parameters * (NARROW if is_narrow else WIDE) * WORK)


def memory_free(cgroup: Path = CGROUP) -> int:
    """Return the bytes that a new model may take here."""
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):  # no such group, or no limit
        return free
    return max(0, min(free, limit - used))
