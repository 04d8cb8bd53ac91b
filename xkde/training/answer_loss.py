"""SFTTrainer with its loss computed only where answers stand.

The loss is SFTTrainer's own (cross-entropy of the labelled tokens, averaged over the
whole step); a test holds the two against each other. TRL computes it in float32 tiles
made for GPUs and large vocabularies; on a CPU, and for answers of a few tokens behind a
prompt of many, those tiles were more than half of a step in a profile of Atlas's base;
here the model is asked for those columns' logits alone. It goes through the model's own
forward, so DDP, DeepSpeed and FSDP see nothing new. Knows no data and no settings.

Run its tests: ``python -m pytest tests/xkde/training/test_answer_loss.py``
"""

from typing import Any

import torch
from torch.nn import functional
from trl import SFTTrainer

from xkde.training.conversations import IGNORED


class AnswerLossTrainer(SFTTrainer):
    """SFTTrainer, asking the model for the logits of answers only."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the mean negative log-likelihood of the labelled tokens.

        ``input_ids`` and ``labels`` are (batch, time); position t predicts label t + 1.
        """
        labels = inputs["labels"][:, 1:]
        columns = (labels != IGNORED).any(dim=0).nonzero().flatten()
        outputs = model(
            **{name: given for name, given in inputs.items() if name != "labels"},
            logits_to_keep=columns,
            use_cache=False,
        )
        logits = outputs.logits.float()  # (batch, columns, vocabulary)
        kept = labels[:, columns]
        total = functional.cross_entropy(
            logits.flatten(0, 1), kept.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        count = (
            (kept != IGNORED).sum()
            if num_items_in_batch is None
            else num_items_in_batch
        )
        loss = total / torch.as_tensor(count, device=total.device).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            # The count is of every process, and DDP averages the gradients over them.
            loss = loss * (self.accelerator.num_processes // self.get_tp_size())
        return (loss, outputs) if return_outputs else loss
