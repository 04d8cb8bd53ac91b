"""The loss of an encoder, and transformers' Trainer with it: InfoNCE, both ways.

Rows hold the token ids of a query, of the edit that it concerns and of one that it does
not, with a number for what each edit is about. Knows no text.

Run its tests: ``python -m pytest tests/xkde/training/atlas_models/test_encoder.py``
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from transformers import Trainer

from xkde.engines.forward import mean_pool, pad

TEXTS = ("query", "positive", "negative")


def collate(batch: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Return all texts of a batch below each other: queries, positives, negatives."""
    texts = [row[name] for name in TEXTS for row in batch]
    ids, mask = pad(texts, "right", torch.device("cpu"))
    keys = [[row["key"] for row in batch], [row["negative_key"] for row in batch]]
    return {"input_ids": ids, "attention_mask": mask, "keys": torch.tensor(keys)}


def info_nce(vectors: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return the loss of a batch's vectors, stacked as ``collate`` stacks texts.

    A query must find its positive among all edits of the batch, and a positive its
    query; an edit of the same key as the positive is not held against it.
    """
    query, positive, negative = vectors.chunk(3)
    own = torch.arange(len(query), device=vectors.device)
    edits = torch.cat([positive, negative])
    there = _masked(query @ edits.T / temperature, keys[0], keys.flatten())
    back = _masked(positive @ query.T / temperature, keys[0], keys[0])
    return (cross_entropy(there, own) + cross_entropy(back, own)) / 2


def _masked(logits: Tensor, keys: Tensor, others: Tensor) -> Tensor:
    same = keys[:, None] == others[None, :]
    same.fill_diagonal_(False)
    return logits.masked_fill(same, -torch.inf)


class ContrastiveTrainer(Trainer):
    """transformers' Trainer with the loss above."""

    def __init__(self, *, temperature: float, **options: Any) -> None:
        super().__init__(data_collator=collate, **options)
        self.temperature = temperature
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any
    ) -> Tensor:
        """Encode a batch's texts at once."""
        mask = inputs["attention_mask"]
        states = model(input_ids=inputs["input_ids"], attention_mask=mask)
        pooled = mean_pool(states.last_hidden_state.float(), mask)
        return info_nce(normalize(pooled, dim=-1), inputs["keys"], self.temperature)

    def prediction_step(
        self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any
    ) -> tuple[Tensor, None, None]:
        """Return the loss of held-out samples; there is nothing else to predict."""
        with torch.no_grad():
            loss = self.compute_loss(model, self._prepare_inputs(inputs))
        return loss.detach(), None, None
