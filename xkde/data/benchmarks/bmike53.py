"""BMIKE-53 (Nie et al., 2025): zsRE, CounterFact and WikiFactDiff in 53 languages.

https://arxiv.org/abs/2406.17764

A file for each data set and language, ``zsRE/zsre_test_de.json``; each row holds
English and that language, with the old answer (not in zsRE) and a ``case_id``, by which
the languages come together. Files named ``en`` hold English and German once more.
"""

from collections.abc import Sequence
from typing import Any

from xkde.data.benchmarks.records import (
    BenchmarkFile,
    BenchmarkFormat,
    Parsed,
    Skipped,
    merged,
)
from xkde.data.benchmarks.zsre import has_field, is_parallel, parallel_case
from xkde.types import Case

NAME = "bmike53"  # before the number in a case's id


def _fits(value: Any) -> bool:
    """Tell whether a record has the form of BMIKE-53."""
    return is_parallel(value) and has_field(value, "port")


def _read(files: Sequence[BenchmarkFile]) -> Parsed:
    """Return one case for each fact of each data set, with the languages of all files.

    ``zsre_test_de`` and ``zsre_test_fr`` are one data set, ``zsre``.
    """
    cases: list[Case] = []
    skipped: list[Skipped] = []
    seen: set[tuple[str, str]] = set()
    for file in files:
        data_set = file.stem.split("_test")[0]
        for row in file.rows:
            sides = row.value.values()
            number = next((s["case_id"] for s in sides if "case_id" in s), None)
            key = f"row{row.source.row}" if number is None else str(number)
            if (file.name, key) in seen:
                skipped.append(Skipped(row.source, f"case_id {key} is there already"))
                continue
            seen.add((file.name, key))
            case, without = parallel_case(row, f"{NAME}/{data_set}/{key}")
            cases += [case] if case else []
            skipped += without
    return merged(cases), skipped


FORMAT = BenchmarkFormat(
    "BMIKE-53",
    "“en” and another language, each with “case_id”, “src”, “alt”, “port”",
    _fits,
    _read,
)
