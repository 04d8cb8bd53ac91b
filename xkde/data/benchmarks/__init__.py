"""Benchmarks of others, read from their original files into our cases, defects tagged.

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
