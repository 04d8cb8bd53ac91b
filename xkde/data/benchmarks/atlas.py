"""Atlas's own benchmark as a file: the form of Bi-ZsRE, with old answers.

Written by ``python -m xkde atlas cases --json``; ``xkde.data.atlas.benchmark`` makes
the same cases without a file, and knows their relations besides.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from xkde.data.benchmarks import bizsre
from xkde.data.benchmarks.parallel import has_field
from xkde.data.benchmarks.records import RowFile, Skipped
from xkde.types import Case

NAME = "atlas"
TITLE = "Atlas"
NEEDS = "several languages, each with “src”, “alt”, “old”, “rephrase”, “loc”"


def fits(value: Any) -> bool:
    """Tell whether a record has the form of Atlas's cases."""
    return bizsre.fits(value) and has_field(value, "old")


def read(files: Sequence[RowFile]) -> tuple[list[Case], list[Skipped]]:
    """Return the cases, one for each row of each file."""
    cases, skipped = bizsre.read(files)
    named = [
        replace(case, id=NAME + case.id.removeprefix(bizsre.NAME)) for case in cases
    ]
    return named, skipped
