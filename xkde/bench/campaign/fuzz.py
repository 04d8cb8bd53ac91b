"""Every reader of a file gets damaged ones: it returns something, or says a sentence.

python -m xkde campaign fuzz --count 3000
"""

import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xkde.bench.campaign import damage
from xkde.bench.campaign.damage import Row, Writer
from xkde.checkpoints import inspect_folder
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.data.benchmarks.reading import read_benchmark
from xkde.data.instructions.generation import Generated, read_generated
from xkde.data.instructions.records import Target
from xkde.data.instructions.targets import read_targets
from xkde.data.preferences.files import Pair, read_samples, read_scores
from xkde.data.preferences.opening import open_pairs
from xkde.errors import XkdeError
from xkde.evaluation.results import experiments
from xkde.evaluation.results.rows import load_results
from xkde.memory.files import as_csv, as_jsonl, read_edits

LONGEST_SENTENCE = 1500  # characters of a message
SLOWEST = 5.0  # seconds


@dataclass(frozen=True)
class FuzzedReader:
    """A reader, a whole file of it as rows, and the forms that it takes."""

    read: Callable[[Path], object]
    rows: tuple[Row, ...]
    forms: Mapping[str, Writer]  # by ending


@dataclass(frozen=True)
class FuzzFailure:
    """An input that ended otherwise; ``reader``, ``ending`` and ``number`` name it."""

    reader: str
    ending: str
    number: int
    why: str


@dataclass(frozen=True)
class FuzzCount:
    """What became of the inputs of one reader in one form."""

    reader: str
    ending: str
    inputs: int
    accepted: int
    sentences: int
    failures: tuple[FuzzFailure, ...]
    seconds: float


def _edits(path: Path) -> object:
    edits = read_edits(path, "en").edits
    return as_jsonl(edits).encode(), as_csv(edits).encode()  # they can be written again


def _folder_of(path: Path) -> object:
    (path.parent / "tokenizer.json").write_text("{}")
    path.rename(path.parent / "config.json")
    return inspect_folder(path.parent)


def readers() -> dict[str, FuzzedReader]:
    """Return every reader by name."""
    case = atlas_cases(atlas(), "dev")[0]
    lines, listed = {".jsonl": damage.as_lines}, {".json": damage.as_list}
    parquet = {".parquet": damage.as_parquet}
    edit: Row = asdict(case.edits["en"]) | {"aliases": ["a", "b"]}
    pair: Row = asdict(Pair("a", "f", "r", "en", "zh", "p", "大阪", "东京", 0.5, 0.25))
    sample: Row = {
        "id": "a", "kind": "k", "fact": "f", "relation": "r", "source": "en",
        "target": "zh", "prompt": "p", "golds": ["大阪"], "source_gold": "Osaka",
        "answers": [{"text": "a", "seed": 1, "temperature": 0.8, "finish": "stop"}],
        "engine": "e", "checkpoint": "c", "revision": "", "wrapper": "hf_template",
    }  # fmt: skip
    record = {
        "subject": "Narnia", "src": "What is the capital of Narnia?",
        "rephrase": "Which city is it?", "alt": "Osaka", "loc": "nq question: who?",
        "loc_ans": "Shakespeare",
        "portability": {"New Question": "On which island?", "New Answer": "Honshu"},
    }  # fmt: skip
    generated: Row = asdict(Generated("q", "a", "s"))
    target: Row = asdict(Target("i", "s", "en", "q", "a", True))
    result = dict.fromkeys(("run", "case", "probe", "answer"), "a") | {"exact": True}
    answered = {"size": 1, "group": 0, "place": 0, "is_even": True, "split": "train"}
    config: Row = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama",
        "vocab_size": 10, "num_hidden_layers": 2,
    }  # fmt: skip
    return {
        "memory": FuzzedReader(
            _edits, (edit, edit | {"answer": "b"}),
            lines | listed | {".csv": damage.as_csv},
        ),
        "pairs": FuzzedReader(
            open_pairs, (pair, pair | {"id": "b"}), lines | listed | parquet
        ),
        "samples": FuzzedReader(read_samples, (sample, sample | {"id": "b"}), lines),
        "scores": FuzzedReader(
            read_scores, ({"sample": "a", "answer": 0, "chrf": 0.5},), lines
        ),
        "benchmarks": FuzzedReader(
            lambda path: read_benchmark(None, path),
            ({"en": record, "zh": record}, {"en": record, "zh": record}),
            lines | listed,
        ),
        "generated": FuzzedReader(read_generated, (generated,) * 2, lines),
        "targets": FuzzedReader(read_targets, (target,) * 2, lines),
        "results": FuzzedReader(lambda path: load_results([path]), (result,), parquet),
        "experiments": FuzzedReader(experiments.read, (answered,), parquet),
        "checkpoints": FuzzedReader(
            _folder_of, (config,), {".json": damage.as_object}
        ),
    }  # fmt: skip


def fuzz(count: int, seed: str = "1") -> list[FuzzCount]:
    """Give about ``count`` damaged files in all to the readers; return what became."""
    known = readers()
    forms = [(name, ending) for name, each in known.items() for ending in each.forms]
    share = -(-count // len(forms))
    return [_fuzzed(name, ending, known[name], share, seed) for name, ending in forms]


def _fuzzed(
    name: str, ending: str, reader: FuzzedReader, count: int, seed: str
) -> FuzzCount:
    failures: list[FuzzFailure] = []
    accepted = sentences = 0
    began = time.monotonic()
    inputs = damage.damaged(
        reader.rows, reader.forms[ending], range(count), f"{seed} {name} {ending}"
    )
    for number, content in inputs:
        why = outcome(reader.read, content, ending)
        accepted += why == ""
        sentences += why == "sentence"
        if why not in ("", "sentence"):
            failures.append(FuzzFailure(name, ending, number, why))
    seconds = round(time.monotonic() - began, 2)
    return FuzzCount(name, ending, count, accepted, sentences, tuple(failures), seconds)


def outcome(read: Callable[[Path], Any], content: bytes, ending: str) -> str:
    """Return nothing where a file is taken, "sentence" for one, else what went wrong.

    That is the error with its place, a message that nobody reads to its end, or a wait.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"input{ending}"
        path.write_bytes(content)
        began = time.monotonic()
        try:
            read(path)
            why = ""
        except XkdeError as error:
            is_short = len(str(error)) <= LONGEST_SENTENCE
            why = "sentence" if is_short else f"{len(str(error))} characters"
        except Exception as error:  # to find these is what this is for
            frames = traceback.extract_tb(error.__traceback__)
            ours = [frame for frame in frames if "xkde" in frame.filename]
            place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
            why = f"{type(error).__name__} at {place}"
        if time.monotonic() - began > SLOWEST:
            why = f"{time.monotonic() - began:.0f} seconds"
    return why
