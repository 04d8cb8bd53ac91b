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
from xkde.checkpoints.packages import PackageSource

__all__ = [
    "CATALOGUE",
    "Card",
    "CheckpointInfo",
    "Entry",
    "PackageSource",
    "Reference",
    "default_pair",
    "downloaded",
    "inspect_folder",
    "name_and_weights",
    "read_card",
    "repository_folder",
    "resolve",
    "trained_from",
]
