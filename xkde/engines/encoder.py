"""Sentence encoders for retrieval across languages, run by sentence-transformers.

An encoder turns a text into a vector of length one; the cosine of two vectors says how
close the texts are in meaning, whatever their languages (Reimers and Gurevych 2020,
https://arxiv.org/abs/2004.09813). Loads Atlas's own small encoder and any model of
sentence-transformers: multilingual MiniLM, multilingual E5, BGE-M3, LaBSE.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from xkde.checkpoints.catalogue import HUB_ID
from xkde.checkpoints.weights import read_header, read_json
from xkde.engines.loading import Dtype, choose_device, choose_dtype
from xkde.errors import CheckpointError
from xkde.memory.index import Kind, Vectors
from xkde.memory.retrieval import Calibration, calibration_of
from xkde.paths import CARD

BATCH = 64  # texts in one forward pass
FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]  # no pickles
# E5's files lack the prompts that its model card asks for.
E5_NAME = re.compile(r"(^|[^a-z0-9])e5([^a-z0-9]|$)")
E5_PROMPTS = {"query": "query: ", "document": "passage: "}


@dataclass(frozen=True)
class TextEncoder:
    """One encoder with the card of its checkpoint."""

    name: str
    model: SentenceTransformer
    card: Mapping[str, object] = field(default_factory=dict)

    @property
    def calibration(self) -> Calibration:
        """The threshold and the lexical weight that were measured for this encoder."""
        return calibration_of(self.card)

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return vectors of length one, (texts, width)."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        encode = (
            self.model.encode_query if kind == "query" else self.model.encode_document
        )
        vectors: Vectors = encode(
            # An empty text would have no token to pool.
            [text.strip() or " " for text in texts],
            batch_size=BATCH,
            show_progress_bar=False,
            normalize_embeddings=True,
        )
        return vectors


def load_encoder(
    folder_or_id: str | Path,
    *,
    device: str = "auto",
    dtype: Dtype = "auto",
    revision: str | None = None,
) -> TextEncoder:
    """Load an encoder from a folder or by its Hub id, from safetensors files only.

    Raises CheckpointError with the reason if it cannot be found, read or used.
    """
    name = str(folder_or_id)
    folder = Path(folder_or_id)
    if not folder.is_dir():
        folder = _fetch(name, revision)
    target = choose_device(device)
    stored = sum(
        tensor.parameters
        for file in folder.rglob("*.safetensors")
        for tensor in read_header(file).values()
    )
    try:
        model = SentenceTransformer(
            str(folder),
            device=str(target),
            local_files_only=True,
            model_kwargs={
                "use_safetensors": True,
                "dtype": choose_dtype(dtype, target),
            },
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise CheckpointError(
            f"“{name}” could not be loaded as an encoder: {reason}. Choose a folder or "
            "a Hub id of sentence-transformers with safetensors weights."
        ) from error
    # A BERT body has a pooler that sentence encoders neither store nor use.
    needed = sum(p.numel() for n, p in model.named_parameters() if "pooler" not in n)
    if stored < needed:
        raise CheckpointError(
            f"“{name}” lacks weights: its files hold {stored:,} numbers and the model "
            f"has {needed:,}. Fetch or save the encoder again."
        )
    if not any(model.prompts.values()) and E5_NAME.search(name.lower()):
        model.prompts = dict(E5_PROMPTS)
    card = folder / CARD
    return TextEncoder(name, model.eval(), read_json(card) if card.is_file() else {})


def _fetch(name: str, revision: str | None) -> Path:
    """Return the local folder of a repository of the Hub, downloaded where needed."""
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
