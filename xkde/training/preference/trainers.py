"""TL-PO, the second stage: TRL's preference trainers on token ids of ours.

For a prompt x, the chosen answer y_w and the rejected one y_l, with log π(y|x) summed
over an answer's tokens, its end mark included:

- ORPO (Hong et al., 2024, https://arxiv.org/abs/2403.07691), the paper's equations 7
  to 10: ``nll_loss(y_w) + β · odds_ratio_loss``, where ``odds_ratio_loss`` is
  ``−log σ(log odds(y_w) − log odds(y_l))``, ``odds(y) = p / (1 − p)`` and
  ``p = exp(log π(y|x) / |y|)``.
- DPO (Rafailov et al., 2023, https://arxiv.org/abs/2305.18290):
  ``−log σ(β · (log π(y_w) / π_ref(y_w) − log π(y_l) / π_ref(y_l)))``.
- CPO (Xu et al., 2024, https://arxiv.org/abs/2401.08417):
  ``−log σ(β · (log π(y_w) − log π(y_l))) + α · nll_loss(y_w)``.
- SimPO (Meng et al., 2024, https://arxiv.org/abs/2405.14734):
  ``−log σ(β · (log π(y_w) / |y_w| − log π(y_l) / |y_l|) − γ)``.
- KTO (Ethayarajh et al., 2024, https://arxiv.org/abs/2402.01306), each answer alone:
  ``1 − σ(±β · (log π(y) / π_ref(y) − KL))``, plus for a chosen, minus for a rejected
  one; KL(π || π_ref) is estimated on mismatched prompts and answers.

The losses are TRL's. Rows come tokenised by the same ``encode`` as everywhere else, so
that a preference is learned on the very ids that XE-IT was taught and the app asks.
Nothing is ever cut: the released code left TRL's default of 128 prompt tokens in force
and lost the beginnings of its prompts. ORPO's ``nll_loss`` can be of answers alone.
"""

import copy
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import torch
from torch import nn
from torch.nn import functional
from transformers import Trainer, TrainingArguments

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

from peft import PeftModel
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer
from trl.trainer import utils as trl_utils

from xkde.data.preferences.files import pairs_of
from xkde.data.preferences.opening import open_pairs
from xkde.errors import DataError
from xkde.prompts import Tokenizer, ask, encode
from xkde.training.conversations import IGNORED
from xkde.types import Message

logger = logging.getLogger(__name__)

ALMOST_CERTAIN = -1e-6  # log-probability at which the odds are cut off
Preference = tuple[Sequence[Message], str, str]  # prompt, chosen, rejected
SIDES = ("chosen", "rejected")


def read_preferences(source: str) -> list[Preference]:
    """Read a file of pairs in any of the usual forms; what is no pair is counted."""
    opened = open_pairs(Path(source))
    for reason, count in opened.left_out.items():
        logger.warning("%d rows of %s left out: %s", count, source, reason)
    return [(ask(p.prompt), p.chosen, p.rejected) for p in pairs_of(opened.pairs)]


def preference_rows(
    tokenizer: Tokenizer, preferences: Iterable[Preference], max_length: int | None
) -> datasets.Dataset:
    """Return rows of ``prompt_ids``, ``chosen_ids``, ``rejected_ids`` and ``length``.

    Both answers end in the model's end mark and continue one and the same prompt.
    Pairs longer than ``max_length`` tokens, with an empty answer, or with two answers
    of the same tokens are left out and counted; DataError if none is left.
    """
    rows = []
    reasons: Counter[str] = Counter()
    for prompt, chosen, rejected in preferences:
        if not chosen.strip() or not rejected.strip():
            reasons["an empty answer"] += 1
            continue
        row = _row(tokenizer, prompt, chosen, rejected)
        if row["chosen_ids"] == row["rejected_ids"]:
            reasons["two answers of the same tokens"] += 1
        elif max_length is not None and row["length"] > max_length:
            reasons[f"more than {max_length} tokens"] += 1
        else:
            rows.append(row)
    for reason, count in reasons.items():
        logger.warning("%d pairs left out: %s", count, reason)
    if not rows:
        why = ", ".join(f"{reason} ({count})" for reason, count in reasons.items())
        raise DataError(f"No pair can be learned from: {why or 'there is none'}.")
    return datasets.Dataset.from_list(rows)


def _row(
    tokenizer: Tokenizer, prompt: Sequence[Message], chosen: str, rejected: str
) -> dict[str, Any]:
    encoded = [
        encode(tokenizer, [*prompt, Message("assistant", answer)])
        for answer in (chosen, rejected)
    ]
    ids = [list(each.ids) for each in encoded]
    # A tokenizer may merge the prompt's last character with the answer's first: then
    # the prompt ends before it, in both.
    shared = next(
        (at for at, (a, b) in enumerate(zip(*ids, strict=False)) if a != b),
        min(map(len, ids)),
    )
    begin = min(shared, *(each.is_answer.index(True) for each in encoded))
    return {
        "prompt": encoded[0].text,
        "chosen": chosen,
        "rejected": rejected,
        "prompt_ids": ids[0][:begin],
        "chosen_ids": ids[0][begin:],
        "rejected_ids": ids[1][begin:],
        "length": max(map(len, ids)),
    }


def padded_row(row: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return a row as TRL's older trainers take it (ORPO, CPO): whole sequences."""
    prompt = list(row["prompt_ids"])
    made = {
        "prompt_input_ids": prompt,
        "prompt_attention_mask": [1] * len(prompt),
    }
    for side in SIDES:
        answer = list(row[f"{side}_ids"])
        made[f"{side}_input_ids"] = prompt + answer
        made[f"{side}_attention_mask"] = [1] * (len(prompt) + len(answer))
        made[f"{side}_labels"] = [IGNORED] * len(prompt) + answer
    return made


def unpaired(rows: datasets.Dataset) -> datasets.Dataset:
    """Return each answer as a row of its own with a ``label`` (KTO), two a pair."""
    made = [
        {
            "prompt_ids": row["prompt_ids"],
            "completion_ids": row[f"{side}_ids"],
            "label": side == "chosen",
            "length": len(row["prompt_ids"]) + len(row[f"{side}_ids"]),
        }
        for row in rows
        for side in SIDES
    ]
    return datasets.Dataset.from_list(made)


def _uncertain(logps: torch.Tensor) -> Any:
    """Return log-probabilities, of shape (pairs,), whose odds are finite."""
    return logps.float().clamp(max=ALMOST_CERTAIN)


class OrpoTrainer(ORPOTrainer):
    """ORPO on rows of ours; with ``learn_all`` the nll_loss is of prompts as well."""

    learn_all = False

    def tokenize_row(
        self, feature: dict[str, object], model: object = None
    ) -> dict[str, list[int]]:
        """Take the row's own ids."""
        return padded_row(feature)

    def odds_ratio_loss(
        self,
        policy_chosen_logps: torch.FloatTensor,
        policy_rejected_logps: torch.FloatTensor,
    ) -> Any:
        """Compute equation 9, finite where a probability rounds to one.

        Both arguments are mean log-probabilities per token, of shape (pairs,).
        """
        return super().odds_ratio_loss(
            _uncertain(policy_chosen_logps), _uncertain(policy_rejected_logps)
        )

    def concatenated_forward(self, model: nn.Module, batch: dict[str, Any]) -> Any:
        """Return chosen and rejected logps, their logits, and the chosen's nll_loss.

        Logps are means per token, of shape (pairs,), logits of shape (pairs, columns,
        vocabulary). TRL's own ``nll_loss`` is of prompt and answer, as in the released
        code.
        """
        if self.learn_all:
            return super().concatenated_forward(model, batch)
        joined = self.concatenated_inputs(
            batch, padding_value=self.padding_value, device=self.accelerator.device
        )
        labels = joined["concatenated_labels"][:, 1:]
        columns = (labels != IGNORED).any(dim=0).nonzero().flatten()
        logits = model(
            joined["concatenated_input_ids"],
            attention_mask=joined["concatenated_attention_mask"],
            logits_to_keep=columns,
            use_cache=False,
        ).logits.float()  # (2 x pairs, columns, vocabulary)
        kept: Any = labels[:, columns]  # (2 x pairs, columns)
        pairs = batch["chosen_labels"].shape[0]
        nll_loss = functional.cross_entropy(
            logits[:pairs].flatten(0, 1), kept[:pairs].flatten(), ignore_index=IGNORED
        )
        logps = self.get_batch_logps(
            logits, kept, average_log_prob=True, is_encoder_decoder=True
        )
        return logps[:pairs], logps[pairs:], logits[:pairs], logits[pairs:], nll_loss


class CpoTrainer(CPOTrainer):
    """CPO, or SimPO by its loss_type, on rows of ours."""

    def tokenize_row(
        self, feature: dict[str, object], model: object = None
    ) -> dict[str, list[int]]:
        """Take the row's own ids."""
        return padded_row(feature)


@contextmanager
def answers_alone() -> Iterator[None]:
    """Let TRL project answers alone onto the vocabulary, on a CPU too.

    Where there is no Triton it projects every position, to spare other devices new
    shapes. Of Gemma's time on a CPU that is most.
    """
    before = trl_utils._use_triton
    trl_utils._use_triton = _always
    try:
        yield
    finally:
        trl_utils._use_triton = before


def _always(device: torch.device) -> bool:
    return True


class DpoTrainer(DPOTrainer):
    """DPO on rows of ours."""

    compute_loss = answers_alone()(DPOTrainer.compute_loss)

    def _prepare_dataset(
        self, dataset: datasets.Dataset, *_: object
    ) -> datasets.Dataset:
        return dataset


class KtoTrainer(KTOTrainer):
    """KTO on rows of ours, each answer with its label."""

    compute_loss = answers_alone()(KTOTrainer.compute_loss)

    def _prepare_dataset(
        self, dataset: datasets.Dataset, _: object, args: KTOConfig, *__: object
    ) -> datasets.Dataset:
        rows = unpaired(dataset).shuffle(seed=args.seed)
        if not self.calculate_KL:
            return rows

        def with_kl_answers(batch: dict[str, list[object]]) -> dict[str, list[object]]:
            answers = batch["completion_ids"]
            return {"KL_completion_ids": [answers[-1], *answers[:-1]]}

        # As TRL estimates KL(π || π_ref): a batch's prompts with one another's answers.
        size = args.per_device_train_batch_size
        return rows.map(with_kl_answers, batched=True, batch_size=size)


PreferenceConfig = ORPOConfig | DPOConfig | CPOConfig | KTOConfig
OBJECTIVES: dict[str, tuple[type[PreferenceConfig], type[Trainer]]] = {
    "orpo": (ORPOConfig, OrpoTrainer),
    "dpo": (DPOConfig, DpoTrainer),
    "cpo": (CPOConfig, CpoTrainer),
    "simpo": (CPOConfig, CpoTrainer),
    "kto": (KTOConfig, KtoTrainer),
}
WITH_REFERENCE = ("dpo", "kto")  # their π_ref is the model as it was


def _reference(network: nn.Module) -> nn.Module:
    """Return π_ref: the model as it is, an adapter's factors inside its layers."""
    copied = copy.deepcopy(network)
    if not isinstance(copied, PeftModel):
        return copied
    # TRL's projection of single rows looks for the backbone of a plain model.
    reference: nn.Module = copied.get_base_model()
    return reference.requires_grad_(False)


def preference_trainer(
    objective: str,
    network: nn.Module,
    training: TrainingArguments,
    rows: datasets.Dataset,
    *,
    learn_all: bool,
    **options: Any,
) -> Trainer:
    """Return the objective's trainer; ``options`` are a Trainer's own."""
    _, trainer_class = OBJECTIVES[objective]
    training.remove_unused_columns = False  # "length" is for grouping, not the model
    if objective in WITH_REFERENCE and options.get("peft_config") is None:
        options["ref_model"] = _reference(network)
    trainer = trainer_class(model=network, args=training, train_dataset=rows, **options)
    if isinstance(trainer, OrpoTrainer):
        trainer.learn_all = learn_all
    return trainer
