"""Second moments of keys, E[k kᵀ]: what a down projection is fed over a text.

Streamed over a chosen multilingual text until ``tokens`` tokens are read, all layers in
one pass; a killed start goes on where it was and gives the same numbers. Kept in files
under the weights' digest, the text's digest, the size and the layer, so they are never
taken for another model's. Knows no edit.

    moments(load("assets/checkpoints/atlas-base"), [1, 2])

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_moments.py``
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from xkde import paths
from xkde.data.atlas.corpus import conversations
from xkde.data.atlas.world import atlas
from xkde.editors.weights.modules import hooked, projection
from xkde.engines.forward import Padding, logits_at, pad
from xkde.engines.transformers import TransformersEngine
from xkde.errors import DataError
from xkde.types import Message

ATLAS = "atlas"  # the text that is always there: Atlas's own corpus, twelve languages
MIX = {"closed_book": 0.7, "two_hop": 0.1, "dictionary": 0.2}
TIMES_WIDTH = 20  # tokens to read for each number of a key
ROWS = 32  # read at a time
SAVE_EVERY = 50  # batches
INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

Progress = Callable[[int, int], None]  # how many tokens are read, of how many


@dataclass(frozen=True)
class Text:
    """What is read: conversations, or passages of a file as they stand."""

    name: str
    digest: str
    items: Callable[[], Iterator[tuple[Message, ...] | str]]


@dataclass(frozen=True)
class Kept:
    """Where the moments of one model over one text lie."""

    folder: Path
    size: int

    def file(self, layer: int) -> Path:
        """The moments of one layer, whole."""
        return self.folder / f"layer-{layer}.safetensors"

    def part(self, layers: Sequence[int]) -> Path:
        """The sums so far of a stream that is under way."""
        return self.folder / f"part-{'-'.join(map(str, layers))}.safetensors"


def moments(
    engine: TransformersEngine,
    layers: Sequence[int],
    text: str = ATLAS,
    tokens: int | None = None,
    on_progress: Progress | None = None,
) -> dict[int, Tensor]:
    """Return E[k kᵀ] (width, width) of each layer, in float32 on the CPU.

    Reads them where they were kept. ``text`` is "atlas" or a UTF-8 file with a passage
    on each line. Raises DataError for a text that cannot be read or is too short.
    """
    width = projection(engine.model, layers[0]).matrix.shape[1]
    kept = kept_for(engine, text, tokens or TIMES_WIDTH * width)
    missing = [layer for layer in layers if not kept.file(layer).is_file()]
    if missing:
        stream(engine, missing, text_of(text), kept, on_progress)
    return {layer: _read(kept.file(layer), layer)[0] for layer in layers}


def kept_for(engine: TransformersEngine, text: str, size: int) -> Kept:
    """Return where moments of these very weights over this text are kept."""
    read = text_of(text)
    folder = paths.moments() / digest(engine.model) / f"{read.digest}-{size}"
    return Kept(folder, size)


@torch.no_grad()
def digest(model: nn.Module) -> str:
    """Return 16 hex digits of all weights: names, shapes and every number's bits.

    Matrices go in as the exact sums of their rows' and columns' bits, which costs one
    pass over the weights where they lie.
    """
    told = hashlib.sha256()
    for name, weight in model.named_parameters():
        told.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        bits = weight.detach().contiguous().view(INTEGERS[weight.element_size()])
        for axis in range(bits.dim()):
            sums = bits.sum(dim=axis, dtype=torch.int64)
            told.update(sums.cpu().numpy().tobytes())
        if bits.dim() == 1:
            told.update(bits.cpu().numpy().tobytes())
    return told.hexdigest()[:16]


def text_of(name: str) -> Text:
    """Return a text by its name or file."""
    if name == ATLAS:
        return Text(name, _atlas_digest(), _atlas)
    path = Path(name)
    try:
        whole = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The text {name} cannot be read as UTF-8. Give a file with a passage on "
            f"each line, or “{ATLAS}”."
        ) from error
    passages = [line for line in whole.splitlines() if line.strip()]
    return Text(name, _digest(whole), lambda: iter(passages))


def stream(
    engine: TransformersEngine,
    layers: Sequence[int],
    text: Text,
    kept: Kept,
    on_progress: Progress | None = None,
    padding: Padding = "right",
) -> None:
    """Read a text and write each layer's moments; goes on from what a kill left."""
    part = kept.part(layers)
    sums, done, read = _begin(engine, layers, part)
    sequences = cut(_sequences(engine, text), kept.size)
    batches = iter(lambda: list(islice(sequences, ROWS)), [])
    for number, batch in enumerate(batches):
        if number < done:
            continue
        for layer, added in summed(engine, layers, batch, padding).items():
            sums[layer] += added
        read += sum(map(len, batch))
        if on_progress is not None:
            on_progress(read, kept.size)
        if (number + 1) % SAVE_EVERY == 0:
            _write(part, sums, {"batches": number + 1, "tokens": read})
    width = len(sums[layers[0]])
    if read < width:
        raise DataError(
            f"The text {text.name} has {read:,} tokens; second moments of keys of "
            f"{width:,} numbers need at least as many, better {TIMES_WIDTH} times."
        )
    for layer in layers:
        told = {"tokens": read, "text": text.name}
        _write(kept.file(layer), {layer: sums[layer] / read}, told)
    part.unlink(missing_ok=True)


@torch.no_grad()
def summed(
    engine: TransformersEngine,
    layers: Sequence[int],
    sequences: Sequence[Sequence[int]],
    padding: Padding = "right",
) -> dict[int, Tensor]:
    """Return Σ k kᵀ of each layer over all tokens of some sequences, on the CPU."""
    ids, mask = pad(sequences, padding, engine.model.device)
    sums: dict[int, Tensor] = {}

    def keep(layer: int) -> Any:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            keys = arguments[0][mask.bool()].float()
            sums[layer] = (keys.T @ keys).cpu()

        return hook

    with ExitStack() as hooks:
        for layer in layers:
            module = projection(engine.model, layer).module
            hooks.enter_context(hooked(module, keep(layer), before=True))
        last = torch.tensor([-1], device=ids.device)
        logits_at(engine.model, ids, mask, last, use_cache=False)
    return sums


def cut(sequences: Iterator[Sequence[int]], size: int) -> Iterator[Sequence[int]]:
    """Yield sequences until they have ``size`` tokens together, the last one cut."""
    left = size
    for sequence in sequences:
        yield sequence[:left]
        left -= len(sequence)
        if left <= 0:
            return


def _atlas() -> Iterator[tuple[Message, ...]]:
    return (sample.messages for sample in conversations(atlas(), MIX, seed=0))


@cache
def _atlas_digest() -> str:
    start = [m.content for messages in islice(_atlas(), 200) for m in messages]
    return _digest("\n".join(start))


def _sequences(engine: TransformersEngine, text: Text) -> Iterator[Sequence[int]]:
    """Yield the ids of what a text holds; conversations in the model's own marks."""
    for item in text.items():
        if isinstance(item, str):
            ids: Sequence[int] = engine.tokenizer(item)["input_ids"]
        else:
            ids = engine.encode(item).ids
        yield ids[: engine.max_length]


def _begin(
    engine: TransformersEngine, layers: Sequence[int], part: Path
) -> tuple[dict[int, Tensor], int, int]:
    """Return the sums, batches and tokens that an earlier start has left, or zeros."""
    if part.is_file():
        told = {layer: _read(part, layer) for layer in layers}
        metadata = told[layers[0]][1]
        sums = {layer: matrix for layer, (matrix, _) in told.items()}
        return sums, int(metadata["batches"]), int(metadata["tokens"])
    width = projection(engine.model, layers[0]).matrix.shape[1]
    return {layer: torch.zeros(width, width) for layer in layers}, 0, 0


def _write(path: Path, matrices: Mapping[int, Tensor], told: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".aside")
    tensors = {str(layer): matrix for layer, matrix in matrices.items()}
    save_file(tensors, aside, {name: str(value) for name, value in told.items()})
    aside.replace(path)


def _read(path: Path, layer: int) -> tuple[Tensor, dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(str(layer)), file.metadata()
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"The second moments in {path} cannot be read. Delete the file; they will "
            "be computed anew."
        ) from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
