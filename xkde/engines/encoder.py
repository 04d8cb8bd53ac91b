"""Encoders: texts to vectors of length one, for retrieval across languages.

Runs Atlas's own small encoder and those of sentence-transformers (multilingual MiniLM,
multilingual E5, BGE-M3, LaBSE) from their own files, without that package. Knows no
edit and no memory. Load one with ``load_encoder``.

Run its tests: ``python -m pytest tests/xkde/engines/test_encoder.py``
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import linear, normalize
from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from xkde.checkpoints.catalogue import HUB_ID
from xkde.engines.encoder_files import Reading, json_of, reading_of
from xkde.engines.loading import Dtype, choose_device, choose_dtype, load_tokenizer
from xkde.errors import CheckpointError
from xkde.memory.index import Kind
from xkde.memory.retrieval import THRESHOLD, WEIGHT
from xkde.paths import CARD

BATCH = 64
FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]  # no pickles
# Where a tokenizer names no limit it names a number with thirty digits.
UNLIMITED = 100_000
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "Tanh": torch.tanh,
    "GELU": torch.nn.functional.gelu,
    "ReLU": torch.relu,
    "Identity": lambda states: states,
}

Dense = tuple[Tensor, Tensor | None, Callable[[Tensor], Tensor]]
Progress = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True)
class TextEncoder:
    """One encoder with its tokenizer. It holds no other state."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    reading: Reading = Reading()
    dense: tuple[Dense, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def threshold(self) -> float:
        """What a score must reach, as it was measured; a guess where it was not."""
        return float(self.card.get("retrieval", {}).get("threshold", THRESHOLD))

    @property
    def weight(self) -> float:
        """How much the lexical score counts, as it was measured, or a guess."""
        return float(self.card.get("retrieval", {}).get("weight", WEIGHT))

    @property
    def longest(self) -> int:
        """How many tokens of a text are read; the rest is cut off."""
        config = self.model.config
        limits = (
            self.reading.longest,
            self.tokenizer.model_max_length,
            getattr(config, "max_position_embeddings", None),
        )
        return min(limit for limit in limits if limit and limit < UNLIMITED)

    def encode(
        self,
        texts: Sequence[str],
        kind: Kind,
        *,
        batch_size: int = BATCH,
        on_progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Return a row for each text; equal texts are read once."""
        distinct = list(dict.fromkeys(texts))
        read = [self._read(text, kind) for text in distinct]
        rows = np.zeros((len(distinct), 0), dtype=np.float32)
        order = sorted(range(len(read)), key=lambda i: len(read[i]))
        for first in range(0, len(order), batch_size):
            batch = order[first : first + batch_size]
            found = self._vectors([read[i] for i in batch])
            if not rows.shape[1]:
                rows = np.zeros((len(distinct), found.shape[1]), dtype=np.float32)
            rows[batch] = found
            if on_progress is not None:
                on_progress(first + len(batch), len(order))
        place = {text: i for i, text in enumerate(distinct)}
        return rows[[place[text] for text in texts]]

    def _read(self, text: str, kind: Kind) -> str:
        plain = text.strip().lower() if self.reading.lower else text.strip()
        # Without any token there would be nothing to take the mean of.
        return self.reading.prefixes.get(kind, "") + plain or " "

    @torch.inference_mode()
    def _vectors(self, texts: list[str]) -> NDArray[np.float32]:
        tokens = self.tokenizer(
            texts,
            padding=True,
            padding_side="right",
            truncation=True,
            max_length=self.longest,
            return_tensors="pt",
        )
        ids = tokens["input_ids"].to(self.model.device)
        mask = tokens["attention_mask"].to(self.model.device)
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        pooled = pool(states.float(), mask, self.reading.pooling)
        for weights, bias, activation in self.dense:
            pooled = activation(linear(pooled, weights, bias))
        vectors: NDArray[np.float32] = normalize(pooled, dim=-1).cpu().numpy()
        return vectors


def pool(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Return one row for each text of its states (texts, tokens, width)."""
    if pooling == "cls":
        return states[:, 0]
    if pooling == "lasttoken":
        last = (mask.sum(dim=1) - 1).clamp(min=0)
        return states[torch.arange(len(states), device=states.device), last]
    counted = mask[:, :, None].to(states.dtype)
    if pooling == "max":
        return states.masked_fill(counted == 0, -torch.inf).amax(dim=1)
    return (states * counted).sum(dim=1) / counted.sum(dim=1).clamp(min=1)


def load_encoder(
    folder_or_id: str | Path,
    *,
    device: str = "auto",
    dtype: Dtype = "auto",
    revision: str | None = None,
    prefixes: Mapping[str, str] | None = None,
) -> TextEncoder:
    """Load an encoder, its weights from safetensors files only.

    ``prefixes`` stand before a "query" and an "edit", where its files do not tell them.
    Raises CheckpointError with the reason if it cannot be found, read or used.
    """
    name = str(folder_or_id)
    folder = Path(folder_or_id)
    if not folder.is_dir():
        folder = _fetched(name, revision)
    reading = reading_of(name, lambda file: json_of(folder, file))
    if prefixes is not None:
        reading = Reading(**{**vars(reading), "prefixes": dict(prefixes)})
    body = folder / reading.folder
    place = choose_device(device)
    tokenizer = load_tokenizer(body)
    try:
        model = _body(body, choose_dtype(dtype, place))
        dense = tuple(_dense(folder / part, place) for part in reading.dense)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise CheckpointError(
            f"“{name}” could not be loaded as an encoder: {reason}. It must be a "
            "transformer with safetensors weights."
        ) from error
    card = json_of(folder, CARD) or {}
    return TextEncoder(name, model.to(place).eval(), tokenizer, reading, dense, card)


def _fetched(name: str, revision: str | None) -> Path:
    """Return the folder of a repository of the Hub, fetched: no weights but safe ones.

    The configurations of an encoder's parts lie in folders of their own.
    """
    if not HUB_ID.fullmatch(name):
        raise CheckpointError(
            f"There is no folder “{name}”. Give an encoder's folder, or a Hub id such "
            "as intfloat/multilingual-e5-small."
        )
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise CheckpointError(
            f"“{name}” could not be fetched: {reason}. Check its name and the network, "
            "or give a folder."
        ) from error


def _body(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """Return the transformer without a pooler, which no encoder here uses."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    found = MODEL_MAPPING[type(config)]
    known = inspect.signature(found.__init__).parameters
    more = {"add_pooling_layer": False} if "add_pooling_layer" in known else {}
    model, report = found.from_pretrained(
        folder,
        local_files_only=True,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        **more,
    )
    missing = sorted(report["missing_keys"])
    if missing:
        raise ValueError(f"{len(missing)} of its weights are missing ({missing[0]}, …)")
    return model


def _dense(folder: Path, device: torch.device) -> Dense:
    config = json_of(folder, "config.json") or {}
    weights = load_file(folder / "model.safetensors", device=str(device))
    activation = str(config.get("activation_function", "Identity")).rpartition(".")[2]
    bias = weights.get("linear.bias")
    return (
        weights["linear.weight"].float(),
        None if bias is None else bias.float(),
        ACTIVATIONS[activation],
    )
