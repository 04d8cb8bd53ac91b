"""The gradient of an edit at linear layers, in two factors, row by row.

The gradient of a linear layer is a sum over tokens of (what came out wrong) times (what
went in): ``sum(delta uT)``. The factors are small where the gradient is as large as the
weights; a change of the weights has the same form. Knows no edit and no text.

Run its tests: ``python -m pytest tests/xkde/engines/test_hypernetwork.py``
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from xkde.engines.forward import Pair, answer_logits, nll_losses
from xkde.errors import SettingsError


@dataclass(frozen=True)
class Factors:
    """The gradient of one linear layer in two factors, for every row of a batch."""

    inputs: Tensor  # u: (rows, time, in)
    deltas: Tensor  # delta: (rows, time, out); 0 where a token had no part

    @property
    def matrix(self) -> Tensor:
        """The sum over all rows and tokens written out, (out, in)."""
        return self.deltas.flatten(0, 1).T @ self.inputs.flatten(0, 1)


Changes = Mapping[str, Factors]  # by the module's name


def linear_sizes(
    model: PreTrainedModel, patterns: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Return the (in, out) of every linear layer whose name fits a pattern.

    Raises SettingsError for a pattern that none fits ("*.layers.5.mlp.down_proj").
    """
    sizes = {
        name: (module.nx, module.nf)
        if isinstance(module, Conv1D)
        else (module.in_features, module.out_features)
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D))
    }
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in sizes):
            raise SettingsError(
                f"No linear layer of the model is named “{pattern}”. Its last ones "
                f"are: {', '.join(list(sizes)[-4:])}."
            )
    return {
        name: size
        for name, size in sizes.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def factors(
    model: PreTrainedModel, names: Sequence[str], pairs: Sequence[Pair]
) -> tuple[dict[str, Factors], Tensor]:
    """Return the gradient of each pair's own loss, in factors, and the losses.

    A row's loss is the mean over its answer's tokens, so that no row feels another.
    """
    inputs: dict[str, Tensor] = {}
    probes: dict[str, Tensor] = {}

    def watch(name: str) -> Any:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
            inputs[name] = arguments[0].detach().float()
            # Nothing is added, but its gradient is that of the output.
            probes[name] = torch.zeros_like(output).requires_grad_()
            return output + probes[name]

        return hook

    with ExitStack() as hooks, torch.enable_grad():
        for name in names:
            handle = model.get_submodule(name).register_forward_hook(watch(name))
            hooks.callback(handle.remove)
        losses = nll_losses(answer_logits(model, pairs))
        found = torch.autograd.grad(losses.sum(), [probes[name] for name in names])
    gradients = {
        name: Factors(inputs[name], delta.float())
        for name, delta in zip(names, found, strict=True)
    }
    return gradients, losses.detach()


@contextmanager
def acting(model: PreTrainedModel, changes: Changes) -> Iterator[None]:
    """Let each row of the batches inside obey its own change, the weights untouched.

    Gradients run through to the changes.
    """

    def obey(change: Factors) -> Any:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
            heard = arguments[0].float() @ change.inputs.transpose(1, 2)
            return output + (heard @ change.deltas).to(output.dtype)

        return hook

    with ExitStack() as hooks:
        for name, change in changes.items():
            handle = model.get_submodule(name).register_forward_hook(obey(change))
            hooks.callback(handle.remove)
        yield
