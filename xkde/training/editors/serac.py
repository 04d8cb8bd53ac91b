"""Train SERAC's two parts together: the scope classifier, the counterfactual model.

Mitchell et al., 2022: https://arxiv.org/abs/2206.06520. The losses of one batch:

    scope     binary cross-entropy of the query in scope, the one outside, and the
              queries of the batch's other samples
    edit      the counterfactual model's NLL of the new answer, given edit and query
    locality  KL(base ‖ mixture) outside the scope, where the mixture has the
              counterfactual model's share by the classifier's probability

Both parts begin as a checkpoint that knows the names (the first layers of Atlas's base,
and that base), because subjects of the dev and test splits are in no sample. The
threshold is chosen on edits of the dev split, which are measured and never learned
from. With a training file (setting ``data``) those are the edits of its last facts.

Run it: ``python -m xkde train-editor serac --settings atlas-serac-smoke``
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid
from transformers import AutoModelForCausalLM, PreTrainedModel, TrainingArguments

from xkde.checkpoints import resolve
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.edit_samples import EditSample, ScopeQuery
from xkde.data.atlas.world import atlas
from xkde.data.instructions.edit_samples import hold_back
from xkde.engines.forward import Pair, answer_logits, kl_losses, nll_losses, pad
from xkde.engines.hypernetwork import (
    Scope,
    ScopeEncoder,
    first_layers,
    fresh_scope,
    save_scope,
    token_ids,
)
from xkde.engines.loading import Dtype, load, load_tokenizer, source_of
from xkde.errors import SettingsError
from xkde.languages import language
from xkde.prompts import Tokenizer, answered, edit_prompt, encode
from xkde.training.editors.runs import (
    ATLAS,
    PartTraining,
    load_editor_settings,
    samples_of,
    train_parts,
)
from xkde.training.settings import option
from xkde.types import Edit

SOURCES = ("en", "zh")  # languages of the dev split's edits
QUERIES = 4  # languages that each of them is asked in
EditAndQuery = tuple[str, str]  # an edit's question, a query's text


@dataclass
class SeracSettings:
    """What the two parts are and learn from, beside the Trainer's settings."""

    name: str = option("serac", "Name of the result's folder.")
    base: str = option("atlas-base", "The checkpoint that it stands beside.")
    dtype: Dtype = option("float32", "The base's number format: bfloat16, float32.")
    data: str = option(ATLAS, "atlas, or a file that “data build” wrote.")
    encoder: str = option("atlas-base", "Where the classifier begins.")
    encoder_layers: int = option(4, "How many of its layers are kept; 0: all.")
    width: int = option(128, "Of the classifier's output.")
    counterfactual: str = option("atlas-base", "Where the counterfactual model begins.")
    counterfactual_layers: int = option(0, "How many of its layers are kept; 0: all.")
    train_embeddings: bool = option(True, "False: both parts keep theirs as they are.")
    samples: int = option(40_000, "How many edits to draw.")
    dev_cases: int = option(60, "Edits that are kept out, for the threshold.")
    cross_lingual: bool = option(True, "False: queries in the edit's language only.")
    scope_weight: float = option(1.0, "Of the scope's BCE.")
    edit_weight: float = option(1.0, "Of the answer's NLL.")
    locality_weight: float = option(1.0, "Of the KL outside the scope.")


def train_serac(name_or_path: str, overrides: Sequence[str] = ()) -> Path:
    """Train by settings; return the folder of both finished parts."""
    settings, training = load_editor_settings(
        "serac", SeracSettings, name_or_path, overrides
    )
    if min(settings.samples, settings.dev_cases, settings.width) < 1:
        raise SettingsError("samples, dev_cases and width must be 1 or more.")
    return train_parts(settings, training, _prepare)


def _prepare(settings: SeracSettings, training: TrainingArguments) -> PartTraining:
    device = training.device
    place = resolve(settings.base)
    engine = load(
        source_of(place),
        device=device.type,
        dtype=settings.dtype,
        revision=place.revision,
    )
    base = engine.model.requires_grad_(False)
    scope = fresh_scope(
        _source(settings.encoder), settings.encoder_layers, settings.width
    )
    source = _source(settings.counterfactual)
    tokenizer = load_tokenizer(source)
    counterfactual = _causal(source, settings.counterfactual_layers)
    for part in (scope.encoder.body, counterfactual):
        part.get_input_embeddings().requires_grad_(settings.train_embeddings)
    if counterfactual.config.vocab_size != base.config.vocab_size:
        raise SettingsError(
            "The counterfactual model and the base have other vocabularies, so their "
            "tokens cannot be compared. Choose one with the base's tokenizer."
        )
    samples, asked = _samples(settings, training.seed)
    rows = serac_rows(scope, tokenizer, engine.tokenizer, samples)
    parts = SeracParts(scope.encoder, counterfactual).to(device)

    def losses(learning: nn.Module, batch: Sequence[SeracRow]) -> dict[str, Tensor]:
        return serac_losses(learning, base, batch)

    def save(folder: Path) -> dict[str, object]:
        scope.encoder.body.bfloat16().float()  # the threshold is for what is saved
        found = _on_dev(scope, asked)
        save_scope(scope, folder / "scope")
        counterfactual.bfloat16().save_pretrained(folder / "counterfactual")
        tokenizer.save_pretrained(folder / "counterfactual")
        return found

    weights = {
        "scope": settings.scope_weight,
        "edit": settings.edit_weight,
        "locality": settings.locality_weight,
    }
    return PartTraining(parts, rows, losses, weights, save)


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


def _samples(
    settings: SeracSettings, seed: int
) -> tuple[Iterable[EditSample], dict[bool, list[EditAndQuery]]]:
    """Return what is learned, and what is asked for the threshold, in scope or not."""
    drawn = samples_of(settings.data, seed, cross_lingual=settings.cross_lingual)
    if settings.data == ATLAS:
        return islice(drawn, settings.samples), _dev_split(settings.dev_cases, seed)
    learned, kept = hold_back(list(drawn), settings.dev_cases)
    asked = {
        True: [(each.edit.question, each.inside.text) for each in kept],
        False: [(each.edit.question, each.outside.text) for each in kept],
    }
    return learned[: settings.samples], asked


def _dev_split(cases: int, seed: int) -> dict[bool, list[EditAndQuery]]:
    """Return queries about edits of Atlas's dev split, in scope and not."""
    random_ = random.Random(seed)
    asked: dict[bool, list[EditAndQuery]] = {True: [], False: []}
    for case in atlas_cases(atlas(), "dev", cases):
        for source in SOURCES:
            for code in random_.sample(sorted(case.edits), QUERIES):
                for probe, items in case.probes.items():
                    pair = case.edits[source].question, items[code].question
                    asked[probe != "locality"].append(pair)
    return asked


def _on_dev(
    scope: Scope, asked: Mapping[bool, Sequence[EditAndQuery]]
) -> dict[str, object]:
    """Return the threshold that tells queries in scope from others best."""
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


def _probabilities(scope: Scope, pairs: Sequence[EditAndQuery]) -> list[float]:
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


# The losses


@dataclass(frozen=True)
class SeracRow:
    """One sample in token ids: three questions, and three prompts with answers."""

    fact: str
    subject: str
    outside_subject: str
    questions: tuple[list[int], list[int], list[int]]  # edit, inside, outside
    inside: Pair  # of the counterfactual model: edit and query
    outside: Pair
    bare: Pair  # of the base: the query outside alone


class SeracParts(nn.Module):
    """Both parts, as one module to be trained."""

    def __init__(self, scope: ScopeEncoder, counterfactual: PreTrainedModel) -> None:
        super().__init__()
        self.scope = scope
        self.counterfactual = counterfactual

    def state_dict(self, *args: Any, **options: Any) -> Any:
        """Return copies: safetensors refuses weights that are tied to each other."""
        state = super().state_dict(*args, **options)
        for name, tensor in list(state.items()):
            state[name] = tensor.clone()
        return state


def serac_rows(
    scope: Scope,
    counterfactual: Tokenizer,
    base: Tokenizer,
    drawn: Iterable[EditSample],
) -> list[SeracRow]:
    """Return samples as token ids.

    One whose answer has other ids for the other model is left out: KL compares them.
    """
    samples = list(drawn)
    read = [
        token_ids(scope.tokenizer, texts)
        for texts in (
            [each.edit.question for each in samples],
            [each.inside.text for each in samples],
            [each.outside.text for each in samples],
        )
    ]
    rows = []
    for each, *questions in zip(samples, *read, strict=True):
        outside = _pair(counterfactual, [each.edit], each.outside)
        bare = _pair(base, [], each.outside)
        if outside[1] == bare[1]:
            rows.append(
                SeracRow(
                    each.fact,
                    each.subject,
                    each.outside.subject,
                    (questions[0], questions[1], questions[2]),
                    _pair(counterfactual, [each.edit], each.inside),
                    outside,
                    bare,
                )
            )
    return rows


def _pair(tokenizer: Tokenizer, edits: Sequence[Edit], asked: ScopeQuery) -> Pair:
    prompt = edit_prompt(edits, asked.text, language(asked.language).name)
    encoded = encode(tokenizer, answered(prompt, asked.gold, asked.language))
    return encoded.prompt_ids, encoded.answer_ids


def serac_losses(
    parts: Any, base: PreTrainedModel, rows: Sequence[SeracRow]
) -> dict[str, Tensor]:
    """Return the three losses of a batch."""
    device = base.device
    edits, inside, outside = (
        parts.scope(*pad([row.questions[which] for row in rows], "right", device))
        for which in range(3)
    )
    within = parts.scope.logits(edits, outside)
    answers = answer_logits(parts.counterfactual, [row.inside for row in rows])
    return {
        "scope": scope_loss(parts.scope.logits(edits, inside), within, rows),
        "edit": nll_losses(answers).mean(),
        "locality": locality_loss(parts.counterfactual, base, within.diagonal(), rows),
    }


def scope_loss(inside: Tensor, outside: Tensor, rows: Sequence[SeracRow]) -> Tensor:
    """Return the BCE of the samples' own queries plus that of all others.

    Both are logits (edits, queries). An edit of the same fact has the same scope; what
    another sample asks outside its own, about this edit's subject, is not judged.
    """
    device = inside.device
    same = torch.tensor(
        [[one.fact == other.fact for other in rows] for one in rows], device=device
    )
    unclear = torch.tensor(
        [
            [
                bool(one.subject) and one.subject == other.outside_subject
                for other in rows
            ]
            for one in rows
        ],
        device=device,
    )
    wrong_in = _bce(inside, same)
    wrong_out = _bce(outside, torch.zeros_like(same))
    own = (wrong_in.diagonal().mean() + wrong_out.diagonal().mean()) / 2
    other = ~torch.eye(len(rows), dtype=torch.bool, device=device)
    others = torch.cat([wrong_in[other], wrong_out[other & ~unclear]])
    return own + others.sum() / max(1, len(others))


def locality_loss(
    counterfactual: PreTrainedModel,
    base: PreTrainedModel,
    within: Tensor,
    rows: Sequence[SeracRow],
) -> Tensor:
    """Return the mean KL(base ‖ mixture); ``within`` are the rows' own scope logits."""
    with torch.no_grad():
        logits_before = answer_logits(base, [row.bare for row in rows]).logits
        log_probs_before = logits_before.log_softmax(dim=-1)
    answers = answer_logits(counterfactual, [row.outside for row in rows])
    scope = within[answers.rows][:, None]
    log_probs_mixed = torch.logaddexp(
        logsigmoid(scope) + answers.logits.log_softmax(dim=-1),
        logsigmoid(-scope) + log_probs_before,
    )
    return kl_losses(log_probs_before, log_probs_mixed, answers).mean()


def _bce(logits: Tensor, labels: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(
        logits, labels.to(logits.dtype), reduction="none"
    )
