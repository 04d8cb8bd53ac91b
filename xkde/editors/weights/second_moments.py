"""Second moments of keys, C = E[k kᵀ], which ROME, MEMIT and AlphaEdit solve with.

A key k is what a down projection is fed at one token of a text. C is summed over a
chosen multilingual text until ``tokens`` tokens are read, all layers in one pass. A
start that was killed goes on where it was and gives the same numbers. C is kept in
files under the weights' digest, the text's digest, the size and the layer, so it is
never taken for another model's. Later edits of a sequence use the C of the unedited
weights, which the first of them keeps.

The pass ends after the last of the layers, and what all texts of a batch begin with (a
chat template's examples) is read once and counted as often as it stands there.

    second_moments(load("assets/checkpoints/atlas-base"), [1, 2])
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import DynamicCache

from xkde import paths
from xkde.data.atlas.corpus import conversations
from xkde.data.atlas.world import atlas
from xkde.editors.weights.digest import digest
from xkde.editors.weights.modules import ending_after, hooked, projection
from xkde.engines.forward import (
    Padding,
    common_beginning,
    logits_at,
    longest_window,
    pad,
)
from xkde.engines.transformers import TransformersEngine
from xkde.errors import DataError
from xkde.locks import held
from xkde.types import Message
from xkde.writing import aside

ATLAS = "atlas"  # the text that is always there: Atlas's own corpus, twelve languages
MIX = {"closed_book": 0.7, "two_hop": 0.1, "dictionary": 0.2}
TIMES_WIDTH = 20  # tokens to read for each number of a key
ROWS_AT_ONCE = 32  # texts read in one pass
FEWEST_TOKENS = 4  # of a conversation: two marks, a question, an answer
SAVE_EVERY = 50  # batches
PATIENCE = 3600.0  # seconds for another process that computes the same
IN_MEMORY = 1 << 28  # bytes: a larger C is read anew for every edit

Progress = Callable[[int, int], None]  # (tokens that are read, of how many)


@dataclass(frozen=True)
class MomentText:
    """What is read: conversations, or passages of a file as they stand."""

    name: str
    digest: str
    items: Callable[[], Iterator[tuple[Message, ...] | str]]


@dataclass(frozen=True)
class MomentFiles:
    """Where the second moments of one model over one text lie."""

    folder: Path
    size: int  # tokens

    def file(self, layer: int) -> Path:
        """The second moments of one layer, whole."""
        return self.folder / f"layer-{layer}.safetensors"

    def eigen(self, layer: int) -> Path:
        """The eigenvectors of one layer's second moments."""
        return self.folder / f"layer-{layer}-eigenvectors.safetensors"

    def part(self, layers: Sequence[int]) -> Path:
        """The sums so far of a start that is under way."""
        return self.folder / f"part-{'-'.join(map(str, layers))}.safetensors"


def second_moments(
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
    files = files_of(engine, text, tokens or default_size(engine, layers[0]))
    if _missing(files, layers):
        with held(files.folder, PATIENCE):
            # Another process may have written them meanwhile.
            if missing := _missing(files, layers):
                read = text_of(text, files.size)
                read_moments(engine, missing, read, files, on_progress)
    return {layer: _kept(files.file(layer), layer) for layer in layers}


def _missing(files: MomentFiles, layers: Sequence[int]) -> list[int]:
    return [layer for layer in layers if not files.file(layer).is_file()]


def default_size(engine: TransformersEngine, layer: int) -> int:
    """Return how many tokens are read unless somebody says another number."""
    return TIMES_WIDTH * projection(engine.model, layer).matrix.shape[1]


def files_of(engine: TransformersEngine, text: str, size: int) -> MomentFiles:
    """Return where moments of these very weights over this text are kept."""
    read = text_of(text, size).digest
    folder = paths.moments() / digest(engine.model) / f"{read}-{size}"
    return MomentFiles(folder, size)


def text_of(name: str, size: int) -> MomentText:
    """Return a text by its name or file, of which ``size`` tokens are to be read."""
    if name == ATLAS:
        return MomentText(name, _atlas_digest(size), _atlas_conversations)
    path = Path(name)
    try:
        whole = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The text {name} cannot be read as UTF-8. Give a file with a passage on "
            f"each line, or “{ATLAS}”."
        ) from error
    passages = [line for line in whole.splitlines() if line.strip()]
    return MomentText(name, _digest(whole), lambda: iter(passages))


def read_moments(
    engine: TransformersEngine,
    layers: Sequence[int],
    text: MomentText,
    files: MomentFiles,
    on_progress: Progress | None = None,
    padding: Padding = "right",
) -> None:
    """Read a text and write each layer's moments; goes on from what a kill left."""
    part = files.part(layers)
    sums, done, read = _resumed(engine, layers, part)
    sequences = cut(_sequences(engine, text), files.size)
    batches = iter(lambda: list(islice(sequences, ROWS_AT_ONCE)), [])
    for number, batch in enumerate(batches):
        if number < done:
            continue
        for layer, added in sums_of_squares(engine, layers, batch, padding).items():
            sums[layer] += added
        read += sum(map(len, batch))
        if on_progress is not None:
            on_progress(read, files.size)
        if (number + 1) % SAVE_EVERY == 0:
            _write(part, sums, {"batches": number + 1, "tokens": read})
    width = len(sums[layers[0]])
    if read < width:
        raise DataError(
            f"The text {text.name} has {read:,} tokens; second moments of keys of "
            f"{width:,} numbers need at least as many, better {TIMES_WIDTH} times."
        )
    for layer in layers:
        mean = {layer: sums[layer] / read}
        _write(files.file(layer), mean, {"tokens": read, "text": text.name})
    part.unlink(missing_ok=True)


@torch.no_grad()
def sums_of_squares(
    engine: TransformersEngine,
    layers: Sequence[int],
    sequences: Sequence[Sequence[int]],
    padding: Padding = "right",
) -> dict[int, Tensor]:
    """Return Σ k kᵀ of each layer over all tokens of some sequences, on the CPU."""
    model, rows = engine.model, len(sequences)
    shared = common_beginning([sequence[:-1] for sequence in sequences])
    if rows == 1 or max(map(len, sequences)) > longest_window(model):
        shared = []
    cache = DynamicCache(config=model.config)
    sums: dict[int, Tensor] = {}
    last = torch.tensor([-1], device=model.device)
    if shared:
        ids, mask = pad([shared], padding, model.device)
        with _summing(engine, layers, mask, sums, times=rows):
            logits_at(model, ids, mask, last, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(rows)
    rest = [sequence[len(shared) :] for sequence in sequences]
    ids, mask = pad(rest, padding, model.device)
    before = mask.new_ones(rows, len(shared))
    with (
        _summing(engine, layers, mask, sums),
        ending_after(projection(model, max(layers)).module),
    ):
        logits_at(
            model,
            ids,
            torch.cat([before, mask], dim=1),
            last,
            past_key_values=cache if shared else None,
            use_cache=bool(shared),
        )
    return {layer: total.cpu() for layer, total in sums.items()}


@contextmanager
def _summing(
    engine: TransformersEngine,
    layers: Sequence[int],
    mask: Tensor,
    sums: dict[int, Tensor],
    times: int = 1,
) -> Iterator[None]:
    """Add Σ k kᵀ of the tokens under a mask (rows, time), ``times`` counted each."""

    def adding(layer: int) -> Callable[..., None]:
        def add(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            keys = arguments[0][mask.bool()].float()
            squares = (keys.T @ keys).mul_(times)
            sums[layer] = sums[layer] + squares if layer in sums else squares

        return add

    with ExitStack() as hooks:
        for layer in layers:
            module = projection(engine.model, layer).module
            hooks.enter_context(hooked(module, adding(layer), before=True))
        yield


def cut(sequences: Iterator[Sequence[int]], size: int) -> Iterator[Sequence[int]]:
    """Yield sequences until they have ``size`` tokens together, the last one cut."""
    left = size
    for sequence in sequences:
        yield sequence[:left]
        left -= len(sequence)
        if left <= 0:
            return


def _atlas_conversations() -> Iterator[tuple[Message, ...]]:
    return (sample.messages for sample in conversations(atlas(), MIX, seed=0))


@cache
def _atlas_digest(size: int) -> str:
    """Return a digest of the whole text that ``size`` tokens are read of, or more."""
    whole = hashlib.sha256()
    for messages in islice(_atlas_conversations(), -(-size // FEWEST_TOKENS)):
        whole.update(repr([message.content for message in messages]).encode())
    return whole.hexdigest()[:12]


def _sequences(engine: TransformersEngine, text: MomentText) -> Iterator[Sequence[int]]:
    """Yield the ids of what a text holds; conversations in the model's own marks."""
    for item in text.items():
        if isinstance(item, str):
            ids: Sequence[int] = engine.tokenizer(item)["input_ids"]
        else:
            ids = engine.encode(item).ids
        yield ids[: engine.max_length]


def _resumed(
    engine: TransformersEngine, layers: Sequence[int], part: Path
) -> tuple[dict[int, Tensor], int, int]:
    """Return the sums, batches and tokens that an earlier start has left, or zeros."""
    if part.is_file():
        parts = {layer: _read(part, layer) for layer in layers}
        metadata = parts[layers[0]][1]
        sums = {layer: matrix for layer, (matrix, _) in parts.items()}
        return sums, int(metadata["batches"]), int(metadata["tokens"])
    width = projection(engine.model, layers[0]).matrix.shape[1]
    return {layer: torch.zeros(width, width) for layer in layers}, 0, 0


def _kept(path: Path, layer: int) -> Tensor:
    """Return one layer's second moments: the same tensor while the file is the same."""
    seen = path.stat()
    if seen.st_size > IN_MEMORY:
        return _read(path, layer)[0]
    return _in_memory(path, layer, seen.st_mtime_ns)


@lru_cache(maxsize=12)
def _in_memory(path: Path, layer: int, _: int) -> Tensor:
    return _read(path, layer)[0]


def _write(
    path: Path, matrices: Mapping[int, Tensor], metadata: Mapping[str, object]
) -> None:
    tensors = {str(layer): matrix for layer, matrix in matrices.items()}
    more = {name: str(value) for name, value in metadata.items()}
    with aside(path, SafetensorError) as written:
        save_file(tensors, written, more)


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
