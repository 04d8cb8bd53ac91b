"""Muon for a model's matrices, AdamW for the rest of it, as one optimizer.

Muon (Jordan et al., 2024; ``torch.optim.Muon``) learns rarely seen facts in fewer
steps. It is for matrices that multiply, so embeddings (and a head tied to them), norms
and biases go to AdamW; a Trainer wants one optimizer. Knows no Trainer.

Run its tests: ``python -m pytest tests/xkde/training/test_optimizers.py``
"""

from typing import Any

import torch
from torch import nn

MUON_SCALE = 5.0  # Muon's rate for one AdamW rate: chosen on Atlas


class MuonWithAdamW(torch.optim.Optimizer):
    """Both optimizers behind one step, one schedule and one state."""

    def __init__(self, model: nn.Module, lr: float, weight_decay: float) -> None:
        embedded = {id(p) for m in model.modules() if isinstance(m, nn.Embedding)
                    for p in m.parameters()}  # fmt: skip
        named = [p for p in model.parameters() if p.requires_grad]
        matrices = [p for p in named if p.ndim == 2 and id(p) not in embedded]
        others = [p for p in named if p.ndim != 2 or id(p) in embedded]
        # As groups, which may be empty: LoRA has matrices only.
        muon = torch.optim.Muon(
            [{"params": matrices}],
            lr=lr * MUON_SCALE,
            weight_decay=weight_decay / MUON_SCALE,
        )
        adamw = torch.optim.AdamW(
            [{"params": others}], lr=lr, betas=(0.9, 0.98), weight_decay=0.0
        )
        self.parts = (muon, adamw)
        super().__init__([{"params": matrices}, {"params": others}], {"lr": lr})
        # One list of groups, shared: a scheduler that sets a rate here sets it there.
        self.param_groups = [*muon.param_groups, *adamw.param_groups]

    def step(self, closure: Any = None) -> Any:
        """Take one step with each; a closure is called once."""
        loss = closure() if closure is not None else None
        for part in self.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the state of each, and share its groups again."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [g for part in self.parts for g in part.param_groups]
