"""LoRA adapters: a few megabytes that change a base checkpoint (Hu et al., 2021).

An adapter's folder holds what PEFT writes, adapter_config.json and
adapter_model.safetensors, beside card.json and chat_template.jinja. For an adapted
matrix W (out, in) it has A (r, in) and B (out, r): W' = W + (alpha / r) B A
(https://arxiv.org/abs/2106.09685). Knows no torch.
"""

from collections.abc import Mapping
from pathlib import Path

from xkde.checkpoints.catalogue import CATALOGUE, Reference, resolve
from xkde.checkpoints.weights import read_header, read_json
from xkde.errors import CheckpointError
from xkde.paths import CARD

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."  # PEFT's, before the base's own names
FACTORS = (".lora_A.weight", ".lora_B.weight")


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no whole model."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def base_reference(folder: Path) -> str:
    """Return the reference of the base that an adapter was trained on.

    Raises CheckpointError where it is not stated, or stated in two ways.
    """
    card = read_json(folder / CARD) if (folder / CARD).is_file() else {}
    stated = (
        card.get("base"),
        read_json(folder / CONFIG).get("base_model_name_or_path"),
    )
    names = list(dict.fromkeys(_catalogued(str(name)) for name in stated if name))
    if len(names) == 1:
        return names[0]
    if not names:
        raise CheckpointError(
            "The adapter in {folder} does not say which base it belongs to. Write it "
            "into its adapter_config.json: base_model_name_or_path.",
            folder=folder,
        )
    raise CheckpointError(
        "The adapter in {folder} names two bases: its card {card}, its "
        "adapter_config.json {config}. Correct the one that is wrong.",
        folder=folder,
        card=names[0],
        config=names[1],
    )


def base_of(folder: Path) -> Reference:
    """Return where an adapter's base is; raises CheckpointError for an adapter."""
    found = resolve(base_reference(folder))
    if found.path is not None and is_adapter(found.path):
        raise CheckpointError(
            "The base of the adapter in {folder} is an adapter itself. Merge that one "
            "into its own base first, with peft's merge_and_unload().",
            folder=folder,
        )
    return found


def check_fits(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise CheckpointError unless the adapter's matrices fit weights of these shapes.

    ``shapes`` is by the base's own names: (out, in) for a linear layer.
    """
    for name, tensor in read_header(folder / WEIGHTS).items():
        mark = next((each for each in FACTORS if name.endswith(each)), None)
        if mark is None or len(tensor.shape) != 2:
            continue
        own = name.removeprefix(PREFIX).removesuffix(mark)
        weight = shapes.get(f"{own}.weight")
        side = 1 if mark == FACTORS[0] else 0
        if weight is None or len(weight) != 2 or weight[side] != tensor.shape[side]:
            has = "no such weight" if weight is None else f"one of {weight}"
            raise CheckpointError(
                "The adapter in {folder} belongs to another base: it changes {name} "
                "with a factor of {shape}, and this base has {has}. Name the base that "
                "it was trained on in its card.json.",
                folder=folder,
                name=own,
                shape=tensor.shape,
                has=has,
            )


def _catalogued(name: str) -> str:
    """Return the catalogue's reference of a Hub id that a package carries, too."""
    return next(
        (each.reference for each in CATALOGUE.values() if each.repository == name), name
    )
