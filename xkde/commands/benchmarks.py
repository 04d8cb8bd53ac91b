"""Read benchmark files of others, and look up what the paper published.

python -m xkde benchmarks read bizsre_test.json
python -m xkde benchmarks read folder_of_mzsre --source zh --json
python -m xkde benchmarks published
python -m xkde benchmarks published 1
"""

import argparse
from collections import Counter
from dataclasses import asdict

from xkde.commands.output import print_json, print_table
from xkde.data.benchmarks import (
    DEFECTS,
    FORMATS,
    Benchmark,
    clean,
    counts,
    read_benchmark,
)
from xkde.data.benchmarks.reading import defect_counts
from xkde.errors import BenchmarkError, InputError
from xkde.evaluation import published as tables
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES, language
from xkde.text import Json
from xkde.types import PROBES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("read", "published"))
    parser.add_argument(
        "what", nargs="?", default="", help="read: file or folder; published: table"
    )
    parser.add_argument(
        "--name", choices=tuple(FORMATS), help="read: the benchmark, if files are mixed"
    )
    parser.add_argument(
        "--source", default="", help="read: language of the edits (default: the first)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked."""
    if arguments.action == "published":
        _published(arguments.what, arguments.json)
        return
    if not arguments.what:
        raise InputError("Name a file or folder to read.")
    benchmark = read_benchmark(arguments.name, arguments.what)
    source = language(arguments.source).code if arguments.source else ""
    source = source or benchmark.languages[0]
    if source not in benchmark.languages:
        raise BenchmarkError(
            f"The benchmark has no edits in {source}; it has "
            f"{', '.join(benchmark.languages)}."
        )
    about = describe(benchmark, source)
    if arguments.json:
        print_json(about)
    else:
        _print_benchmark(benchmark, about)


def describe(benchmark: Benchmark, source: str) -> dict[str, object]:
    """Describe a benchmark: counts, defects, files, and what is left out."""
    whole = clean(benchmark.cases, source)
    reasons = Counter((entry.source.file, entry.reason) for entry in benchmark.skipped)
    return {
        "name": benchmark.name,
        "title": FORMATS[benchmark.name].title,
        "cases": len(benchmark.cases),
        "sha256": benchmark.sha256,
        "source": source,
        "languages": {
            code: {
                "cases": sum(code in case.edits for case in benchmark.cases),
                "questions": of_probe,
                "clean_cases": {probe: len(whole[probe][code]) for probe in PROBES},
            }
            for code, of_probe in counts(benchmark).items()
        },
        "defects": defect_counts(benchmark.cases),
        "files": [asdict(file) for file in benchmark.files],
        "skipped": [
            {"file": file, "reason": reason, "records": n}
            for (file, reason), n in reasons.items()
        ],
    }


def _print_benchmark(benchmark: Benchmark, about: Json) -> None:
    files = len(benchmark.files)
    of_files = "one file" if files == 1 else f"{files} files"
    print(f"{about['title']}: {about['cases']} cases from {of_files}")
    print(f"sha256 {about['sha256']}\n")
    print_table(
        ["language", "cases", *PROBES, *(f"clean {probe[:4]}." for probe in PROBES)],
        [
            [
                code,
                str(of["cases"]),
                *(str(of["questions"][probe]) for probe in PROBES),
                *(str(of["clean_cases"][probe]) for probe in PROBES),
            ]
            for code, of in about["languages"].items()
        ],
    )
    print(f"\nClean: says something about an edit in {about['source']}.\n")
    if about["defects"]:
        print_table(
            ["cases", "defect", "probe", "where most"],
            [
                [str(of.total()), DEFECTS[kind], probe, _most(of)]
                for kind, probes in about["defects"].items()
                for probe, of in probes.items()
            ],
        )
    skipped: Counter[str] = Counter()
    for entry in about["skipped"]:
        skipped[entry["reason"]] += entry["records"]
    for reason, n in skipped.most_common(12):
        print(f"\n{n} × not in a case: {reason}", end="")
    print("" if skipped else "Every record is in a case.")


def _most(found: Counter[str]) -> str:
    return ", ".join(f"{code} {n}" for code, n in found.most_common(4))


def _published(number: str, as_json: bool) -> None:
    if not number:
        _print_published(as_json)
        return
    known = tables.tables()
    if not number.isdigit() or int(number) not in known:
        raise InputError(
            f"“{number}” is no table that is kept here. Use one of: "
            f"{', '.join(str(n) for n in known)}."
        )
    table = known[int(number)]
    cells = [cell for cell in tables.cells() if cell.table == table.number]
    averages = [a for a in tables.averages() if a.table == table.number]
    if as_json:
        checked = [asdict(a) | {"differs": a.differs} for a in averages]
        print_json(
            asdict(table) | {"cells": [asdict(c) for c in cells], "averages": checked}
        )
        return
    print(f"Table {table.number}. {table.title}\n{table.source}")
    print(f"Published, not measured here. Protocol: {table.protocol}.\n")
    columns = list(dict.fromkeys((cell.target, cell.metric) for cell in cells))
    by_target = len({target for target, _ in columns}) > 2
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for cell in cells:
        head = (cell.edit, cell.method, *([cell.metric] if by_target else []))
        column = cell.target if by_target else f"{cell.target} {cell.metric}".strip()
        rows.setdefault(head, {})[column] = f"{cell.value:.2f}"
    heads = list(dict.fromkeys(column for row in rows.values() for column in row))
    first = ["edit", "method", *(["metric"] if by_target else [])]
    print_table(
        [*first, *heads],
        [[*head, *(row.get(h, "") for h in heads)] for head, row in rows.items()],
    )
    for average in averages:
        if average.differs:
            print("\n" + _difference(average))
    for note in (table.protocol_note, *table.notes):
        print(f"\n{note}")


def _difference(average: tables.PaperAverage) -> str:
    edit = f", edit in {average.edit}" if average.edit else ""
    return (
        f"Table {average.table}, {average.method}{edit}: {average.printed:.2f} is "
        f"printed as average, its {average.cells} cells give {average.recomputed:.2f}."
    )


def _print_published(as_json: bool) -> None:
    same = tables.coincidences()
    if as_json:
        print_json(
            {
                "tables": [asdict(table) for table in tables.tables().values()],
                "discrepancies": [asdict(a) for a in tables.discrepancies()],
                "coincidences": [asdict(pair) for pair in same],
                "context": [asdict(work) for work in tables.context()],
            }
        )
        return
    counted = Counter(cell.table for cell in tables.cells())
    print_table(
        ["table", "cells", "benchmark", "what it shows"],
        [
            [
                str(table.number),
                str(counted[table.number]),
                table.benchmark,
                table.title,
            ]
            for table in tables.tables().values()
        ],
    )
    print("\nPrinted averages that their cells do not give:")
    for average in tables.discrepancies():
        print(f"  {_difference(average)}")
    print("\nDifferent measurements with the same numbers:")
    for pair in same:
        one, other = pair.first, pair.second
        print(
            f"  {one.edit}→{one.target}: {one.method} on {one.benchmark} (Table "
            f"{one.table}) and {other.method} on {other.benchmark} (Table "
            f"{other.table}), {', '.join(pair.metrics)}"
        )
    print("\nContext, on other protocols:")
    for work in tables.context():
        figures = "; ".join(f"{what} {value:g}" for what, value in work.figures)
        print(f"  {work.name} ({work.source}), {work.setting}: {figures}")


def add_languages_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--atlas", action="store_true", help="only Atlas's twelve")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_languages(arguments: argparse.Namespace) -> None:
    """List the languages: the twelve of Atlas and MzsRE, and the rest of BMIKE-53's 53.

    python -m xkde languages
    python -m xkde languages --json
    """
    chosen = [
        known
        for code, known in LANGUAGES.items()
        if code in ATLAS_LANGUAGES or not arguments.atlas
    ]
    if arguments.json:
        print_json([asdict(known) for known in chosen])
        return
    print_table(
        ["code", "name", "own name", "MzsRE", "NLLB", "script", "direction", "spaced"],
        [
            [
                k.code,
                k.name,
                k.own_name,
                k.mzsre_code or "–",
                k.nllb_code or "–",
                k.script,
                k.direction,
                "yes" if k.spaced else "no",
            ]
            for k in chosen
        ],
    )
