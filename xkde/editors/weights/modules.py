"""Where a causal LM keeps what editors change: the MLP down projection of every layer.

Found from the model's config and its modules' shapes, never from its name: Llama, Qwen,
Mistral, Gemma, Phi, OPT, GPT-2 (whose Conv1D keeps its weight transposed), GPT-NeoX and
whatever else has one MLP a layer. Where PEFT has put an adapter around a projection,
the base layer within it is edited: the adapter's own matrices are no projections.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from xkde.errors import CheckpointError, SettingsError

# The names that configs give the MLP's width; without any it is four hidden sizes.
WIDTHS = ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size")
LINEAR = (nn.Linear, Conv1D)
NO_PROJECTION = (
    "Layer {layer} of this model has no MLP down projection, so this editor cannot "
    "take it. Choose an editor that works in the prompt, such as x-kde."
)
SEVERAL_EXPERTS = (
    "Layer {layer} of this model has several experts, so this editor cannot take it. "
    "Choose an editor that works in the prompt, such as x-kde."
)


@dataclass(frozen=True)
class Projection:
    """The MLP down projection of one layer: keys go in, what the layer adds comes out.

    Whatever is computed about it is (out, in); ``as_stored`` turns it as the parameter
    has it.
    """

    layer: int
    name: str  # of its module
    module: nn.Module
    is_transposed: bool  # the parameter is (in, out)

    @property
    def weight_name(self) -> str:
        """The parameter's name, as in a delta."""
        return f"{self.name}.weight"

    @property
    def weight(self) -> nn.Parameter:
        """The parameter as it is stored."""
        weight = self.module.weight
        assert isinstance(weight, nn.Parameter)
        return weight

    @property
    def matrix(self) -> Tensor:
        """A view of the weight as (out, in)."""
        weight = self.weight.detach()
        return weight.T if self.is_transposed else weight

    def as_stored(self, update: Tensor) -> Tensor:
        """Turn an update (out, in) as the parameter is stored."""
        return update.T.contiguous() if self.is_transposed else update


def layers_of(model: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """Return the name and the list of the decoder's layers."""
    count = _layer_count(model)
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return name, module
    raise CheckpointError(
        "The model's layers were not found among its modules, so its weights cannot be "
        "edited. Choose an editor that works in the prompt, such as x-kde."
    )


def down_projections(model: PreTrainedModel) -> tuple[Projection, ...]:
    """Return every layer's down projection; raises CheckpointError if one has none."""
    prefix, layers = layers_of(model)
    return tuple(
        _down_projection(model, f"{prefix}.{index}", layer, index)
        for index, layer in enumerate(layers)
    )


def layer_index(model: PreTrainedModel, layer: int | float) -> int:
    """Return a layer's index: a whole number is one, 0.66 is two thirds of the depth.

    -1 is the last layer. Raises SettingsError for a layer that the model has not.
    """
    count = _layer_count(model)
    if isinstance(layer, float):
        if not 0.0 <= layer < 1.0:
            raise SettingsError(
                f"A layer as a share of the depth lies from 0 to below 1, not {layer}."
            )
        return min(count - 1, round(layer * count))
    if not -count <= layer < count:
        raise SettingsError(
            f"The model has the layers 0 to {count - 1}, not {layer}. Name one of them."
        )
    return layer % count


def projection(model: PreTrainedModel, layer: int | float) -> Projection:
    """Return one layer's down projection."""
    index = layer_index(model, layer)
    prefix, layers = layers_of(model)
    return _down_projection(model, f"{prefix}.{index}", layers[index], index)


def editable_projections(
    model: PreTrainedModel, layers: Sequence[int | float]
) -> list[Projection]:
    """Return the layers' down projections, each once, from the first to the last.

    Raises SettingsError for the model's last layer, where editors of the subject's key
    can do nothing.
    """
    indices = sorted({layer_index(model, layer) for layer in layers})
    if indices[-1] == _layer_count(model) - 1:
        raise SettingsError(
            "What the last layer says of the subject reaches no later token, so an "
            "edit there changes nothing. Choose an earlier layer."
        )
    return [projection(model, index) for index in indices]


@contextmanager
def hooked(
    module: nn.Module, hook: Callable[..., object], *, before: bool = False
) -> Iterator[None]:
    """Run a forward hook (or, ``before``, one on the inputs) inside the block."""
    register = (
        module.register_forward_pre_hook if before else module.register_forward_hook
    )
    handle = register(hook)
    try:
        yield
    finally:
        handle.remove()


class _Reached(Exception):  # noqa: N818 (a signal, no error)
    """Ends a forward pass of which nobody reads the rest."""


@contextmanager
def ending_after(module: nn.Module) -> Iterator[None]:
    """End the block, and a forward pass in it, once a module has given its output.

    Hooks that were put on the module before have run by then.
    """

    def reached(*_: object) -> None:
        raise _Reached

    with suppress(_Reached), hooked(module, reached):
        yield


def _config(model: PreTrainedModel) -> PreTrainedConfig:
    return model.config.get_text_config()


def _layer_count(model: PreTrainedModel) -> int:
    return int(_config(model).num_hidden_layers)


def _sizes(module: nn.Module) -> tuple[int, int]:
    """Return how wide a projection's input and output are."""
    if isinstance(module, Conv1D):
        return int(module.nx), int(module.nf)
    assert isinstance(module, nn.Linear)
    return module.in_features, module.out_features


def _linear_layers(layer: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield a layer's own linear modules; of an adapted one its base layer alone."""
    adapted = [
        n for n, module in layer.named_modules() if hasattr(module, "base_layer")
    ]
    for name, module in layer.named_modules():
        around = [outer for outer in adapted if name.startswith(f"{outer}.")]
        is_own = all(name == f"{outer}.base_layer" for outer in around)
        if isinstance(module, LINEAR) and is_own:
            yield name, module


def _down_projection(
    model: PreTrainedModel, prefix: str, layer: nn.Module, index: int
) -> Projection:
    """Return the projection from the MLP's width to the hidden size.

    Where the two are equal, the MLP's comes last in a layer. Experts would give several
    of them, or none.
    """
    config = _config(model)
    hidden = config.hidden_size
    given = (getattr(config, name, None) for name in WIDTHS)
    width = next((size for size in given if isinstance(size, int)), 4 * hidden)
    found = [
        (name, module)
        for name, module in _linear_layers(layer)
        if _sizes(module) == (width, hidden)
    ]
    if not found or (width != hidden and len(found) > 1):
        raise CheckpointError(
            NO_PROJECTION if not found else SEVERAL_EXPERTS, layer=index
        )
    name, module = found[-1]
    weight = module.weight
    if not (isinstance(weight, Tensor) and weight.is_floating_point()):
        raise CheckpointError(
            "The model's weights are quantised and cannot be edited. Load it in "
            "bfloat16 or float32, or choose an editor that works in the prompt."
        )
    return Projection(index, f"{prefix}.{name}", module, isinstance(module, Conv1D))
