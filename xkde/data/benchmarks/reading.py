"""Read a benchmark: a file or a folder, in whichever format, into cases with defects.

What comes from the Hub is read from the folder it was downloaded to. Here formats are
recognised, and files of none are reported. A new format is a module with a ``FORMAT``
and a line in ``FORMATS``.

Try it: ``python -m xkde benchmarks read bizsre_test.json``
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xkde.data.benchmarks import clm_bench, knowedit, mlake, zsre
from xkde.data.benchmarks.defects import tagged
from xkde.data.benchmarks.records import (
    Benchmark,
    BenchmarkFile,
    BenchmarkFileInfo,
    BenchmarkFormat,
    Skipped,
    items_of,
    read_files,
)
from xkde.errors import BenchmarkError
from xkde.languages import language
from xkde.types import PROBES, Case, Probe, Source

# Tried in this order, so a format that asks for more fields comes first.
FORMATS: dict[str, BenchmarkFormat] = {
    "bmike53": zsre.BMIKE53,
    "atlas": zsre.ATLAS,
    "bizsre": zsre.BIZSRE,
    "mzsre": zsre.MZSRE,
    "clm-bench": clm_bench.FORMAT,
    "knowedit": knowedit.FORMAT,
    "mlake": mlake.FORMAT,
    **zsre.SHIPPED_FORMATS,  # in MzsRE's form, so they are read by name only
}


def check_format(name: str | None) -> None:
    """Raise BenchmarkError for a name that is no format's; None is any."""
    if name is not None and name not in FORMATS:
        raise BenchmarkError(
            f"“{name}” is no benchmark that X-KDE reads. Use one of: "
            f"{', '.join(FORMATS)}."
        )


def read_benchmark(name: str | None, path: Path | str) -> Benchmark:
    """Read the benchmark at ``path``; without a name, it is known by its fields.

    Raises BenchmarkError for whatever is not one benchmark, with file and line.
    """
    check_format(name)
    files, skipped = read_files(Path(path))
    chosen = name or _recognised(files)
    belonging, others = _belonging(files, chosen)
    skipped += others
    if not belonging:
        raise _no_benchmark(files[0], FORMATS[chosen].needs)
    kept: list[BenchmarkFile] = []
    for file in belonging:
        fitting, lost = _rows_that_fit(file, chosen)
        kept.append(fitting)
        skipped += lost
    cases, without = FORMATS[chosen].read(kept)
    skipped += without
    if not cases:
        why = f"{_place(skipped[0].source)}: {skipped[0].reason}" if skipped else path
        raise BenchmarkError(
            f"{why}. Not one case of {FORMATS[chosen].title} can be read; a record "
            f"needs {FORMATS[chosen].needs}."
        )
    languages = tuple(dict.fromkeys(code for case in cases for code in case.edits))
    infos = tuple(BenchmarkFileInfo(f.name, f.sha256, len(f.rows)) for f in belonging)
    return Benchmark(chosen, tuple(tagged(cases)), languages, infos, tuple(skipped))


def _belonging(
    files: Sequence[BenchmarkFile], name: str
) -> tuple[list[BenchmarkFile], list[Skipped]]:
    """Return the files that are of a format, and the others with the reason."""
    belonging: list[BenchmarkFile] = []
    skipped: list[Skipped] = []
    for file in files:
        own = _own_name(file) if len(files) > 1 else ""
        if own not in ("", name):
            reason = f"its name says {FORMATS[own].title}"
        elif any(FORMATS[name].fits(row.value) for row in file.rows):
            belonging.append(file)
            continue
        else:
            reason = f"none of its records is of {FORMATS[name].title}"
        skipped.append(Skipped(Source(file.name, 0, 1), reason))
    return belonging, skipped


def _own_name(file: BenchmarkFile) -> str:
    """Return which of the two that share a form a file's name or folder says."""
    name = file.name.lower().replace("_", "").replace("-", "")
    return next((own for own in ("bizsre", "mzsre") if own in name), "")


def _recognised(files: Sequence[BenchmarkFile]) -> str:
    """Return the format of all files that are of one; several are an error."""
    found: dict[str, BenchmarkFile] = {}
    for file in files:
        for row in file.rows:
            name = _format_of(row.value, file)
            if name:
                found.setdefault(name, file)
                break
    if not found:
        raise _no_benchmark(files[0], "")
    if set(found) == {"bizsre", "mzsre"} and not _own_name(found["bizsre"]):
        return "mzsre"  # its English and Chinese pair, among other pairs
    if len(found) > 1:
        names = ", ".join(f"{FORMATS[n].title} ({f.name})" for n, f in found.items())
        raise BenchmarkError(
            f"There are files of several benchmarks: {names}. Give one benchmark's own "
            "folder, or its name as well."
        )
    return next(iter(found))


def _format_of(value: Any, file: BenchmarkFile) -> str:
    """Return the first format that a record fits; the file's name tells two apart.

    MzsRE's English and Chinese pair has the form of Bi-ZsRE.
    """
    name = next((name for name, form in FORMATS.items() if form.fits(value)), "")
    if name == "bizsre" and (_own_name(file) == "mzsre" or set(value) != {"en", "zh"}):
        return "mzsre"
    return name


def _rows_that_fit(
    file: BenchmarkFile, name: str
) -> tuple[BenchmarkFile, list[Skipped]]:
    """Return a file without records of no format; one of another format is an error."""
    skipped: list[Skipped] = []
    rows = []
    for row in file.rows:
        if FORMATS[name].fits(row.value):
            rows.append(row)
            continue
        other = _format_of(row.value, file)
        if other:
            raise BenchmarkError(
                f"{_place(row.source)}: a record of {FORMATS[other].title} among those "
                f"of {FORMATS[name].title}. Give a file of one benchmark."
            )
        skipped.append(Skipped(row.source, f"no record: {_fields(row.value)}"))
    return BenchmarkFile(file.name, file.sha256, tuple(rows)), skipped


def _no_benchmark(file: BenchmarkFile, needs: str) -> BenchmarkError:
    row = file.rows[0]
    if needs:
        return BenchmarkError(
            f"{_place(row.source)}: {_fields(row.value)}. A record needs {needs}."
        )
    titles = ", ".join(form.title for form in FORMATS.values())
    return BenchmarkError(
        f"{_place(row.source)}: {_fields(row.value)}, which is the form of no "
        f"benchmark that X-KDE reads ({titles}). Give the benchmark's original file."
    )


def _fields(value: object) -> str:
    if not isinstance(value, dict):
        return f"a {type(value).__name__} instead of a record"
    return f"a record with the fields {', '.join(list(value)[:8]) or '(none)'}"


def _place(source: Source) -> str:
    return f"{source.file}, line {source.line}"


def for_direction(benchmark: Benchmark, source: str, target: str) -> list[Case]:
    """Return the cases that can be edited in one language and asked in the other."""
    asked = [language(code).code for code in (source, target)]
    for code in asked:
        if code not in benchmark.languages:
            raise BenchmarkError(
                f"{FORMATS[benchmark.name].title} as read from "
                f"{benchmark.files[0].name} has no {language(code).name} ({code}); it "
                f"has {', '.join(benchmark.languages)}. Choose one of these, or read "
                "the file or folder that has it."
            )
    cases = [c for c in benchmark.cases if all(code in c.edits for code in asked)]
    if not cases:
        raise BenchmarkError(
            f"No case of {FORMATS[benchmark.name].title} is in both {asked[0]} and "
            f"{asked[1]}. Read the folder with all its files, or choose another "
            "direction."
        )
    return cases


def counts(benchmark: Benchmark) -> dict[str, dict[Probe, int]]:
    """Return how many questions there are, by language and probe."""
    return {
        code: {
            probe: sum(len(items_of(case, probe, code)) for case in benchmark.cases)
            for probe in PROBES
        }
        for code in benchmark.languages
    }


def defect_counts(cases: Sequence[Case]) -> dict[str, dict[str, Counter[str]]]:
    """Return how many cases have a defect, by kind, probe and language."""
    found: dict[str, dict[str, Counter[str]]] = {}
    for case in cases:
        for defect in case.defects:
            of_kind = found.setdefault(defect.kind, {})
            of_kind.setdefault(defect.probe, Counter())[defect.language] += 1
    return found
