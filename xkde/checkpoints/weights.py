"""Safetensors weights: which files a folder needs, if they are whole, what they hold.

Reads each file's header and size, never its numbers, so gigabytes take milliseconds and
a truncated file is found before anything is loaded. Knows no torch and no network.

Try it: ``python -c "from pathlib import Path; from xkde.checkpoints import weights;
print(weights.weight_files(Path('assets/checkpoints/atlas-base')))"``
"""

import hashlib
from dataclasses import dataclass
from math import prod
from pathlib import Path

from xkde.errors import CheckpointError
from xkde.text import Json, parse_json

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pth", ".pt", ".ckpt")
CHUNK = 1 << 20  # bytes read at once
LARGEST_HEADER = 100_000_000  # bytes; the format's own limit
AGAIN = "Copy or download the checkpoint again."
CONVERSION = (
    "Only safetensors are loaded, since a pickle can run code. Convert a copy that you "
    'trust: python -c "from transformers import AutoModelForCausalLM as M; '
    "M.from_pretrained('{source}').save_pretrained('converted')\", and take the "
    "tokenizer's files along."
)


@dataclass(frozen=True)
class Tensor:
    """One weight as a safetensors header describes it; ``dtype`` is "BF16" or such."""

    dtype: str
    shape: tuple[int, ...]
    bytes: int

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


def read_json(path: Path) -> Json:
    """Return the object in a JSON file, or raise CheckpointError naming the file."""
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}). Check the file and its rights."
        ) from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON. {AGAIN}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} does not hold a JSON object. {AGAIN}")
    return value


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a folder, every shard of its index among them."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        shards = [folder / name for name in sorted(set(_weight_map(folder).values()))]
        missing = [shard.name for shard in shards if not shard.is_file()]
        if missing:
            raise CheckpointError(
                f"{folder} lacks {len(missing)} of {len(shards)} weight files, "
                f"beginning with {missing[0]}. {AGAIN}"
            )
        return shards
    if any(file.suffix in PICKLES for file in folder.iterdir()):
        raise CheckpointError(
            f"The weights in {folder} are pickle files. "
            f"{CONVERSION.format(source=folder)}"
        )
    raise CheckpointError(
        f"There are no weights in {folder}. It should hold {WEIGHTS}, or shards "
        f"and {INDEX}."
    )


def read_headers(folder: Path) -> dict[Path, dict[str, Tensor]]:
    """Return file → weight name → tensor; raise CheckpointError if anything is torn."""
    headers = {file: read_header(file) for file in weight_files(folder)}
    if folder / WEIGHTS not in headers:
        for name, shard in _weight_map(folder).items():
            if name not in headers[folder / shard]:
                raise CheckpointError(
                    f"{folder / shard} lacks the weight {name} that the index "
                    f"promises. {AGAIN}"
                )
    return headers


def read_header(file: Path) -> dict[str, Tensor]:
    """Return name → tensor of one file, or raise CheckpointError if it is not whole."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        if start == b"version ":
            raise CheckpointError(
                f"{file} is a Git LFS pointer, not the weights. Run: git lfs pull"
            )
        text = stream.read(length) if length <= LARGEST_HEADER else b""
    try:
        header = parse_json(text)
        header.pop("__metadata__", None)
        tensors = {name: _tensor(entry) for name, entry in header.items()}
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{file} is not a safetensors file, or only its beginning. {AGAIN}"
        ) from error
    if size != 8 + length + end:
        raise CheckpointError(
            f"{file} has {size:,} bytes and should have {8 + length + end:,}: it was "
            f"cut off or altered. {AGAIN}"
        )
    return tensors


def _tensor(entry: Json) -> Tensor:
    begin, end = entry["data_offsets"]
    return Tensor(
        str(entry["dtype"]), tuple(int(n) for n in entry["shape"]), end - begin
    )


def _weight_map(folder: Path) -> dict[str, str]:
    weight_map = read_json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{folder / INDEX} has no weight_map. {AGAIN}")
    # Plain names only: an index must not lead out of its folder.
    return {str(key): Path(str(value)).name for key, value in weight_map.items()}


def fingerprint(folder: Path) -> str:
    """Return the first hex digits of the weights' SHA-256: a checkpoint's revision."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()[:12]
