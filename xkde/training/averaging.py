"""Weight averaging of a checkpoint and one that was trained on from it.

    theta = (1 - share) * theta_first + share * theta_second

Further training gains in one place and often loses in another; weights in between keep
most of both (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022,
https://arxiv.org/abs/2109.01903). The share is chosen on the dev split.

Of two LoRA adapters the products B A are averaged, which are what acts. The average has
up to twice the rank; its largest singular values are kept, as many as the rank.

Run it: ``python -m xkde average RUN RUN --share 0.4 --out FOLDER``
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from xkde.checkpoints.folders import ADAPTER_WEIGHTS, CONFIG
from xkde.checkpoints.weights import fingerprint
from xkde.errors import CheckpointError, SettingsError
from xkde.locks import held
from xkde.paths import CARD
from xkde.writing import aside, write_aside

WEIGHTS = "model.safetensors"


def average(first: Path, second: Path, share: float, out: Path) -> Path:
    """Write ``(1 - share) * first + share * second`` in the first's number format.

    All other files are those of the second; its card names both. A folder that holds
    this average already stays as it is. Raises SettingsError for a share outside 0 to 1
    or another existing folder, CheckpointError for weights of different shapes.
    """
    if not 0 <= share <= 1:
        raise SettingsError(f"A share lies between 0 and 1, not {share}.")
    file = ADAPTER_WEIGHTS if (first / ADAPTER_WEIGHTS).is_file() else WEIGHTS
    for folder in (first, second):
        if not (folder / file).is_file():
            raise CheckpointError(
                f"{folder} has no {file}: name a checkpoint's folder whose weights "
                "are in one safetensors file, or two adapters."
            )
    card = _card(first, second, share)
    if out.exists():
        if (out / CARD).is_file() and _read(out / CARD) == card:
            return out
        raise SettingsError(f"{out} is there already. Choose another folder.")
    weights, others = load_file(first / file), load_file(second / file)
    shapes = [{n: w.shape for n, w in each.items()} for each in (weights, others)]
    if shapes[0] != shapes[1]:
        raise CheckpointError(
            f"{first} and {second} are not of one shape: only a checkpoint and what "
            "was trained on from it have an average."
        )
    if file == ADAPTER_WEIGHTS:
        if _scale(first) != _scale(second):
            raise CheckpointError(
                f"The factors of {first} and {second} are scaled differently "
                "(lora_alpha), so they have no average."
            )
        mixed = average_of_adapters(weights, others, share)
    else:
        mixed = {
            name: weight.float().lerp(others[name].float(), share).to(weight.dtype)
            for name, weight in weights.items()
        }
    text = json.dumps(card, ensure_ascii=False, indent=1)
    with held(out), aside(out, shutil.Error, SafetensorError) as part:
        shutil.copytree(second, part)
        save_file(mixed, part / file, metadata={"format": "pt"})
        write_aside(part / CARD, text + "\n")
    return out


def average_of_adapters(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Return the factors A (rank, in) and B (out, rank) of the averaged products."""
    mixed: dict[str, Tensor] = {}
    for name, factor in first.items():
        if "lora_A" not in name:
            continue
        other = name.replace("lora_A", "lora_B")
        # (1 - share) B₁ A₁ + share B₂ A₂ as one product of twice the rank
        left = torch.cat(
            [(1 - share) * first[other].double(), share * second[other].double()], dim=1
        )
        right = torch.cat([factor.double(), second[name].double()], dim=0)
        left_basis, left_rest = torch.linalg.qr(left)
        right_basis, right_rest = torch.linalg.qr(right.T)
        u, singular, v = torch.linalg.svd(left_rest @ right_rest.T)
        rank = len(factor)
        root = singular[:rank].sqrt()
        mixed[other] = left_basis @ u[:, :rank] * root
        mixed[name] = root[:, None] * v[:rank] @ right_basis.T
    return {n: w.to(first[n].dtype).contiguous() for n, w in mixed.items()}


def _scale(folder: Path) -> object:
    return _read(folder / CONFIG).get("lora_alpha")


def _card(first: Path, second: Path, share: float) -> dict[str, object]:
    """Return the second's card with an entry on what was averaged."""
    card = _read(second / CARD) if (second / CARD).is_file() else {}
    averaged = {
        "share": share,
        "first": {"folder": str(first), "weights": fingerprint(first)},
        "second": {"folder": str(second), "weights": fingerprint(second)},
    }
    return {"name": second.name, **card, "averaged": averaged}


def _read(card: Path) -> dict[str, object]:
    try:
        found = json.loads(card.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{card} is no whole JSON. Copy it anew.") from error
    return found if isinstance(found, dict) else {}
