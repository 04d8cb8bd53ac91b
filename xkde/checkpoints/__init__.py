"""Checkpoints: which are offered, where a reference leads, what a folder holds.

``catalogue`` names and resolves, ``folders`` inspects, ``weights`` reads safetensors
headers. All of it without torch, transformers or network.

Run its tests: ``python -m pytest tests/xkde/checkpoints/test_folders.py``
"""

from xkde.checkpoints.catalogue import (
    CATALOGUE,
    Entry,
    Reference,
    default_pair,
    downloaded,
    local_folder,
    repository_folder,
    resolve,
    trained_from,
)
from xkde.checkpoints.folders import (
    Card,
    CheckpointInfo,
    inspect_folder,
    name_and_weights,
    read_card,
)

__all__ = [
    "CATALOGUE",
    "Card",
    "CheckpointInfo",
    "Entry",
    "Reference",
    "default_pair",
    "downloaded",
    "inspect_folder",
    "local_folder",
    "name_and_weights",
    "read_card",
    "repository_folder",
    "resolve",
    "trained_from",
]
