"""Sentence encoders for retrieval across languages, run by sentence-transformers.

An encoder turns a text into a vector of length one; the cosine of two vectors says how
close the texts are in meaning, whatever their languages (Reimers and Gurevych 2020,
https://arxiv.org/abs/2004.09813). Loads Atlas's own small encoder and any model of
sentence-transformers: multilingual MiniLM, multilingual E5, BGE-M3, LaBSE.

A pretrained language model brings an encoder along: the mean x of its embeddings of a
text's tokens, projected so that languages meet, P (x - m) at length one. No layer of
the model runs. ``xkde.training.embedding_encoder`` finds m and P.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from xkde.checkpoints.weights import read_header, read_headers, read_json
from xkde.engines.loading import (
    Dtype,
    choose_device,
    choose_dtype,
    load_tokenizer,
    local_folder,
)
from xkde.errors import CheckpointError
from xkde.memory.index import Kind, Vectors
from xkde.memory.retrieval import Calibration, calibration_of
from xkde.paths import CARD

BATCH = 64  # texts in one forward pass
# E5's files lack the prompts that its model card asks for.
E5_NAME = re.compile(r"(^|[^a-z0-9])e5([^a-z0-9]|$)")
PROJECTION = "projection.safetensors"
EMBEDDINGS = "embed_tokens.weight"  # how the name of a model's input embeddings ends
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


@dataclass(frozen=True)
class EmbeddingEncoder:
    """A model's token embeddings (vocabulary, hidden), averaged and projected.

    ``mean`` is (hidden,) and ``projection`` (hidden, width).
    """

    name: str
    tokenizer: PreTrainedTokenizerBase
    embeddings: Tensor
    mean: Vectors
    projection: Vectors
    card: Mapping[str, object] = field(default_factory=dict)

    @property
    def calibration(self) -> Calibration:
        """The threshold and the lexical weight that were measured for this encoder."""
        return calibration_of(self.card)

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return vectors of length one, (texts, width)."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        means = mean_embeddings(self.tokenizer, self.embeddings, texts)
        vectors = (means - self.mean) @ self.projection
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        unit: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
        return unit


LoadedEncoder = TextEncoder | EmbeddingEncoder


def mean_embeddings(
    tokenizer: PreTrainedTokenizerBase, embeddings: Tensor, texts: Sequence[str]
) -> Vectors:
    """Return the mean of the embeddings of each text's tokens, (texts, hidden)."""
    stripped = [text.strip() or " " for text in texts]
    ids = tokenizer(stripped, add_special_tokens=False)["input_ids"]
    return np.stack([embeddings[one].float().mean(0).numpy() for one in ids])


def token_embeddings(folder: Path) -> Tensor:
    """Return a checkpoint's input embeddings, read from its files where they lie.

    Raises CheckpointError where the files have none.
    """
    for file, tensors in read_headers(folder).items():
        for name in tensors:
            if name.endswith(EMBEDDINGS):
                with safe_open(str(file), "pt") as opened:
                    embeddings: Tensor = opened.get_tensor(name)
                return embeddings
    raise CheckpointError(
        f"{folder.name} has no token embeddings. Choose a language model's checkpoint."
    )


def load_embedding_encoder(folder: Path) -> EmbeddingEncoder:
    """Load the projection in a folder, and the embeddings of the base that it names.

    Raises CheckpointError where one is missing or they do not fit together.
    """
    card = read_json(folder / CARD)
    base = local_folder(str(card.get("base", "")))
    embeddings = token_embeddings(base)
    try:
        with safe_open(str(folder / PROJECTION), "numpy") as opened:
            mean, projection = (
                opened.get_tensor("mean"),
                opened.get_tensor("projection"),
            )
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{PROJECTION} in {folder.name} cannot be read. Fetch the encoder again."
        ) from error
    if embeddings.shape[1:] != mean.shape or projection.shape[:1] != mean.shape:
        raise CheckpointError(
            f"The encoder {folder.name} was made for another model than {base.name}. "
            "Make it again: python -m xkde data encoder."
        )
    return EmbeddingEncoder(
        folder.name,
        load_tokenizer(base),
        embeddings,
        mean.astype(np.float32),
        projection.astype(np.float32),
        card,
    )


def load_encoder(
    folder: str | Path, *, device: str = "auto", dtype: Dtype = "auto"
) -> LoadedEncoder:
    """Load an encoder from a folder, from safetensors files only.

    Raises CheckpointError with the reason if it cannot be found, read or used.
    """
    name, folder = str(folder), Path(folder)
    if not folder.is_dir():
        raise CheckpointError(
            f"There is no folder “{name}”. Give an encoder's folder, or fetch one: "
            "python -m xkde checkpoints download intfloat/multilingual-e5-small"
        )
    if (folder / PROJECTION).is_file():
        return load_embedding_encoder(folder)
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
