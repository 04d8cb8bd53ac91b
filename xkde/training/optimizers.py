"""Muon for the matrices of a model, AdamW for its other parameters, as one optimizer.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces the
momentum of a matrix by the nearest orthogonal one; it learns rare facts in fewer steps.
Embeddings (with a tied head), norms and biases go to AdamW.
"""

from typing import Any

import torch
from torch import nn

MUON_SCALE = 5.0  # Muon's learning rate / AdamW's, chosen on Atlas


class MuonWithAdamW(torch.optim.Optimizer):
    """Both optimizers with one step, one schedule and one state."""

    def __init__(self, model: nn.Module, lr: float, weight_decay: float) -> None:
        embedded = {id(p) for m in model.modules() if isinstance(m, nn.Embedding)
                    for p in m.parameters()}  # fmt: skip
        trained = [p for p in model.parameters() if p.requires_grad]
        matrices = [p for p in trained if p.ndim == 2 and id(p) not in embedded]
        others = [p for p in trained if p.ndim != 2 or id(p) in embedded]
        # Groups may be empty: LoRA has matrices only.
        muon = torch.optim.Muon(
            [{"params": matrices}],
            lr=lr * MUON_SCALE,
            weight_decay=weight_decay / MUON_SCALE,
        )
        adamw = torch.optim.AdamW(
            [{"params": others}], lr=lr, betas=(0.9, 0.98), weight_decay=0.0
        )
        self.parts: tuple[torch.optim.Optimizer, ...] = (muon, adamw)
        super().__init__([{"params": matrices}, {"params": others}], {"lr": lr})
        # Shared groups: a scheduler that sets a rate here sets it in both.
        self.param_groups = [*muon.param_groups, *adamw.param_groups]

    def step(self, closure: Any = None) -> Any:
        """Take one step with each; a closure is called once."""
        loss = closure() if closure is not None else None
        for part in self.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the states of both, and share their groups again."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [g for part in self.parts for g in part.param_groups]
