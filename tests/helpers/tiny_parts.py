"""Trained parts of SERAC and MEND, tiny and untrained, for tests of the editors."""

import json
from pathlib import Path

import torch

from xkde.engines.hypernetwork import (
    HyperNetwork,
    Scope,
    fresh_scope,
    linear_sizes,
    save_network,
    save_scope,
)
from xkde.engines.loading import load


def scope(checkpoint: Path) -> Scope:
    """Return a classifier on a tiny checkpoint's first layer, the same every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = fresh_scope(str(checkpoint), 1, 16)
    made.encoder.eval()
    return made


def serac(folder: Path, checkpoint: Path, threshold: float = 0.9) -> Path:
    """Write SERAC's parts; the counterfactual model is the tiny checkpoint."""
    folder.mkdir(parents=True)
    save_scope(scope(checkpoint), folder / "scope")
    engine = load(checkpoint, device="cpu")
    engine.model.save_pretrained(folder / "counterfactual")
    engine.tokenizer.save_pretrained(folder / "counterfactual")
    card = json.dumps({"threshold": threshold})
    (folder / "card.json").write_text(card, encoding="utf-8")
    return folder


def mend(folder: Path, checkpoint: Path, pattern: str, rate: float = 0.1) -> Path:
    """Write MEND's network, which begins as gradient descent."""
    folder.mkdir(parents=True)
    engine = load(checkpoint, device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = HyperNetwork(linear_sizes(engine.model, [pattern]), 4, rate)
    save_network(network, folder / "mend.safetensors")
    (folder / "card.json").write_text("{}", encoding="utf-8")
    return folder
