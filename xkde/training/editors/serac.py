"""Train SERAC's two parts together: the scope classifier, the counterfactual model.

Both begin as a checkpoint that knows the names (the first layers of Atlas's base, and
that base), because subjects of the dev and test splits are in no sample. The threshold
is chosen on edits of the dev split, which are measured and never learned from.

Run it: ``python -m xkde train-editor serac --settings atlas-serac-smoke``
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel, TrainingArguments

from xkde.checkpoints import resolve
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.edit_samples import edit_samples
from xkde.data.atlas.world import atlas
from xkde.engines.loading import load, load_tokenizer, source_of
from xkde.engines.scope import Scope, first_layers, fresh_scope, save_scope
from xkde.errors import SettingsError
from xkde.training.editors.runs import Prepared, load_editor_settings, train_parts
from xkde.training.editors.serac_losses import (
    SeracParts,
    SeracRow,
    serac_losses,
    serac_rows,
)

SOURCES = ("en", "zh")  # languages of the dev split's edits
QUERIES = 4  # languages that each of them is asked in


@dataclass
class SeracSettings:
    """What the two parts are and learn from, beside the Trainer's settings."""

    name: str = field(
        default="serac", metadata={"help": "Name of the result's folder."}
    )
    base: str = field(
        default="atlas-base", metadata={"help": "The checkpoint that it stands beside."}
    )
    encoder: str = field(
        default="atlas-base", metadata={"help": "Where the classifier begins."}
    )
    encoder_layers: int = field(
        default=4, metadata={"help": "How many of its layers are kept; 0: all."}
    )
    width: int = field(default=128, metadata={"help": "Of the classifier's output."})
    counterfactual: str = field(
        default="atlas-base",
        metadata={"help": "Where the counterfactual model begins."},
    )
    counterfactual_layers: int = field(
        default=0, metadata={"help": "How many of its layers are kept; 0: all."}
    )
    samples: int = field(default=40_000, metadata={"help": "How many edits to draw."})
    dev_cases: int = field(
        default=60, metadata={"help": "Edits of the dev split for the threshold."}
    )
    cross_lingual: bool = field(
        default=True, metadata={"help": "False: queries in the edit's language only."}
    )
    scope_weight: float = field(default=1.0, metadata={"help": "Of the scope's BCE."})
    edit_weight: float = field(default=1.0, metadata={"help": "Of the answer's NLL."})
    locality_weight: float = field(
        default=1.0, metadata={"help": "Of the KL outside the scope."}
    )


def train_serac(name_or_path: str, overrides: Sequence[str] = ()) -> Path:
    """Train by settings; return the folder of both finished parts."""
    settings, training = load_editor_settings(
        "serac", SeracSettings, name_or_path, overrides
    )
    if min(settings.samples, settings.dev_cases, settings.width) < 1:
        raise SettingsError("samples, dev_cases and width must be 1 or more.")
    return train_parts(settings, training, _prepare)


def _prepare(settings: SeracSettings, training: TrainingArguments) -> Prepared:
    device = training.device
    place = resolve(settings.base)
    engine = load(
        source_of(place),
        device=device.type,
        dtype="float32",
        revision=place.revision,
    )
    base = engine.model.requires_grad_(False)
    scope = fresh_scope(
        _source(settings.encoder), settings.encoder_layers, settings.width
    )
    source = _source(settings.counterfactual)
    tokenizer = load_tokenizer(source)
    counterfactual = _causal(source, settings.counterfactual_layers)
    if counterfactual.config.vocab_size != base.config.vocab_size:
        raise SettingsError(
            "The counterfactual model and the base have other vocabularies, so their "
            "tokens cannot be compared. Choose one with the base's tokenizer."
        )
    drawn = edit_samples(atlas(), training.seed, cross_lingual=settings.cross_lingual)
    samples = islice(drawn, settings.samples)
    rows = serac_rows(scope, tokenizer, engine.tokenizer, samples)
    parts = SeracParts(scope.encoder, counterfactual).to(device)

    def losses(learning: nn.Module, batch: Sequence[SeracRow]) -> dict[str, Tensor]:
        return serac_losses(learning, base, batch)

    def save(folder: Path) -> dict[str, Any]:
        scope.encoder.body.to(
            torch.bfloat16
        ).float()  # the threshold is for what is saved
        found = _on_dev(scope, settings.dev_cases, training.seed)
        save_scope(scope, folder / "scope")
        counterfactual.to(torch.bfloat16).save_pretrained(folder / "counterfactual")
        tokenizer.save_pretrained(folder / "counterfactual")
        return found

    weights = {
        "scope": settings.scope_weight,
        "edit": settings.edit_weight,
        "locality": settings.locality_weight,
    }
    return Prepared(parts, rows, losses, weights, save)


def _source(reference: str) -> str:
    place = resolve(reference)
    return source_of(place)


def _causal(source: str, layers: int) -> PreTrainedModel:
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        source,
        config=first_layers(source, layers),
        dtype=torch.float32,
        use_safetensors=True,
    )
    return model


def _on_dev(scope: Scope, cases: int, seed: int) -> dict[str, Any]:
    """Return the threshold that tells the dev split's queries apart best."""
    random_ = random.Random(seed)
    asked: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
    for case in atlas_cases(atlas(), "dev", cases):
        for source in SOURCES:
            for code in random_.sample(sorted(case.edits), QUERIES):
                for probe, items in case.probes.items():
                    pair = case.edits[source].question, items[code].question
                    asked[probe != "locality"].append(pair)
    inside, outside = (_probabilities(scope, asked[within]) for within in (True, False))
    threshold, accuracy = best_threshold(inside, outside)
    return {
        "threshold": threshold,
        "dev": {
            "balanced_accuracy": accuracy,
            "inside": len(inside),
            "outside": len(outside),
        },
    }


def _probabilities(scope: Scope, pairs: Sequence[tuple[str, str]]) -> list[float]:
    edits = scope.embed([edit for edit, _ in pairs])
    queries = scope.embed([query for _, query in pairs])
    encoder = scope.encoder
    with torch.no_grad():
        cosines = (edits * queries).sum(dim=-1)
        logits = encoder.log_scale.exp() * cosines + encoder.bias
    return [float(each) for each in logits.sigmoid()]


def best_threshold(
    inside: Sequence[float], outside: Sequence[float]
) -> tuple[float, float]:
    """Return the threshold of the best balanced accuracy, and that accuracy.

    It lies in the middle between two probabilities, so that new ones fall on the side
    that they are nearer to.
    """
    known = sorted({0.0, 1.0, *inside, *outside})
    middles = [(a + b) / 2 for a, b in zip(known, known[1:], strict=False)]

    def accuracy(threshold: float) -> float:
        hits = sum(p >= threshold for p in inside) / len(inside)
        return (hits + sum(p < threshold for p in outside) / len(outside)) / 2

    best = max(middles, key=accuracy)
    return best, accuracy(best)
