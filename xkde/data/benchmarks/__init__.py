"""Benchmarks of others, read from their original files into our cases, defects tagged.

    clm_bench.py  CLM-Bench
    defects.py    what is wrong with benchmark records
    knowedit.py   KnowEdit
    mlake.py      MLaKE
    reading.py    read a benchmark by name or by its fields
    records.py    what every format shares
    zsre.py       Bi-ZsRE, MzsRE, Atlas's benchmark and the shipped questions

    from xkde.data.benchmarks import read_benchmark
    benchmark = read_benchmark(None, Path("bizsre_test.json"))
    cases = for_direction(benchmark, "en", "zh")

A module holds one format, or several alike; ``reading`` recognises which it is.
"""

from xkde.data.benchmarks.defects import DEFECTS, clean, is_clean
from xkde.data.benchmarks.reading import (
    FORMATS,
    counts,
    for_direction,
    read_benchmark,
)
from xkde.data.benchmarks.records import Benchmark, items_of

__all__ = [
    "DEFECTS",
    "FORMATS",
    "Benchmark",
    "clean",
    "counts",
    "for_direction",
    "is_clean",
    "items_of",
    "read_benchmark",
]
