"""The loss of instruction tuning, computed only where answers stand.

    loss = -1/N * sum over answer tokens t of log p(x_t | x_<t)

The loss is SFTTrainer's own (cross-entropy of the labelled tokens, averaged over the
whole step); a test holds the two against each other. What differs is the cost. The
rows of the answers are selected before the vocabulary projection, so that a batch of
24 short answers behind long prompts projects about 120 rows rather than 1,500; with a
vocabulary of 262,144 that is most of a step. The model's own forward is called, so
DDP, DeepSpeed, FSDP and LoRA work as they do in SFTTrainer.
"""

from typing import Any

import torch
from torch.nn import functional
from trl import SFTTrainer

from xkde.training.conversations import IGNORED


class AnswerLossTrainer(SFTTrainer):
    """SFTTrainer that projects onto the vocabulary at answer positions only."""

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
        is_answer = labels != IGNORED  # (batch, time - 1)
        predicts = functional.pad(is_answer, (0, 1))  # the last position predicts none
        head = self.accelerator.unwrap_model(model).get_output_embeddings()
        # (batch, time, width) becomes (1, answer tokens, width) at the head's door.
        # Slicing whole columns would project every row of the batch at each of them.
        hook = head.register_forward_pre_hook(
            lambda _, hidden_states: (hidden_states[0][predicts].unsqueeze(0),)
        )
        try:
            outputs = model(
                **{name: given for name, given in inputs.items() if name != "labels"},
                use_cache=False,
            )
        finally:
            hook.remove()
        total = functional.cross_entropy(
            outputs.logits[0].float(), labels[is_answer], reduction="sum"
        )
        count = is_answer.sum() if num_items_in_batch is None else num_items_in_batch
        loss = total / torch.as_tensor(count, device=total.device).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            # The count is of every process, and DDP averages the gradients over them.
            loss = loss * (self.accelerator.num_processes // self.get_tp_size())
        return (loss, outputs) if return_outputs else loss
