"""MEND's hyper-network: from the gradient of an edit to a change of the weights.

Both factors of the gradient (``gradients``), normalised, pass through one small network
for all layers of a shape, with a scale and a shift for each layer; what comes out is
summed as the gradient is, and added with a learned rate. Untrained, it changes nothing
but the scale: MEND begins as gradient descent. Knows no edit and no text.

Run its tests: ``python -m pytest tests/xkde/engines/test_hypernetwork.py``
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from xkde.engines.gradients import Changes, Factors
from xkde.errors import CheckpointError

FORM = "xkde-mend-1"
EPSILON = 1e-7
QUICKER = 10.0  # how much faster than the rest the rates are learned
BLOCKS = 2  # low-rank residual blocks, one after the other


class LowRankBlock(nn.Module):
    """``z + relu(scale * (U V z + b) + shift)``: scale and shift are a layer's own."""

    def __init__(self, width: int, rank: int, layers: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=False)
        self.up = nn.Linear(rank, width)
        nn.init.xavier_uniform_(self.down.weight)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.scale = nn.Parameter(torch.ones(layers, width))
        self.shift = nn.Parameter(torch.zeros(layers, width))

    def forward(self, z: Tensor, layer: int) -> Tensor:
        """Pass tokens of one layer."""
        inner = self.scale[layer] * self.up(self.down(z)) + self.shift[layer]
        # At 0, where it starts, clamp has a gradient and relu has none.
        return z + inner.clamp(min=0)


class ShapeNetwork(nn.Module):
    """What all layers of one shape share, and what each has of its own."""

    def __init__(self, sizes: tuple[int, int], rank: int, layers: int) -> None:
        super().__init__()
        self.inputs, self.outputs = sizes
        width = sum(sizes)
        self.blocks = nn.ModuleList(
            LowRankBlock(width, min(rank, width), layers) for _ in range(BLOCKS)
        )
        self.register_buffer("mean", torch.zeros(layers, width))
        self.register_buffer("deviation", torch.ones(layers, width))

    def forward(self, factors: Factors, layer: int) -> Factors:
        """Return both factors transformed; tokens without a part stay without."""
        has_part = (factors.deltas != 0).any(dim=-1, keepdim=True)
        z = torch.cat([factors.inputs, factors.deltas], dim=-1)
        z = (z - self.mean[layer]) / (self.deviation[layer] + EPSILON)
        for block in self.blocks:
            z = block(z, layer)
        inputs, deltas = z.split([self.inputs, self.outputs], dim=-1)
        return Factors(inputs, deltas * has_part)


class HyperNetwork(nn.Module):
    """One network for each shape among the chosen layers, and their learned rates."""

    def __init__(
        self, sizes: Mapping[str, tuple[int, int]], rank: int, rate: float
    ) -> None:
        super().__init__()
        self.names = tuple(sizes)
        self.rank = rank
        self.sizes = dict(sizes)
        shapes = list(dict.fromkeys(sizes.values()))
        of_shape = {s: [n for n in self.names if sizes[n] == s] for s in shapes}
        self.places = {
            name: (shapes.index(shape), layer)
            for shape, names in of_shape.items()
            for layer, name in enumerate(names)
        }
        self.networks = nn.ModuleList(
            ShapeNetwork(shape, rank, len(of_shape[shape])) for shape in shapes
        )
        self.register_buffer("first_rate", torch.tensor(rate))
        self.log_rates = nn.Parameter(torch.zeros(len(self.names)))

    @property
    def rates(self) -> Tensor:
        """The learned rate of each layer, in the order of ``names``."""
        # By logarithms: a step changes a rate by a share of it, and never its sign.
        return self.first_rate * (QUICKER * self.log_rates).exp()

    def forward(self, gradients: Changes) -> dict[str, Factors]:
        """Return the change of every layer: the rate and the sign are in its deltas."""
        changes, rates = {}, self.rates
        for index, name in enumerate(self.names):
            network, layer = self.places[name]
            found = self.networks[network](gradients[name], layer)
            changes[name] = Factors(found.inputs, -rates[index] * found.deltas)
        return changes

    @torch.no_grad()
    def fit(self, batches: Sequence[Changes]) -> None:
        """Set the mean and the deviation of both factors, over tokens with a part."""
        for name in self.names:
            network, layer = self.places[name]
            tokens = torch.cat([_with_part(batch[name]) for batch in batches])
            self.networks[network].mean[layer] = tokens.mean(dim=0)
            self.networks[network].deviation[layer] = tokens.std(dim=0, correction=0)


def save_network(network: HyperNetwork, file: Path) -> None:
    """Write a network as one safetensors file, with what it needs to be built again."""
    told = {"form": FORM, "sizes": json.dumps(network.sizes), "rank": str(network.rank)}
    state = {n: t.detach().cpu().clone() for n, t in network.state_dict().items()}
    save_file(state, file, told)


def load_network(file: Path, device: torch.device) -> HyperNetwork:
    """Read what ``save_network`` wrote; raises CheckpointError for anything else."""
    try:
        with safe_open(file, framework="pt") as opened:
            told = opened.metadata() or {}
        state = load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{file} could not be read as safetensors. Train it again: python -m xkde "
            "train-editor mend"
        ) from error
    if told.get("form") != FORM:
        raise CheckpointError(
            f"{file} holds no hyper-network. Give the folder that “train-editor mend” "
            "wrote."
        )
    sizes = {
        name: (pair[0], pair[1]) for name, pair in json.loads(told["sizes"]).items()
    }
    network = HyperNetwork(sizes, int(told["rank"]), rate=1.0)
    network.load_state_dict(state)
    return network.to(device).eval()


def _with_part(found: Factors) -> Tensor:
    """Return the tokens that had a part in the loss, (tokens, in + out)."""
    both = torch.cat([found.inputs, found.deltas], dim=-1)
    return both[(found.deltas != 0).any(dim=-1)]
