"""Checkpoints: which are offered, where a reference leads, what a folder holds.

    catalogue.py  the checkpoints worth offering, and where a reference leads
    folders.py    what a checkpoint folder holds
    packages.py   weights from an installed package
    weights.py    headers of safetensors files

``catalogue`` names and resolves, ``folders`` inspects, ``weights`` reads safetensors
headers. All of it without torch, transformers or network.
"""

from xkde.checkpoints.catalogue import (
    CATALOGUE,
    Entry,
    Reference,
    default_pair,
    downloaded,
    is_here,
    memory_encoder,
    repository_folder,
    resolve,
    trained_from,
    weights_of,
)
from xkde.checkpoints.folders import (
    Card,
    CheckpointInfo,
    base_for,
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
    "base_for",
    "default_pair",
    "downloaded",
    "inspect_folder",
    "is_here",
    "inspect_folder",
    "memory_encoder",
    "name_and_weights",
    "read_card",
    "repository_folder",
    "resolve",
    "trained_from",
    "weights_of",
]
