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
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from xkde.checkpoints.weights import read_header, read_json
from xkde.engines.loading import Dtype, choose_device, choose_dtype
from xkde.errors import CheckpointError
from xkde.memory.index import Kind, Vectors
from xkde.memory.retrieval import Calibration, calibration_of
from xkde.paths import CARD

BATCH = 64  # texts in one forward pass
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
    folder: str | Path, *, device: str = "auto", dtype: Dtype = "auto"
) -> TextEncoder:
    """Load an encoder from a folder, from safetensors files only.

    Raises CheckpointError with the reason if it cannot be found, read or used.
    """
    name, folder = str(folder), Path(folder)
    if not folder.is_dir():
        raise CheckpointError(
            f"There is no folder “{name}”. Give an encoder's folder, or fetch one: "
            "python -m xkde checkpoints download intfloat/multilingual-e5-small"
        )
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
