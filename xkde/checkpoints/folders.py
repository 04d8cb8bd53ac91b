"""What a checkpoint folder holds, read from its JSON files and its weights' headers.

Says in milliseconds whether a folder is a whole chat model or else what is missing.
Knows no torch and no transformers.

An adapter's folder (LoRA: Hu et al., 2021, https://arxiv.org/abs/2106.09685) holds what
PEFT writes, adapter_config.json and adapter_model.safetensors, beside card.json and
chat_template.jinja. For an adapted matrix W (out, in) it has A (r, in) and B (out, r):
W' = W + (alpha / r) B A.

Try it: ``python -c "import xkde.checkpoints as c, pathlib;
print(c.inspect_folder(pathlib.Path('assets/checkpoints/atlas-base')))"``
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from xkde import paths
from xkde.checkpoints.catalogue import CATALOGUE, Reference, resolve
from xkde.checkpoints.weights import (
    fingerprint,
    read_header,
    read_headers,
    read_json,
)
from xkde.errors import CheckpointError
from xkde.paths import CARD
from xkde.text import Json

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
)


@dataclass(frozen=True)
class Card:
    """What a checkpoint is and how it was made, as its ``card.json`` says."""

    label: str = ""
    base: str = ""
    stage: str = ""
    data: str = ""
    revision: str = ""
    settings: Json = field(default_factory=dict)
    details: Json = field(default_factory=dict)  # every other key


@dataclass(frozen=True)
class CheckpointInfo:
    """What a folder holds, from its JSON files and the headers of its weights."""

    path: Path
    architecture: str
    model_type: str
    weight_files: tuple[str, ...]
    parameters: int
    bytes: int  # of all weight files
    dtype: str  # safetensors' name of what most bytes are: "BF16"
    vocabulary: int | None
    context: int | None
    card: Card | None
    adapter_parameters: int = 0  # of them; 0 for a whole model


def inspect_folder(path: Path, trust_remote_code: bool = False) -> CheckpointInfo:
    """Return what a folder holds; raise CheckpointError if it is not a chat model.

    An adapter's folder is looked at together with its base, if that is here.
    """
    if not path.is_dir():
        raise CheckpointError(f"There is no folder {path}. Check the path.")
    if is_adapter(path):
        return _inspect_adapter(path, trust_remote_code)
    config = _config(path)
    architecture = _architecture(path, config)
    tokenizer = _tokenizer_config(path)
    if not trust_remote_code and ("auto_map" in config or "auto_map" in tokenizer):
        raise CheckpointError(
            f"The model in {path} brings its own Python code, which would run here. "
            "Choose one that transformers knows, or set trust_remote_code if you trust "
            "it."
        )
    headers = read_headers(path)
    tensors = [tensor for header in headers.values() for tensor in header.values()]
    layers = config.get("num_hidden_layers")
    if isinstance(layers, int) and layers > len(tensors):
        raise CheckpointError(
            f"The model in {path} has {len(tensors):,} weights, and its config.json "
            f"says {layers:,} layers. Copy or download it again."
        )
    bytes_by_dtype: Counter[str] = Counter()
    for tensor in tensors:
        bytes_by_dtype[tensor.dtype] += tensor.bytes
    return CheckpointInfo(
        path=path,
        architecture=architecture,
        model_type=str(config.get("model_type", "")),
        weight_files=tuple(file.name for file in headers),
        parameters=sum(tensor.parameters for tensor in tensors),
        bytes=sum(file.stat().st_size for file in headers),
        dtype=bytes_by_dtype.most_common(1)[0][0] if tensors else "",
        vocabulary=config.get("vocab_size"),
        context=config.get("max_position_embeddings"),
        card=read_card(path),
    )


def _inspect_adapter(path: Path, trust_remote_code: bool) -> CheckpointInfo:
    place = base_of(path)
    if place.path is None:
        raise CheckpointError(
            "The adapter in {folder} needs its base {base}, which is not on this "
            "machine yet. Fetch it first: python -m xkde checkpoints download {base}",
            folder=path,
            base=place.name,
        )
    base = inspect_folder(place.path, trust_remote_code)
    headers = read_headers(place.path).values()
    check_fits(path, {n: t.shape for each in headers for n, t in each.items()})
    own = read_header(path / ADAPTER_WEIGHTS).values()
    count = sum(tensor.parameters for tensor in own)
    return replace(
        base,
        path=path,
        weight_files=(*base.weight_files, ADAPTER_WEIGHTS),
        parameters=base.parameters + count,
        bytes=base.bytes + (path / ADAPTER_WEIGHTS).stat().st_size,
        card=read_card(path),
        adapter_parameters=count,
    )


def read_card(path: Path) -> Card | None:
    """Return the folder's card, or None if it has none."""
    if not (path / paths.CARD).is_file():
        return None
    entries = read_json(path / paths.CARD)
    known = {each.name for each in fields(Card)} - {"details"}
    details = {key: value for key, value in entries.items() if key not in known}
    return Card(
        **{key: entries[key] for key in known if key in entries}, details=details
    )


def _config(path: Path) -> Json:
    if (path / "config.json").is_file():
        return read_json(path / "config.json")
    raise CheckpointError(
        f"There is no config.json in {path}. Choose one that save_pretrained wrote."
    )


def _architecture(path: Path, config: Json) -> str:
    names = config.get("architectures")
    name = str(names[0])[:80] if isinstance(names, list) and names else ""
    if name.endswith(("ForCausalLM", "LMHeadModel")):
        return name
    raise CheckpointError(
        f"The model in {path} is {name or 'of no stated architecture'}, not a causal "
        "language model. Choose one whose config.json names a …ForCausalLM."
    )


def _tokenizer_config(path: Path) -> Json:
    """Return tokenizer_config.json; the tokenizer and its chat template are there."""
    if not any((path / name).is_file() for name in TOKENIZER_FILES):
        raise CheckpointError(
            f"There is no tokenizer in {path}. Copy tokenizer.json and "
            "tokenizer_config.json there from the model's base."
        )
    file = path / "tokenizer_config.json"
    config = read_json(file) if file.is_file() else {}
    if (path / "chat_template.jinja").is_file():
        return config
    if not isinstance(config.get("chat_template"), str):
        raise CheckpointError(
            f"The tokenizer in {path} has no chat template, so no one can say how to "
            "ask the model. Choose a chat model, or add its chat_template.jinja."
        )
    return config


def name_and_weights(reference: str, revision: str | None = None) -> tuple[str, str]:
    """Return a checkpoint's name without its folder, and which weights it has.

    That is the commit of a Hub checkpoint, and of any other the hash of its weights.
    """
    place = resolve(reference, revision)
    if place.package is not None:
        return place.name, place.package.sha256[:12]
    if place.path is None:
        return place.name, place.revision or "main"
    if place.kind == "hub":
        return place.name, place.path.name
    return place.path.name, fingerprint(place.path)


CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
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


def base_for(reference: str) -> str | None:
    """Return the base that a checkpoint was trained from, itself if it is one.

    None where neither the catalogue nor its folder says so.
    """
    entry = CATALOGUE.get(reference.strip())
    if entry is not None:
        return entry.base
    try:
        folder = resolve(reference).path
        if folder is None:
            return None
        if is_adapter(folder):
            return base_reference(folder)
        card = read_card(folder)
    except CheckpointError:
        return None
    return _catalogued(card.base) if card and card.base else None


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
    for name, tensor in read_header(folder / ADAPTER_WEIGHTS).items():
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
