"""SERAC's scope classifier: does an edit concern this query, in whatever language?

Mitchell et al., "Memory-Based Model Editing at Scale", 2022
(https://arxiv.org/abs/2206.06520), in its embedding form: with f the encoder, e the
question of an edit and q the query,

    p(q in scope of e) = sigmoid(s * cos(f(e), f(q)) + b)

Scale s and bias b are learned. Each question is encoded alone, so a thousand edits are
encoded once and not once for each query. The answer of an edit is not encoded: it says
nothing about what the edit concerns. The encoder is any transformer: the mean of its
last states, projected; of a decoder the first layers. Knows no edit and no threshold.
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
BATCH = 128  # questions in one pass
# Where training starts: a cosine of 0.5 has a probability of 0.5.
SCALE, BIAS = 10.0, -5.0


class ScopeEncoder(nn.Module):
    """Questions as unit vectors; the learned scale and bias of their cosines."""

    def __init__(self, body: PreTrainedModel, width: int) -> None:
        super().__init__()
        self.body = body
        self.projection = nn.Linear(body.config.hidden_size, width, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(SCALE).log())
        self.bias = nn.Parameter(torch.tensor(BIAS))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return unit vectors (rows, width) of ids and mask, both (rows, time)."""
        states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        means = mean_pool(states, mask)
        return normalize(self.projection(means).float(), dim=-1)

    def logits(self, edits: Tensor, queries: Tensor) -> Tensor:
        """Return s * cos + b, (edits, queries), of unit vectors."""
        return self.log_scale.exp() * (edits @ queries.T) + self.bias


@dataclass(frozen=True)
class Scope:
    """A scope classifier with its tokenizer."""

    encoder: ScopeEncoder
    tokenizer: PreTrainedTokenizerBase

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors of questions, (texts, width)."""
        rows = token_ids(self.tokenizer, texts)
        device = self.encoder.bias.device
        parts = [
            self.encoder(*pad(rows[start : start + BATCH], "right", device))
            for start in range(0, len(rows), BATCH)
        ]
        return torch.cat(parts)

    @torch.no_grad()
    def probabilities(self, edits: Tensor, queries: Tensor) -> Tensor:
        """Return p(query in scope of edit), (edits, queries), of unit vectors."""
        return self.encoder.logits(edits, queries).sigmoid()


def token_ids(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> list[list[int]]:
    """Return the token ids of texts, at most LONGEST each."""
    encoded = tokenizer(list(texts), truncation=True, max_length=LONGEST)
    return [list(ids) for ids in encoded["input_ids"]]


def fresh_scope(source: str, layers: int, width: int) -> Scope:
    """Return an untrained classifier on a checkpoint's first layers; 0 keeps all.

    Raises CheckpointError if the checkpoint cannot be used, SettingsError if it has
    fewer layers.
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
    """Return a checkpoint's configuration with its first layers; 0 keeps all."""
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
    kept: PreTrainedConfig = config
    return kept


def save_scope(scope: Scope, folder: Path) -> None:
    """Write a classifier as safetensors with its tokenizer; the body in bfloat16."""
    encoder = scope.encoder
    deepcopy(encoder.body).bfloat16().save_pretrained(folder)
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
