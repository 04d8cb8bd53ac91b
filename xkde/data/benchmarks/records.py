"""What every benchmark format is read with: rows, answers, cases put together.

Knows no file and no single benchmark. Nothing that is read is changed: answers and
questions stay as they stand in the file.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xkde.types import Case, Probe, ProbeItem, Source


@dataclass(frozen=True)
class Row:
    """One record of a file, as it was read."""

    source: Source
    value: Any


@dataclass(frozen=True)
class RowFile:
    """One file and its records. ``name`` is its path below the folder that is read."""

    name: str
    sha256: str
    rows: tuple[Row, ...]

    @property
    def stem(self) -> str:
        """The file's name without folder and ending."""
        return Path(self.name).stem


@dataclass(frozen=True)
class FileInfo:
    """Which file was read: its name, its digest, the number of its records."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Skipped:
    """A record, or a part of it, that is in the file but in no case; row 0: all."""

    source: Source
    reason: str


@dataclass(frozen=True)
class Benchmark:
    """Cases with where they are from. ``languages`` in the order of the files."""

    name: str
    cases: tuple[Case, ...]
    languages: tuple[str, ...]
    files: tuple[FileInfo, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def sha256(self) -> str:
        """The digest of the one file; of several, that of their names and digests."""
        if len(self.files) == 1:
            return self.files[0].sha256
        lines = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()


def answers(value: Any) -> tuple[str, ...]:
    """Return an answer and its other right forms, of a text, number or nested list."""
    if isinstance(value, list):
        nested = [form for entry in value for form in answers(entry)]
        return tuple(dict.fromkeys(nested))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ()
    form = str(value)
    return (form,) if form.strip() else ()


def item(question: Any, answer: Any, aliases: Any = (), kind: str = "") -> (
    ProbeItem | None
):  # fmt: skip
    """Return a question with its answers, or None where either is missing."""
    asked, forms = answers(question), answers(answer)
    if not asked or not forms:
        return None
    more = tuple(form for form in answers(list(aliases or ())) if form not in forms)
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
