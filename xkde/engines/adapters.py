"""A base model with a LoRA adapter, beside the base itself and on the same weights.

The adapted model is a second tree of modules over the base's tensors, so the base stays
as it is and both may run at once. Where the adapted matrices are small they are merged,
W' = W + (alpha / r) B A, into copies of their own: two products fewer a layer and token
for, with Gemma 3 270M, 200 MB. All other tensors, the embedding among them, are shared.
"""

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xkde.checkpoints.adapters import WEIGHTS, check_fits
from xkde.engines.loading import adapter_tokenizer
from xkde.errors import CheckpointError

if TYPE_CHECKING:
    from xkde.engines.transformers import TransformersEngine

MERGED_BYTES = 1 << 30  # adapted matrices of more are not copied but left unmerged


def with_adapter(
    base: "TransformersEngine", folder: Path, merged_bytes: int = MERGED_BYTES
) -> "TransformersEngine":
    """Return an engine of the base with a folder's adapter; ``base`` is not changed.

    Raises CheckpointError for an adapter of another base.
    """
    from peft import PeftModel
    from safetensors import SafetensorError
    from transformers import GenerationConfig

    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            "There is no {file} in {folder}. Copy the adapter again, or save it with "
            "PEFT's save_pretrained.",
            file=WEIGHTS,
            folder=folder,
        )
    parameters = base.model.named_parameters(remove_duplicate=False)
    check_fits(folder, {name: tuple(each.shape) for name, each in parameters})
    try:
        adapted: Any = PeftModel.from_pretrained(
            shared_tree(base.model),
            str(folder),
            torch_device=str(base.device),
            low_cpu_mem_usage=True,  # no random weights first
        )
    except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CheckpointError(
            "The adapter in {folder} could not be loaded: {reason}. Check that it was "
            "made for this base, and by a PEFT of this version or an earlier one.",
            folder=folder,
            reason=reason.rstrip("."),
        ) from error
    network = _merged(adapted, merged_bytes).eval().requires_grad_(False)
    own = folder / "generation_config.json"
    if own.is_file():
        network.generation_config = GenerationConfig.from_pretrained(folder)
    tokenizer = adapter_tokenizer(base.tokenizer, folder)
    return replace(base, model=network, tokenizer=tokenizer)


def shared_tree(model: Any) -> Any:
    """Return the model again: other modules over the same tensors."""
    tensors = (*model.parameters(), *model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def _merged(adapted: Any, merged_bytes: int) -> Any:
    """Return the network with its adapter merged, or active in it if that is large."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers: list[Any] = [
        module.get_base_layer()
        for module in adapted.modules()
        if isinstance(module, BaseTunerLayer)
    ]
    if sum(layer.weight.nbytes for layer in layers) > merged_bytes:
        return adapted.get_base_model()
    for layer in layers:  # else the base's own weights would be changed
        weight = layer.weight.detach().clone()
        layer.weight = torch.nn.Parameter(weight, requires_grad=False)
    return adapted.merge_and_unload()
