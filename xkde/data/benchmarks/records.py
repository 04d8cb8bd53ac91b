"""What every benchmark format shares: files and their rows, answers, cases joined.

A file is a JSON list or JSON lines; each row keeps its line, so that every complaint
can name it. Nothing that is read is changed: answers and questions stay as they stand
in the file. Knows no single benchmark.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xkde.errors import BenchmarkError
from xkde.text import parse_json
from xkde.types import Case, Probe, ProbeItem, Source

_ENDINGS = (".json", ".jsonl")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class BenchmarkRow:
    """One record of a file, as it was read."""

    source: Source
    value: Any


@dataclass(frozen=True)
class BenchmarkFile:
    """One file and its records. ``name`` is its path below the folder that is read."""

    name: str
    sha256: str
    rows: tuple[BenchmarkRow, ...]

    @property
    def stem(self) -> str:
        """The file's name without folder and ending."""
        return Path(self.name).stem


@dataclass(frozen=True)
class BenchmarkFileInfo:
    """Which file was read: its name, its digest, the number of its records."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Skipped:
    """A record, or a part of it, that is in the file but in no case; row 0: all."""

    source: Source
    reason: str


Parsed = tuple[list[Case], list[Skipped]]


@dataclass(frozen=True)
class BenchmarkFormat:
    """A benchmark's form: what its records need, how to recognise and to read them.

    ``read`` returns the cases of several files, and what of them is in no case.
    """

    title: str
    needs: str
    fits: Callable[[object], bool]
    read: Callable[[Sequence[BenchmarkFile]], Parsed]


@dataclass(frozen=True)
class Benchmark:
    """Cases with where they are from. ``languages`` in the order of the files."""

    name: str
    cases: tuple[Case, ...]
    languages: tuple[str, ...]
    files: tuple[BenchmarkFileInfo, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def sha256(self) -> str:
        """The digest of the one file; of several, that of their names and digests."""
        if len(self.files) == 1:
            return self.files[0].sha256
        lines = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()


def answers(value: object) -> tuple[str, ...]:
    """Return an answer and its other right forms, of a text, number or nested list."""
    if isinstance(value, list):
        nested = [form for entry in value for form in answers(entry)]
        return tuple(dict.fromkeys(nested))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ()
    form = str(value)
    return (form,) if form.strip() else ()


def item(question: object, answer: object, aliases: object = (), kind: str = "") -> (
    ProbeItem | None
):  # fmt: skip
    """Return a question with its answers, or None where either is missing."""
    asked, forms = answers(question), answers(answer)
    if not asked or not forms:
        return None
    more = tuple(form for form in answers(aliases) if form not in forms)
    return ProbeItem(asked[0], forms[0], kind, forms[1:] + more)


def items_of(case: Case, probe: Probe, language: str) -> tuple[ProbeItem, ...]:
    """Return all questions of a probe in a language, the first one first."""
    first = case.probes.get(probe, {}).get(language)
    if first is None:
        return ()
    return (first, *case.further.get(probe, {}).get(language, ()))


def put_items(
    probes: dict[Probe, dict[str, ProbeItem]],
    further: dict[Probe, dict[str, tuple[ProbeItem, ...]]],
    probe: Probe,
    language: str,
    items: Sequence[ProbeItem],
) -> None:
    """Put the questions of one probe and language where a case holds them."""
    if items:
        probes.setdefault(probe, {})[language] = items[0]
    if items[1:]:
        further.setdefault(probe, {})[language] = tuple(items[1:])


def merged(cases: Iterable[Case]) -> list[Case]:
    """Return one case for each id, with every language; what came first stays."""
    found: dict[str, Case] = {}
    for case in cases:
        first = found.get(case.id)
        found[case.id] = case if first is None else _merged(first, case)
    return list(found.values())


def _merged(first: Case, second: Case) -> Case:
    new = [code for code in second.edits if code not in first.edits]
    probes = {probe: dict(items) for probe, items in first.probes.items()}
    for probe, items in second.probes.items():
        added = {code: items[code] for code in new if code in items}
        if added:
            probes[probe] = probes.get(probe, {}) | added
    return replace(
        first,
        edits=first.edits | {code: second.edits[code] for code in new},
        probes=probes,
        sources=first.sources + second.sources,
    )


def read_files(path: Path) -> tuple[list[BenchmarkFile], list[Skipped]]:
    """Return the files of a path, and those of a folder that hold no records."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        hint = ""
        if _HUB_ID.fullmatch(str(path)):
            hint = (
                " A data set of the Hub is downloaded first (hf download "
                f"{path} --repo-type dataset --local-dir FOLDER); then give the folder."
            )
        raise BenchmarkError(f"There is no file or folder “{path}”.{hint}")
    if path.suffix not in _ENDINGS:
        raise BenchmarkError(
            f"{path.name} is no JSON file. Benchmarks are read from .json and .jsonl "
            "files; convert it, or give the original file."
        )
    file = read_rows(path, path.name)
    if not file.rows:
        raise BenchmarkError(f"{path.name} holds no record. Give another file.")
    return [file], []


def _folder(path: Path) -> tuple[list[BenchmarkFile], list[Skipped]]:
    files: list[BenchmarkFile] = []
    skipped: list[Skipped] = []
    for found in sorted(path.rglob("*.json*")):
        name = found.relative_to(path).as_posix()
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if hidden or found.suffix not in _ENDINGS:
            continue
        try:
            file = read_rows(found, name)
        except BenchmarkError:
            if found.read_bytes().lstrip()[:1] == b"[":
                raise  # a list that breaks off is damage, not another kind of file
            skipped.append(Skipped(Source(name, 0, 1), "no list of records"))
            continue
        if file.rows:
            files.append(file)
        else:
            skipped.append(Skipped(Source(name, 0, 1), "it holds no record"))
    if not files:
        raise BenchmarkError(
            f"“{path.name}” holds no .json or .jsonl file with records. Give the "
            "folder in which the benchmark's files lie."
        )
    return files, skipped


def read_rows(path: Path, name: str) -> BenchmarkFile:
    """Read a JSON list or JSON lines; BenchmarkError names the line that is neither."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BenchmarkError(
            f"{name}, line {line}: this is no UTF-8 text. Save the file as UTF-8."
        ) from None
    start = len(text) - len(text.lstrip())
    pairs = _array(text, start, name) if text[start:][:1] == "[" else _lines(text, name)
    rows = (
        BenchmarkRow(Source(name, number, line), value)
        for number, (line, value) in enumerate(pairs, 1)
    )
    return BenchmarkFile(name, hashlib.sha256(content).hexdigest(), tuple(rows))


def _array(text: str, start: int, name: str) -> Iterator[tuple[int, object]]:
    """Yield line and value of each element of the list that begins at ``start``."""
    decoder = json.JSONDecoder()
    place, line, counted = start + 1, 1, 0
    first = True
    while True:
        place = _past_space(text, place)
        if text[place : place + 1] == "]":
            return
        if not first:
            if text[place : place + 1] != ",":
                raise _no_json(text, place, name)
            place = _past_space(text, place + 1)
        try:
            value, end = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise _no_json(text, error.pos, name) from None
        except (ValueError, RecursionError):  # a number or a nesting without end
            raise _no_json(text, place, name) from None
        line, counted = line + text.count("\n", counted, place), place
        yield line, value
        place, first = end, False


def _past_space(text: str, place: int) -> int:
    while text[place : place + 1].isspace():
        place += 1
    return place


def _no_json(text: str, place: int, name: str) -> BenchmarkError:
    line = text.count("\n", 0, place) + 1
    return BenchmarkError(
        f"{name}, line {line}: this is no JSON. A benchmark is a JSON list of records, "
        "or JSON lines; fetch the file again if it was cut off."
    )


def _lines(text: str, name: str) -> Iterator[tuple[int, object]]:
    """Yield line and value of each line; a single object over lines is no list."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError:
            raise BenchmarkError(
                f"{name}, line {number}: neither a JSON list nor JSON lines. Give the "
                "benchmark's own JSON file."
            ) from None
        yield number, value
