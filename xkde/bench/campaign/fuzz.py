"""Every reader of a file gets damaged ones: it returns something, or says a sentence.

python -m xkde campaign fuzz --count 3000
"""

import argparse
import io
import random
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

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
from xkde.evaluation.results.rows import SCHEMA, frame_of, load_results
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


def _results(path: Path) -> object:
    return frame_of(load_results([path]))


def _folder_of(path: Path) -> object:
    (path.parent / "tokenizer.json").write_text("{}")
    path.rename(path.parent / "config.json")
    return inspect_folder(path.parent)


def _plain(kind: pa.DataType) -> object:
    """Return a value of a column's type."""
    if pa.types.is_boolean(kind):
        return True
    return "a" if pa.types.is_string(kind) else 1 if pa.types.is_integer(kind) else 0.5


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
    result: Row = {field.name: _plain(field.type) for field in SCHEMA}
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
        "results": FuzzedReader(_results, (result,) * 3, parquet),
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


# What an option is given; none leads to a model, so that all ends in a moment.
COMMANDS = ("prompt", "languages", "pair", "benchmarks", "data", "checkpoints")


def fuzz_commands(
    main: Callable[[list[str]], int],
    parser_of: Callable[[str], argparse.ArgumentParser],
    count: int,
    seed: str = "1",
) -> FuzzCount:
    """Call commands with odd arguments: they end with 0, 1 or 2, and say why."""
    failures: list[FuzzFailure] = []
    accepted, began = 0, time.monotonic()
    for number in range(count):
        random_ = random.Random(f"{seed} commands {number}")
        name = random_.choice(COMMANDS)
        words = [name, *_odd_words(parser_of(name), random_)]
        with (
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()) as said,
        ):
            try:
                status = main(words)
                why = "" if status == 0 or said.getvalue().strip() else "no word"
            except SystemExit as ended:  # argparse: 0 for --help, 2 for a wrong word
                status = int(ended.code or 0)
                why = "" if status in (0, 2) else f"exit status {status}"
            except Exception as error:  # to find these is what this is for
                status, why = 3, f"{type(error).__name__}: {words}"
        accepted += status == 0
        if why:
            failures.append(FuzzFailure("command line", name, number, why))
    sentences = count - accepted - len(failures)
    seconds = round(time.monotonic() - began, 2)
    return FuzzCount(
        "command line", "", count, accepted, sentences, tuple(failures), seconds
    )


def _odd_words(parser: argparse.ArgumentParser, random_: random.Random) -> list[str]:
    """Return arguments: an action that may be known, options, odd values."""
    options = [text for action in parser._actions for text in action.option_strings]
    actions = [list(action.choices or ()) for action in parser._actions]
    known = [str(choice) for choices in actions for choice in choices]
    values = ["", "-1", "1e999", "nan", "x" * 3000, "\u202e", "/", "/etc/passwd", "--",
              "../..", "=1+1", "日本", "en,zh", "{}", "%s", "a\tb"]  # fmt: skip
    return [
        random_.choice(random_.choice([options, known or values, values]))
        for _ in range(random_.randrange(1, 5))
    ]


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


def outcome(read: Callable[[Path], object], content: bytes, ending: str) -> str:
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
