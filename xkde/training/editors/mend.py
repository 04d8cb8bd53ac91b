"""Train MEND's hyper-network: its change must give the edit, and nothing else.

Mitchell et al., 2022: https://arxiv.org/abs/2110.11309, equation 4:

    loss = w_edit · −log p(new answer | query in scope; W + ΔW)
         + w_locality · KL(p(· | query outside; W) ‖ p(· | query outside; W + ΔW))

For each sample the gradient of the edit is taken, the network makes a change of it, and
under that change the base is asked twice: a query in scope (the loss is the new
answer's NLL) and one outside (the loss is the KL from the untouched base's tokens).
Every row of a batch obeys its own change, the base's weights are never touched.
Samples are Atlas's, without the subjects of its dev and test splits, or those of a
training file.

Run it: ``python -m xkde train-editor mend --settings atlas-mend-smoke``
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, TrainingArguments

from xkde.checkpoints import resolve
from xkde.data.atlas.edit_samples import EditSample
from xkde.engines.forward import Pair, answer_logits, kl_losses, nll_losses
from xkde.engines.hypernetwork import (
    HyperNetwork,
    LayerFactors,
    gradient_factors,
    linear_sizes,
    row_updates,
    save_network,
)
from xkde.engines.loading import Dtype, load, source_of
from xkde.errors import SettingsError
from xkde.prompts import Tokenizer, answered, encode
from xkde.training.editors.runs import (
    ATLAS,
    PartTraining,
    load_editor_settings,
    samples_of,
    train_parts,
)
from xkde.training.settings import option

FILE = "mend.safetensors"
BATCH = 32  # edits read at once for the statistics


@dataclass
class MendSettings:
    """What the hyper-network is and learns from, beside the Trainer's settings."""

    name: str = option("mend", "Name of the result's folder.")
    base: str = option("atlas-base", "The checkpoint that it will edit.")
    dtype: Dtype = option("float32", "The base's number format: bfloat16, float32.")
    data: str = option(ATLAS, "atlas, or a file that “data build” wrote.")
    modules: str = option(
        "*.layers.[345].mlp.*", "Patterns of the linear layers to change, with spaces."
    )
    rank: int = option(128, "Of the network's matrices.")
    rate: float = option(5e-4, "Where the learned rate of an edit begins.")
    samples: int = option(20_000, "How many edits to draw.")
    statistics: int = option(256, "Edits whose gradients set the normalisation.")
    cross_lingual: bool = option(True, "False: queries in the edit's language only.")
    edit_weight: float = option(0.1, "Of the edit's NLL.")
    locality_weight: float = option(1.0, "Of the KL outside the scope.")


@dataclass(frozen=True)
class MendRow:
    """One sample as prompts and answers in token ids, all without an edit in them."""

    edit: Pair
    inside: Pair
    outside: Pair


def train_mend(name_or_path: str, overrides: Sequence[str] = ()) -> Path:
    """Train by settings; return the folder of the finished network."""
    settings, training = load_editor_settings(
        "mend", MendSettings, name_or_path, overrides
    )
    if min(settings.samples, settings.statistics, settings.rank) < 1:
        raise SettingsError("samples, statistics and rank must be 1 or more.")
    if settings.rate <= 0:
        raise SettingsError("rate, where the learned rate begins, must be above 0.")
    return train_parts(settings, training, _prepare)


def mend_rows(tokenizer: Tokenizer, samples: Iterable[EditSample]) -> list[MendRow]:
    """Return samples as token ids."""

    def pair(question: str, answer: str, language: str) -> Pair:
        encoded = encode(tokenizer, answered(question, answer, language))
        return encoded.prompt_ids, encoded.answer_ids

    return [
        MendRow(
            pair(edit.question, edit.answer, edit.language),
            pair(inside.text, inside.gold, inside.language),
            pair(outside.text, outside.gold, outside.language),
        )
        for edit, inside, outside in (
            (each.edit, each.inside, each.outside) for each in samples
        )
    ]


def mend_losses(
    network: Any, base: PreTrainedModel, rows: Sequence[MendRow]
) -> dict[str, Tensor]:
    """Return the mean NLL in scope and the mean KL outside it."""
    gradients = _gradients(network, base, rows)
    changes = network(gradients)
    outside = [row.outside for row in rows]
    with torch.no_grad():
        log_probs_before = answer_logits(base, outside).logits.log_softmax(dim=-1)
    with row_updates(base, changes):
        inside = nll_losses(answer_logits(base, [row.inside for row in rows]))
        answers = answer_logits(base, outside)
    log_probs = answers.logits.log_softmax(dim=-1)
    return {
        "edit": inside.mean(),
        "locality": kl_losses(log_probs_before, log_probs, answers).mean(),
    }


def _gradients(
    network: HyperNetwork, base: PreTrainedModel, rows: Sequence[MendRow]
) -> LayerFactors:
    return gradient_factors(base, network.names, [row.edit for row in rows])[0]


def _prepare(settings: MendSettings, training: TrainingArguments) -> PartTraining:
    place = resolve(settings.base)
    engine = load(
        source_of(place),
        device=training.device.type,
        dtype=settings.dtype,
        revision=place.revision,
    )
    base = engine.model.requires_grad_(False)
    sizes = linear_sizes(base, settings.modules.split())
    network = HyperNetwork(sizes, settings.rank, settings.rate).to(base.device)
    drawn = samples_of(
        settings.data, training.seed, cross_lingual=settings.cross_lingual
    )
    rows = mend_rows(engine.tokenizer, islice(drawn, settings.samples))
    read = rows[: settings.statistics]
    batches = [read[i : i + BATCH] for i in range(0, len(read), BATCH)]
    network.fit([_gradients(network, base, batch) for batch in batches])

    def losses(learning: nn.Module, batch: Sequence[MendRow]) -> dict[str, Tensor]:
        return mend_losses(learning, base, batch)

    def save(folder: Path) -> dict[str, object]:
        save_network(network, folder / FILE)
        rates = network.rates.detach().tolist()
        return {"rates": dict(zip(network.names, rates, strict=True))}

    weights = {"edit": settings.edit_weight, "locality": settings.locality_weight}
    return PartTraining(network, rows, losses, weights, save)
