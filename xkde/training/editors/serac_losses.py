"""What SERAC's two parts learn from: three losses of one batch of samples.

scope     the classifier's cross-entropy (BCE): the query in scope, the one outside, and
          the queries of the batch's other samples
edit      the counterfactual model's NLL of the new answer, given edit and query
locality  KL from the base's tokens to those of both models mixed, as likely as the
          classifier holds the query outside the scope to be within it

Knows no file and no settings.

Run its tests: ``python -m pytest tests/xkde/training/editors/test_serac_losses.py``
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid
from transformers import PreTrainedModel

from xkde.data.atlas.edit_samples import EditSample, ScopeQuery
from xkde.engines.forward import Pair, answer_logits, kl_losses, nll_losses, pad
from xkde.engines.scope import Scope, ScopeEncoder, token_ids
from xkde.languages import language
from xkde.prompts import Tokenizer, answered, edit_prompt, encode
from xkde.types import Edit


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
    told = encode(tokenizer, answered(prompt, asked.gold))
    return told.prompt_ids, told.answer_ids


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
    told = answer_logits(parts.counterfactual, [row.inside for row in rows])
    return {
        "scope": scope_loss(parts.scope.logits(edits, inside), within, rows),
        "edit": nll_losses(told).mean(),
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
        before = answer_logits(base, [row.bare for row in rows]).logits
        before = before.log_softmax(dim=-1)
    told = answer_logits(counterfactual, [row.outside for row in rows])
    other = told.logits.log_softmax(dim=-1)
    logits = within[told.rows][:, None]
    mixed = torch.logaddexp(logsigmoid(logits) + other, logsigmoid(-logits) + before)
    return kl_losses(before, mixed, told).mean()


def _bce(logits: Tensor, labels: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(
        logits, labels.to(logits.dtype), reduction="none"
    )
