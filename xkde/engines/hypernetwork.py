"""MEND's hyper-network: from the gradient of an edit to an update of the weights.

Mitchell et al., "Fast Model Editing at Scale", 2022 (https://arxiv.org/abs/2110.11309).
The gradient of a linear layer is a sum over tokens t of outer products of its input u
and of the gradient delta of its output,

    grad W = sum_t delta_t u_t^T

so that it needs (in + out) numbers a token, not in * out. For every token of a layer
l, with z = concat(u, delta) normalised by its mean and deviation over many edits:

    h = z + relu(s1_l * (U1 V1 z + b1) + o1_l)
    g = h + relu(s2_l * (U2 V2 h + b2) + o2_l)
    (u~, delta~) = split(g)
    W <- W - alpha_l * sum_t delta~_t u~_t^T

Layers of one shape share U, V and b; scale s, shift o and rate alpha are a layer's own.
U starts at 0, so an untrained network only normalises: MEND starts as gradient descent.
Knows no edit and no text.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import (
    AutoConfig,
    AutoModel,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.pytorch_utils import Conv1D

from xkde.engines.forward import Pair, answer_logits, mean_pool, nll_losses, pad
from xkde.engines.loading import load_tokenizer
from xkde.errors import CheckpointError, SettingsError

FORMAT = "xkde-mend-1"
EPSILON = 1e-7
RATE_SPEED = 10.0  # how much faster than the other parameters the rates are learned
BLOCKS = 2  # low-rank residual blocks, one after the other

Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]


# Gradients in factors


@dataclass(frozen=True)
class GradientFactors:
    """The gradient, or an update, of one linear layer for every row of a batch."""

    inputs: Tensor  # u: (rows, time, in)
    deltas: Tensor  # delta: (rows, time, out); 0 for tokens without a gradient

    @property
    def matrix(self) -> Tensor:
        """The sum over all rows and tokens, (out, in)."""
        return self.deltas.flatten(0, 1).T @ self.inputs.flatten(0, 1)


LayerFactors = Mapping[str, GradientFactors]  # by the name of the linear layer


def linear_sizes(
    model: PreTrainedModel, patterns: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Return the (in, out) of every linear layer whose name matches a pattern.

    Raises SettingsError for a pattern that none matches ("*.layers.5.mlp.down_proj").
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


def gradient_factors(
    model: PreTrainedModel, names: Sequence[str], pairs: Sequence[Pair]
) -> tuple[dict[str, GradientFactors], Tensor]:
    """Return the gradient of each pair's own NLL, in factors, and the losses, (pairs,).

    The loss of a row is the mean over its own answer, so rows do not affect each other.
    """
    inputs: dict[str, Tensor] = {}
    probes: dict[str, Tensor] = {}

    def watch(name: str) -> Hook:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
            inputs[name] = arguments[0].detach().float()
            # Adding zeros changes nothing; their gradient is that of the output.
            probes[name] = torch.zeros_like(output).requires_grad_()
            return output + probes[name]

        return hook

    with ExitStack() as hooks, torch.enable_grad():
        for name in names:
            handle = model.get_submodule(name).register_forward_hook(watch(name))
            hooks.callback(handle.remove)
        losses = nll_losses(answer_logits(model, pairs))
        deltas = torch.autograd.grad(losses.sum(), [probes[name] for name in names])
    factors = {
        name: GradientFactors(inputs[name], delta.float())
        for name, delta in zip(names, deltas, strict=True)
    }
    return factors, losses.detach()


@contextmanager
def row_updates(model: PreTrainedModel, updates: LayerFactors) -> Iterator[None]:
    """Give each row of the batches inside its own update; the weights stay untouched.

    Gradients flow to the updates.
    """

    def add(update: GradientFactors) -> Hook:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
            products = arguments[0].float() @ update.inputs.transpose(1, 2)
            return output + (products @ update.deltas).to(output.dtype)

        return hook

    with ExitStack() as hooks:
        for name, update in updates.items():
            handle = model.get_submodule(name).register_forward_hook(add(update))
            hooks.callback(handle.remove)
        yield


# The network


class LowRankBlock(nn.Module):
    """``z + relu(scale * (U V z + b) + shift)``; scale and shift are a layer's own."""

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
        """Transform the tokens of one layer, (…, width)."""
        inner: Tensor = self.scale[layer] * self.up(self.down(z)) + self.shift[layer]
        # At 0, where it starts, clamp has a gradient and relu has none.
        return z + inner.clamp(min=0)


class ShapeNetwork(nn.Module):
    """The network of all layers of one shape (in, out)."""

    mean: Tensor  # (layers, in + out)
    deviation: Tensor  # (layers, in + out)

    def __init__(self, sizes: tuple[int, int], rank: int, layers: int) -> None:
        super().__init__()
        self.inputs, self.outputs = sizes
        width = sum(sizes)
        self.blocks = nn.ModuleList(
            LowRankBlock(width, min(rank, width), layers) for _ in range(BLOCKS)
        )
        self.register_buffer("mean", torch.zeros(layers, width))
        self.register_buffer("deviation", torch.ones(layers, width))

    def forward(self, factors: GradientFactors, layer: int) -> GradientFactors:
        """Return both factors transformed; tokens without a gradient stay without."""
        has_gradient = (factors.deltas != 0).any(dim=-1, keepdim=True)
        z = torch.cat([factors.inputs, factors.deltas], dim=-1)
        z = (z - self.mean[layer]) / (self.deviation[layer] + EPSILON)
        for block in self.blocks:
            z = block(z, layer)
        inputs, deltas = z.split([self.inputs, self.outputs], dim=-1)
        return GradientFactors(inputs, deltas * has_gradient)


class HyperNetwork(nn.Module):
    """A network for each shape among the chosen layers, and a rate per layer."""

    first_rate: Tensor  # ()

    def __init__(
        self, sizes: Mapping[str, tuple[int, int]], rank: int, rate: float
    ) -> None:
        super().__init__()
        self.names = tuple(sizes)
        self.rank = rank
        self.sizes = dict(sizes)
        shapes = list(dict.fromkeys(sizes.values()))
        of_shape = {s: [n for n in self.names if sizes[n] == s] for s in shapes}
        # name of a layer -> its network, its index there
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
        """The learned rates alpha, (layers,), in the order of ``names``."""
        # Logarithms: a step changes a rate by a share of it, and never its sign.
        return self.first_rate * (RATE_SPEED * self.log_rates).exp()

    def forward(self, gradients: LayerFactors) -> dict[str, GradientFactors]:
        """Return the update of every layer; its deltas include ``-alpha``."""
        updates, rates = {}, self.rates
        for index, name in enumerate(self.names):
            network, layer = self.places[name]
            changed = self.networks[network](gradients[name], layer)
            updates[name] = GradientFactors(
                changed.inputs, -rates[index] * changed.deltas
            )
        return updates

    @torch.no_grad()
    def fit(self, batches: Sequence[LayerFactors]) -> None:
        """Set mean and deviation of both factors over all tokens with a gradient."""
        for name in self.names:
            network, layer = self.places[name]
            shape_network = self.networks[network]
            assert isinstance(shape_network, ShapeNetwork)
            tokens = torch.cat([_with_gradient(batch[name]) for batch in batches])
            shape_network.mean[layer] = tokens.mean(dim=0)
            shape_network.deviation[layer] = tokens.std(dim=0, correction=0)


def _with_gradient(factors: GradientFactors) -> Tensor:
    """Return u and delta of the tokens that have a gradient, (tokens, in + out)."""
    both = torch.cat([factors.inputs, factors.deltas], dim=-1)
    return both[(factors.deltas != 0).any(dim=-1)]


# Files


def save_network(network: HyperNetwork, file: Path) -> None:
    """Write a network and its shape as one safetensors file."""
    metadata = {
        "form": FORMAT,
        "sizes": json.dumps(network.sizes),
        "rank": str(network.rank),
    }
    state = {n: t.detach().cpu().clone() for n, t in network.state_dict().items()}
    save_file(state, file, metadata)


def load_network(file: Path, device: torch.device) -> HyperNetwork:
    """Read what ``save_network`` wrote; raises CheckpointError for anything else."""
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
        state = load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{file} could not be read as safetensors. Train it again: python -m xkde "
            "train-editor mend"
        ) from error
    if metadata.get("form") != FORMAT:
        raise CheckpointError(
            f"{file} holds no hyper-network. Give the folder that “train-editor mend” "
            "wrote."
        )
    sizes = {
        name: (pair[0], pair[1]) for name, pair in json.loads(metadata["sizes"]).items()
    }
    network = HyperNetwork(sizes, int(metadata["rank"]), rate=1.0)
    network.load_state_dict(state)
    return network.to(device).eval()


HEAD_FILE = "head.safetensors"
LONGEST = 256  # tokens of a question; the rest is cut off
BATCH = 128  # questions in one pass
# Where training starts: a cosine of 0.5 has a probability of 0.5.
SCALE, BIAS = 10.0, -5.0


class ScopeEncoder(nn.Module):
    """Questions as unit vectors; the learned scale and bias of their cosines."""

    def __init__(self, body: PreTrainedModel, width: int) -> None:
        super().__init__()
        self.body = body
        self.projection = nn.Linear(body.config.hidden_size, width, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(SCALE).log())
        self.bias = nn.Parameter(torch.tensor(BIAS))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return unit vectors (rows, width) of ids and mask, both (rows, time)."""
        states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        means = mean_pool(states, mask)
        return normalize(self.projection(means).float(), dim=-1)

    def logits(self, edits: Tensor, queries: Tensor) -> Tensor:
        """Return s * cos + b, (edits, queries), of unit vectors."""
        return self.log_scale.exp() * (edits @ queries.T) + self.bias


@dataclass(frozen=True)
class Scope:
    """A scope classifier with its tokenizer."""

    encoder: ScopeEncoder
    tokenizer: PreTrainedTokenizerBase

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors of questions, (texts, width)."""
        rows = token_ids(self.tokenizer, texts)
        device = self.encoder.bias.device
        parts = [
            self.encoder(*pad(rows[start : start + BATCH], "right", device))
            for start in range(0, len(rows), BATCH)
        ]
        return torch.cat(parts)

    @torch.no_grad()
    def probabilities(self, edits: Tensor, queries: Tensor) -> Tensor:
        """Return p(query in scope of edit), (edits, queries), of unit vectors."""
        return self.encoder.logits(edits, queries).sigmoid()


def token_ids(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> list[list[int]]:
    """Return the token ids of texts, at most LONGEST each."""
    encoded = tokenizer(list(texts), truncation=True, max_length=LONGEST)
    return [list(ids) for ids in encoded["input_ids"]]


def fresh_scope(source: str, layers: int, width: int) -> Scope:
    """Return an untrained classifier on a checkpoint's first layers; 0 keeps all.

    Raises CheckpointError if the checkpoint cannot be used, SettingsError if it has
    fewer layers.
    """
    tokenizer = load_tokenizer(source)
    try:
        body = AutoModel.from_pretrained(
            source,
            config=first_layers(source, layers),
            dtype=torch.float32,
            use_safetensors=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(source, error) from error
    body.config.use_cache = False
    return Scope(ScopeEncoder(body, width), tokenizer)


def first_layers(source: str, layers: int) -> PreTrainedConfig:
    """Return a checkpoint's configuration with its first layers; 0 keeps all."""
    config: PreTrainedConfig = AutoConfig.from_pretrained(source)
    if not 0 <= layers <= config.num_hidden_layers:
        raise SettingsError(
            f"{source} has {config.num_hidden_layers} layers; {layers} of them cannot "
            "be kept."
        )
    if layers:
        config.num_hidden_layers = layers
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[:layers]
    kept: PreTrainedConfig = config
    return kept


def save_scope(scope: Scope, folder: Path) -> None:
    """Write a classifier as safetensors with its tokenizer; the body in bfloat16."""
    encoder = scope.encoder
    deepcopy(encoder.body).bfloat16().save_pretrained(folder)
    scope.tokenizer.save_pretrained(folder)
    head = {
        "projection": encoder.projection.weight,
        "log_scale": encoder.log_scale,
        "bias": encoder.bias,
    }
    tensors = {name: t.detach().float().cpu().clone() for name, t in head.items()}
    save_file(tensors, folder / HEAD_FILE)


def load_scope(folder: Path, device: torch.device) -> Scope:
    """Read what ``save_scope`` wrote; raises CheckpointError if it cannot be used."""
    try:
        head = load_file(folder / HEAD_FILE)
        body = AutoModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(str(folder), error) from error
    encoder = ScopeEncoder(body, len(head["projection"]))
    with torch.no_grad():
        encoder.projection.weight.copy_(head["projection"])
        encoder.log_scale.copy_(head["log_scale"])
        encoder.bias.copy_(head["bias"])
    return Scope(encoder.to(device).eval(), load_tokenizer(folder))


def _unreadable(source: str, error: Exception) -> CheckpointError:
    reason = next(iter(str(error).splitlines()), "").rstrip(".")
    return CheckpointError(
        f"No scope classifier could be made of “{source}”: {reason}. Check that it is "
        "a whole folder with safetensors weights and a tokenizer."
    )
