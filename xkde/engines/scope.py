"""SERAC's scope classifier: does an edit concern this query, in whatever language?

An encoder reads questions one by one; a logistic of the cosine of two of them is the
probability that the query lies in the edit's scope. So a thousand edits are read once,
not once for each query. It reads an edit's question: the answer says nothing about what
the edit is about. Any transformers encoder or decoder can be its body (of a decoder the
first layers, such as those of Atlas's base). Knows no edit and no threshold.

Run its tests: ``python -m pytest tests/xkde/engines/test_scope.py``
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import (
    AutoConfig,
    AutoModel,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xkde.engines.forward import mean_pool, pad
from xkde.engines.loading import load_tokenizer
from xkde.errors import CheckpointError, SettingsError

HEAD_FILE = "head.safetensors"
LONGEST = 256  # tokens of a question; the rest is cut off
BATCH = 128
# Where learning begins: a cosine of a half is as good as none.
SCALE, BIAS = 10.0, -5.0


class ScopeEncoder(nn.Module):
    """Questions to directions; the mean of the last states, projected."""

    def __init__(self, body: PreTrainedModel, width: int) -> None:
        super().__init__()
        self.body = body
        self.projection = nn.Linear(body.config.hidden_size, width, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(SCALE).log())
        self.bias = nn.Parameter(torch.tensor(BIAS))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (rows, width), each of length 1."""
        states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        means = mean_pool(states, mask)
        return normalize(self.projection(means).float(), dim=-1)

    def logits(self, edits: Tensor, queries: Tensor) -> Tensor:
        """Return how much each query lies in each edit's scope, (edits, queries)."""
        return self.log_scale.exp() * (edits @ queries.T) + self.bias


@dataclass(frozen=True)
class Scope:
    """A scope classifier with its tokenizer. It holds no other state."""

    encoder: ScopeEncoder
    tokenizer: PreTrainedTokenizerBase

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Read questions, (texts, width)."""
        rows = token_ids(self.tokenizer, texts)
        device = self.encoder.bias.device
        parts = [
            self.encoder(*pad(rows[start : start + BATCH], "right", device))
            for start in range(0, len(rows), BATCH)
        ]
        return torch.cat(parts)

    @torch.no_grad()
    def probabilities(self, edits: Tensor, queries: Tensor) -> Tensor:
        """Return the probability of each query's lying in each edit's scope."""
        return self.encoder.logits(edits, queries).sigmoid()


def token_ids(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> list[list[int]]:
    """Return texts as the encoder reads them."""
    found: Any = tokenizer(list(texts), truncation=True, max_length=LONGEST)
    return [list(ids) for ids in found["input_ids"]]


def fresh_scope(source: str, layers: int, width: int) -> Scope:
    """Return a classifier that has yet to learn, on a checkpoint's first layers.

    ``layers`` 0 keeps all of them.
    """
    tokenizer = load_tokenizer(source)
    try:
        body = AutoModel.from_pretrained(
            source,
            config=first_layers(source, layers),
            dtype=torch.float32,
            use_safetensors=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(source, error) from error
    body.config.use_cache = False
    return Scope(ScopeEncoder(body, width), tokenizer)


def first_layers(source: str, layers: int) -> PreTrainedConfig:
    """Return a checkpoint's config, its model cut to the first layers; 0: whole."""
    config: Any = AutoConfig.from_pretrained(source)
    if not 0 <= layers <= config.num_hidden_layers:
        raise SettingsError(
            f"{source} has {config.num_hidden_layers} layers; {layers} of them cannot "
            "be kept."
        )
    if layers:
        config.num_hidden_layers = layers
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[:layers]
    return config


@torch.no_grad()
def round_body(scope: Scope) -> None:
    """Round the body's weights as ``save_scope`` does, and nothing else of it."""
    for weight in scope.encoder.body.parameters():
        weight.copy_(weight.to(torch.bfloat16))


def save_scope(scope: Scope, folder: Path) -> None:
    """Write a classifier as a folder of safetensors with its tokenizer.

    Its body's weights as bfloat16, as models are shipped.
    """
    encoder = scope.encoder
    deepcopy(encoder.body).to(torch.bfloat16).save_pretrained(folder)
    scope.tokenizer.save_pretrained(folder)
    head = {
        "projection": encoder.projection.weight,
        "log_scale": encoder.log_scale,
        "bias": encoder.bias,
    }
    tensors = {name: t.detach().float().cpu().clone() for name, t in head.items()}
    save_file(tensors, folder / HEAD_FILE)


def load_scope(folder: Path, device: torch.device) -> Scope:
    """Read what ``save_scope`` wrote; raises CheckpointError if it cannot be used."""
    try:
        head = load_file(folder / HEAD_FILE)
        body = AutoModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(str(folder), error) from error
    encoder = ScopeEncoder(body, len(head["projection"]))
    with torch.no_grad():
        encoder.projection.weight.copy_(head["projection"])
        encoder.log_scale.copy_(head["log_scale"])
        encoder.bias.copy_(head["bias"])
    return Scope(encoder.to(device).eval(), load_tokenizer(folder))


def _unreadable(source: str, error: Exception) -> CheckpointError:
    reason = next(iter(str(error).splitlines()), "").rstrip(".")
    return CheckpointError(
        f"No scope classifier could be made of “{source}”: {reason}. Check that it is "
        "a whole folder with safetensors weights and a tokenizer."
    )
