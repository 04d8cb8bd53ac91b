"""Bi-ZsRE (Wang et al., 2023): 1,037 English facts and their Chinese translations.

One file, ``bizsre_test.json``. English locality questions begin with ``nq question: ``
and are left so: the released evaluation asks them as they are.
"""

from collections.abc import Sequence
from typing import Any

from xkde.data.benchmarks.parallel import has_field, is_parallel, parallel_case
from xkde.data.benchmarks.records import RowFile, Skipped
from xkde.types import Case

NAME = "bizsre"
TITLE = "Bi-ZsRE"
NEEDS = "“en” and “zh”, each with “src”, “alt”, “rephrase”, “loc”, “loc_ans”"


def fits(value: Any) -> bool:
    """Tell whether a record has the form that Bi-ZsRE and MzsRE share."""
    return is_parallel(value) and not has_field(value, "port")


def read(files: Sequence[RowFile]) -> tuple[list[Case], list[Skipped]]:
    """Return the cases, one for each row of each file."""
    cases: list[Case] = []
    skipped: list[Skipped] = []
    for file in files:
        within = f"{NAME}/" if len(files) == 1 else f"{NAME}/{file.stem}/"
        for row in file.rows:
            case, without = parallel_case(row, f"{within}{row.source.row}")
            cases += [case] if case else []
            skipped += without
    return cases, skipped
