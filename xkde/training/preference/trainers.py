"""TRL's preference trainers, given token ids of ours: ORPO, DPO, CPO, SimPO, KTO.

ORPO is the paper's second stage (equations 7 to 10); the others are its Table 6. Each
loss is TRL's; what differs is that rows come tokenised by ``preference_rows``, and that
ORPO's negative log-likelihood can be taken of answers alone. Knows no data.

Run its tests: ``python -m pytest tests/xkde/training/preference/test_trainers.py``
"""

import copy
import os
from typing import Any

import datasets
import torch
from torch.nn import functional

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from xkde.training.conversations import IGNORED
from xkde.training.preference.rows import padded_row, unpaired

ALMOST_CERTAIN = -1e-6  # log-probability at which the odds are cut off


class OrpoTrainer(ORPOTrainer):
    """ORPO on rows of ours; ``learn_all`` takes the likelihood of prompts as well."""

    learn_all = False

    def tokenize_row(self, feature: dict[str, Any], model: Any = None) -> Any:
        """Take the row's own ids."""
        return padded_row(feature)

    def odds_ratio_loss(
        self, policy_chosen_logps: torch.Tensor, policy_rejected_logps: torch.Tensor
    ) -> Any:
        """Compute equation 9, finite where a probability rounds to one."""
        return super().odds_ratio_loss(
            policy_chosen_logps.float().clamp(max=ALMOST_CERTAIN),
            policy_rejected_logps.float().clamp(max=ALMOST_CERTAIN),
        )

    def concatenated_forward(self, model: Any, batch: dict[str, Any]) -> Any:
        """Return log-probabilities, logits and the chosen answers' likelihood loss.

        TRL's own takes the likelihood of prompt and answer, as the released code did.
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
        kept = labels[:, columns]
        count = batch["chosen_labels"].shape[0]
        likelihood = functional.cross_entropy(
            logits[:count].flatten(0, 1), kept[:count].flatten(), ignore_index=IGNORED
        )
        log_probabilities = self.get_batch_logps(
            logits, kept, average_log_prob=True, is_encoder_decoder=True
        )
        return (
            log_probabilities[:count],
            log_probabilities[count:],
            logits[:count],
            logits[count:],
            likelihood,
        )


class CpoTrainer(CPOTrainer):
    """CPO, or SimPO by its loss_type, on rows of ours."""

    def tokenize_row(self, feature: dict[str, Any], model: Any = None) -> Any:
        """Take the row's own ids."""
        return padded_row(feature)


class DpoTrainer(DPOTrainer):
    """DPO on rows of ours."""

    def _prepare_dataset(self, dataset: datasets.Dataset, *_: Any) -> datasets.Dataset:
        return dataset


class KtoTrainer(KTOTrainer):
    """KTO on rows of ours, each answer with its label."""

    def _prepare_dataset(
        self, dataset: datasets.Dataset, _: Any, args: KTOConfig, *__: Any
    ) -> datasets.Dataset:
        rows = unpaired(dataset).shuffle(seed=args.seed)
        if not self.calculate_KL:
            return rows

        def turned(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
            answers = batch["completion_ids"]
            return {"KL_completion_ids": [answers[-1], *answers[:-1]]}

        # As TRL does it: a batch's prompts with one another's answers.
        size = args.per_device_train_batch_size
        return rows.map(turned, batched=True, batch_size=size)


OBJECTIVES: dict[str, tuple[type[Any], type[Any]]] = {
    "orpo": (ORPOConfig, OrpoTrainer),
    "dpo": (DPOConfig, DpoTrainer),
    "cpo": (CPOConfig, CpoTrainer),
    "simpo": (CPOConfig, CpoTrainer),
    "kto": (KTOConfig, KtoTrainer),
}
WITH_REFERENCE = ("dpo", "kto")  # these compare with the model as it was


def preference_trainer(
    objective: str,
    network: Any,
    training: Any,
    rows: datasets.Dataset,
    *,
    learn_all: bool,
    **options: Any,
) -> Any:
    """Return the objective's trainer; ``options`` are a Trainer's own."""
    _, trainer_class = OBJECTIVES[objective]
    training.remove_unused_columns = False  # "length" is for grouping, not the model
    if objective in WITH_REFERENCE and options.get("peft_config") is None:
        options["ref_model"] = copy.deepcopy(network)
    trainer = trainer_class(model=network, args=training, train_dataset=rows, **options)
    trainer.learn_all = learn_all
    return trainer
